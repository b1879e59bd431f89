"""The `dynamo` command itself."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from dynamo_launch.cli import COMMANDS, main

CASES: list[dict[str, str]] = yaml.safe_load(
    (Path(__file__).parent / "cases" / "commands.yaml").read_text(encoding="utf-8")
)

CALL = "import sys; from dynamo_launch.cli import main; sys.exit(main())"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0

    printed = capsys.readouterr().out
    for command in COMMANDS:
        assert f"  {command.name} " in printed
        assert command.summary in printed


def test_no_words_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert capsys.readouterr().err.startswith("Usage: dynamo COMMAND")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"dynamo {version('dynamo-conformance')}\n"


@pytest.mark.parametrize("case", CASES, ids=[case["words"] for case in CASES])
def test_unknown_and_retired_commands(
    case: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(shlex.split(case["words"])) == 2

    printed = capsys.readouterr()
    assert printed.err == f"dynamo: {case['error']}\n"
    assert printed.out == ""


def test_help_of_serve(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "in=http", "--help"]) == 0
    assert capsys.readouterr().out.startswith("Usage: dynamo serve")


@pytest.mark.parametrize(
    ("words", "unwanted"),
    [
        (["--help"], ["dynamo_launch.serve", "dynamo_conformance", "yaml", "click"]),
        (["serve", "in=http", "out=dyn", "--dry-run"], ["yaml", "click", "dynamo"]),
        (["serve", "--engine", "vllm", "M", "--dry-run"], ["yaml", "click", "dynamo", "vllm"]),
    ],
)
def test_nothing_unneeded_is_imported(words: list[str], unwanted: list[str]) -> None:
    program = (
        "import sys; from dynamo_launch.cli import main; main(sys.argv[1:]); "
        "print(*sys.modules, sep='\\n', file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    loaded = set(done.stderr.splitlines())
    assert "dynamo_launch.cli" in loaded
    assert not loaded & set(unwanted)


ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_ends_any_command_without_a_traceback(number: signal.Signals) -> None:
    process = subprocess.Popen(
        ["env", "--default-signal", sys.executable, "-c", CALL, "lint", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdin is not None
    process.stdin.write(b"#" * 1_000_000)  # A pipe holds less: by now it is read.
    process.send_signal(number)
    printed, _ = process.communicate(timeout=30)
    assert (process.returncode, printed) == (128 + number, b"")


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_ends_a_command_that_is_still_being_loaded(number: signal.Signals) -> None:
    program = f"""
import importlib, os
importlib.import_module = lambda _name: os.kill(os.getpid(), {int(number)})
{CALL}"""
    done = subprocess.run(
        ["env", "--default-signal", sys.executable, "-c", program, "lint", "-"],
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert (done.returncode, done.stdout + done.stderr) == (128 + number, b"")


def test_signals_that_are_ignored_stay_so() -> None:
    program = f"import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n{CALL}"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "lint", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(b"#" * 1_000_000)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=30)
    assert process.returncode == 3


@pytest.mark.parametrize("words", [["lint", "-"], ["convert", "--to", "v1alpha1", "-"]])
def test_closed_standard_input_is_said(words: list[str]) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", sys.executable, "-c", CALL, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert "standard input is closed" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 2


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "words", ["--help", "--version", "deploy --help", "deploy --schema", "lint --list-rules"]
)
@pytest.mark.parametrize(
    ("stream", "code", "text"),
    [
        (">&-", 0, ""),
        ("2>&-", 0, ""),
        ("<&- >&- 2>&-", 0, ""),
        (">/dev/full", 2, "cannot write to standard output: No space left on device\n"),
        ("| true", 0, ""),
    ],
)
def test_streams_that_take_nothing(
    words: str, stream: str, code: int, text: str, unbuffered: str
) -> None:
    done = subprocess.run(
        ["sh", "-c", f'sleep 0.1 | "$0" -c "$1" {words} {stream}', sys.executable, CALL],
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=30,
    )
    assert (done.returncode, done.stderr.partition(": ")[2]) == (code, text)


def test_nobody_reading_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    words = [sys.executable, "-c", CALL, "deploy", "--schema"]
    with open(write, "wb") as nobody:  # noqa: PTH123
        done = subprocess.run(words, stdout=nobody, stderr=subprocess.PIPE, check=False, timeout=30)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", ["no-such-command", "lint", "deploy --nope", "convert none.yaml"])
def test_an_error_that_cannot_be_written_keeps_its_code(words: str, unbuffered: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$0" -c "$1" {words} 2>/dev/full', sys.executable, CALL],
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        check=False,
        timeout=30,
    )
    assert done.returncode == 2


def test_no_file_takes_the_place_of_a_closed_stream() -> None:
    program = (
        "import os; from dynamo_launch.cli import main; main(); print(open(os.devnull).fileno())"
    )
    done = subprocess.run(
        ["sh", "-c", '"$0" -c "$1" --help <&- 2>&-', sys.executable, program],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert int(done.stdout.splitlines()[-1]) > 2
