"""Checks: whatever the input, no command breaks, hangs or ends with a code that is not true."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from click.testing import CliRunner

from dynamo_conformance.convert.command import convert
from dynamo_conformance.lint.check import check_bytes
from dynamo_conformance.lint.command import FORMATS, lint
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.options import LintOptions

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from types import FrameType

    import click
    from click.testing import Result

DEADLINE = 5.0
SETTINGS = (
    (),
    (),
    ("--strict",),
    ("--cluster-has", "none"),
    ("--cluster-has", "lws,grove,inference-extension"),
    ("--only", "api"),
    ("--skip", "api,yaml"),
    ("--allow-other-files",),
)
BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
VERSIONS = ("v1alpha1", "v1beta1")


class HangError(BaseException):
    """An input took too long; no handler of errors is to catch it."""


@dataclass(frozen=True, slots=True)
class Defect(Exception):  # noqa: N818 - a defect of the commands
    """A command did what it must not do.

    Attributes:
        command: What repeats it.
        what: What it did.
        place: Where, to tell one defect from the next.
    """

    command: str
    what: str
    place: str

    def __str__(self) -> str:
        return f"{self.command}\n{self.what}"


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said of an input, as JSON tells it."""

    graphs: int
    severities: tuple[str, ...]
    is_readable: bool = True

    def code(self, settings: tuple[str, ...]) -> int:
        failing = {"error", "warning"} if "--strict" in settings else {"error"}
        if failing & set(self.severities):
            return 1
        return 0 if self.graphs or "--allow-other-files" in settings else 3


def check_input(path: Path, dice: random.Random) -> None:
    """Give the file at `path` to every command, and raise the defect that shows."""
    data = path.read_bytes()
    settings = dice.choice(SETTINGS)
    said = check_formats(path, settings)
    check_fix(path, settings, said)
    for style in ("text", "json"):
        invoke(lint, "--prerequisites", "--format", style, str(path), codes=(0, 2, 3))
    for version in VERSIONS:
        check_conversion(path, version)
    ensure(path.read_bytes() == data, f"dynamo lint {path}", "the file was changed", "changed")


def check_formats(path: Path, settings: tuple[str, ...]) -> Said:
    """Lint in all formats: each can be read, and all end with the code the findings ask for."""
    words = ("--no-cache", *settings, str(path), "--format")
    text = invoke(lint, *words, "json", codes=(0, 1, 3)).stdout
    read = json.loads(text)
    found = [one for document in read["documents"] for one in document["findings"]]
    severities = tuple(str(one["severity"]) for one in found)
    is_readable = all(one["rule"] != "yaml" for one in found)
    said = Said(len(read["documents"]), severities, is_readable)
    last = len(BREAK.findall(path.read_bytes().decode("utf-8", "replace"))) + 1
    for one in found:
        told = f"line {one['line']} of {last}, column {one['column']}: {one['message']}"
        fine = 1 <= one["line"] <= last + 1 and one["column"] >= 1
        ensure(fine, repeat("lint", *words, "json"), told, f"place of {one['rule']}")
    for style in FORMATS:
        ended = invoke(lint, *words, style, codes=(said.code(settings),))
        fine = _reads_as(style, ended.stdout, len(found))
        ensure(fine, repeat("lint", *words, style), f"no {style}", style)
    return said


def _reads_as(style: str, text: str, findings: int) -> bool:
    """Whether a report can be read back, with all its findings."""
    if style == "sarif":
        return len(json.loads(text)["runs"][0]["results"]) == findings
    if style == "junit":
        return ET.fromstring(text).tag == "testsuites"  # noqa: S314 - our own
    if style == "github":
        commands = [line for line in text.split("\n") if line.startswith("::")]
        return len(commands) == findings and text.count("\n") == findings + 1
    return bool(text.strip())


def check_fix(path: Path, settings: tuple[str, ...], said: Said) -> None:
    """Fix a copy: the second time there is nothing to fix, and it can be read as before."""
    copy = path.with_name(f"fixed-{path.name}")
    copy.write_bytes(path.read_bytes())
    before = f"cp {path} {copy}; "
    words = ("--fix", *settings, str(copy), "--format", "json")
    invoke(lint, *words, codes=(0, 1, 3), before=before)
    before += f"{repeat('lint', *words)}; "
    ended = invoke(lint, *words, codes=(0, 1, 3), before=before)
    command = before + repeat("lint", *words)
    ensure(ended.stderr.startswith("Fixed 0"), command, f"again {ended.stderr}", "fixed twice")
    graphs = json.loads(ended.stdout)["documents"]
    is_readable = all(one["rule"] != "yaml" for graph in graphs for one in graph["findings"])
    ensure(is_readable or not said.is_readable, command, "no YAML any more", "fixed to pieces")
    ensure(len(graphs) == said.graphs, command, "other graphs", "fixed graphs")
    copy.unlink()


