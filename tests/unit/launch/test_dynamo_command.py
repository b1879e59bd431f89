"""The `dynamo` command itself."""

from __future__ import annotations

import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from launch.cli import COMMANDS, main

CASES: list[dict[str, str]] = yaml.safe_load(
    (Path(__file__).parent / "cases" / "commands.yaml").read_text(encoding="utf-8")
)


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
        (["--help"], ["launch.serve", "conformance", "yaml", "click"]),
        (["serve", "in=http", "out=dyn", "--dry-run"], ["yaml", "click", "dynamo"]),
        (["serve", "--engine", "vllm", "M", "--dry-run"], ["yaml", "click", "dynamo", "vllm"]),
    ],
)
def test_nothing_unneeded_is_imported(words: list[str], unwanted: list[str]) -> None:
    program = (
        "import sys; from launch.cli import main; main(sys.argv[1:]); "
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
    assert "launch.cli" in loaded
    assert not loaded & set(unwanted)