def check_conversion(path: Path, version: str) -> None:
    """Convert: what comes out can be read, and converting it again changes nothing."""
    ended = invoke(convert, str(path), "--to", version, codes=(0, 2, 3))
    if ended.exit_code != 0:
        return
    copy = path.with_name(f"converted-{path.name}")
    copy.write_bytes(ended.stdout_bytes)
    before = f"{repeat('convert', str(path), '--to', version)} > {copy}; "
    words = (str(copy), "--to", version)
    again = invoke(convert, *words, codes=(0,), before=before)
    is_same = again.stdout_bytes == ended.stdout_bytes
    ensure(is_same, before + repeat("convert", *words), "it is changed again", "converted twice")
    other = VERSIONS[version == VERSIONS[0]]
    invoke(convert, str(copy), "--to", other, codes=(0, 2), before=before)
    invoke(lint, "--no-cache", str(copy), codes=(0, 1), before=before)
    copy.unlink()


def check_processes(paths: list[Path]) -> None:
    """Give files to whole processes: alone, on stdin, and as one folder, which starts a pool."""
    for path in paths[:3]:
        expected = expected_code([path], named=True)
        run("lint", "--no-cache", str(path), codes=(expected,))
        run("lint", "--no-cache", "-", codes=(expected,), given=path.read_bytes())
        run("convert", "--to", "v1alpha1", str(path), codes=(0, 2, 3))
    folder = paths[0].parent
    expected = expected_code(paths, named=False)
    run("lint", "--no-cache", str(folder), codes=(expected,))


def expected_code(paths: list[Path], *, named: bool) -> int:
    """Return the code that the findings in these files ask for."""
    documents = [
        document
        for path in paths
        for document in check_bytes(
            path.read_bytes(), file=str(path), options=LintOptions(), named=named
        )
    ]
    severities = tuple(str(one.severity) for document in documents for one in document.findings)
    assert set(severities) <= {str(one) for one in Severity}
    return Said(len(documents), severities).code(())


def repeat(name: str, *words: str) -> str:
    """Return what repeats a command."""
    return shlex.join(("dynamo", name, *words))


def invoke(command: click.Command, *words: str, codes: tuple[int, ...], before: str = "") -> Result:
    """Run a command in this process; `before` makes the file that it is run on."""
    name = str(command.name)
    full = before + repeat(name, *words)
    try:
        with deadline():
            ended = CliRunner().invoke(command, words)
    except HangError as error:
        shown = "".join(traceback.format_tb(error.__traceback__)[-6:])
        raise Defect(full, f"longer than {DEADLINE:g} s\n{shown}", _where(error)) from None
    failure = ended.exception
    if failure is not None and not isinstance(failure, SystemExit):
        shown = "".join(traceback.format_exception(failure)[-8:])
        raise Defect(full, shown[-3000:], f"{type(failure).__name__} {_where(failure)}")
    what = f"exit {ended.exit_code}, not one of {codes}\n{ended.output[-2000:]}"
    ensure(ended.exit_code in codes, full, what, f"exit {ended.exit_code} of {name}")
    return ended


def run(*words: str, codes: tuple[int, ...], given: bytes | None = None) -> None:
    """Run a command in a process of its own."""
    full = repeat(*words)
    start = "from dynamo_launch.cli import main; raise SystemExit(main())"
    try:
        done = subprocess.run(
            [sys.executable, "-c", start, *words],
            input=given,
            capture_output=True,
            timeout=DEADLINE * 6,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Defect(full, str(error), "a whole process") from error
    what = f"exit {done.returncode}, not one of {codes}\n{done.stderr.decode()[-3000:]}"
    ensure(done.returncode in codes, full, what, "exit of a whole process")
    ensure(b"Traceback" not in done.stderr, full, what, "traceback of a whole process")


def ensure(fine: bool, command: str, what: str, place: str) -> None:  # noqa: FBT001
    if not fine:
        raise Defect(command, what, place)


@contextmanager
def deadline() -> Iterator[None]:
    """Raise HangError in what takes longer than the deadline."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise HangError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, DEADLINE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _where(error: BaseException) -> str:
    """Return the innermost place in this project's code."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [one for one in frames if "dynamo_conformance" in Path(one.filename).parts]
    last = (ours or frames)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"
