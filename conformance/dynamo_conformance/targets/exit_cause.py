"""Why a process died: its last words, read the way someone who runs Dynamo would."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_CAUSES = {
    r"unrecognized arguments: (?P<words>.+)|Unknown .*argument.*: (?P<other>.+)": (
        "this release of the engine has no such flag: {words}"
    ),
    r"port (?P<words>\d+) (is )?(already )?in use": "port {words} is taken by another process",
    r"[Aa]ddress already in use": (
        "a port that the component listens on is taken by another process"
    ),
    r"invalid choice: (?P<words>\S+)": "the engine does not know the value {words}",
    r"No module named '?(?P<words>[\w.]+)": (
        "the Python module {words} is not installed in this environment"
    ),
    r"^cannot run (?P<words>\S+): \[Errno 2\]": "the program {words} is not here",
    r"kv-transfer-config": "a prefill worker needs --kv-transfer-config naming the connector",
    r"(?P<words>\w[\w.-]*): (command )?not found": "the shell found no command {words}",
    r"No space left on device|Disk quota exceeded|os error 28\b": (
        "the disk that it writes to is full"
    ),
    r"out of memory|OutOfMemory|Cannot allocate memory": "it ran out of memory",
    r"No such file or directory: (?P<words>.+)": "a file it needs is not there: {words}",
}

_ERROR_LINE = re.compile(r"error|refus|invalid|not found|fatal", re.IGNORECASE)
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(Error|Exception): \S")
"""How a Python traceback ends."""

_PART = re.compile(r"^\([\w-]+ pid=\d+\) ")
_ERROR_LEVEL = re.compile(r"^(?:ERROR|CRITICAL) [\d-]+ [\d:]+ \[[\w.]+:\d+\] ?")
"""What vLLM writes before each line of a process that is a part of an engine."""

_ERROR_WORD = re.compile(r"\b(?:ERROR|CRITICAL|FATAL)\b")
"""What Dynamo and the engines write in a line that is an error."""

_MILD = re.compile(r"(?:DEBUG|INFO|WARNING) [\d-]+ [\d:]+ \[")
"""What it writes then of what is no error."""

_PANIC = re.compile(r"thread '.*' .*panicked at .*:$")
"""What Rust writes in the line before the reason."""

_VALIDATION = re.compile(r"\d+ validation errors? for (?P<model>\S+)")
"""What pydantic writes before a field's name, and below that, indented, what is wrong with it."""

_DETAILS = re.compile(r"\s*\[type=\w+, input_value=(?P<value>.*), input_type=\w+\]$")
_ABOVE = re.compile(r"See root cause above|[Ss]ee (the )?(stack trace|logs?|error) above")
_POINTER = re.compile(
    r"https?://\S+|For (further|more) (information|details)|--help\b.*for |RUST_BACKTRACE|"
    + _ABOVE.pattern
)
"""What says where to look, not what is wrong."""


_FAULTS = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)
"""The signals by which a program ends itself."""


def as_signal(code: int) -> int:
    """Return a container's exit code the way a process has it: negative for a signal."""
    first, last = 129, 192
    return 128 - code if first <= code <= last else code


def how_it_ended(code: int) -> str:
    """Return an exit code in words."""
    if code >= 0:
        return f"exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was ended by {name}"


def errors_in(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the lines that say of themselves that they are errors."""
    return tuple(line for line in lines if _ERROR_WORD.search(line))


def likely_cause(code: int, lines: Iterable[str]) -> str:
    """Return the likely cause of an end, or an empty string when its words say nothing known."""
    of_parts = (_PART.sub("", line) for line in lines)
    written = [_ERROR_LEVEL.sub("", line) for line in of_parts if not _MILD.match(line)]
    for line in reversed(written):
        for pattern, cause in _CAUSES.items():
            if (match := re.search(pattern, line)) is not None:
                words = next(filter(None, match.groupdict().values()), "")
                return cause.format(words=words.strip("'\""))
    if -code in _FAULTS:
        return "it crashed: a fault of the engine, or of a library that it loads"
    if code == -signal.SIGKILL:
        return "something outside killed it: a person, or the kernel when memory ran out"
    if code < 0:
        return "something outside ended it"
    return _last_words(written)


def _last_words(lines: list[str]) -> str:
    """Return the line that says what was wrong, or an empty string."""
    for index in reversed(range(len(lines))):
        if (match := _VALIDATION.search(lines[index])) is not None:
            return _invalid_field(match["model"], lines[index + 1 :])
        if _PANIC.search(lines[index]) and index + 1 < len(lines):
            return lines[index + 1].strip()
    latest = [line.strip() for line in reversed(lines)]
    # An exception may name a page after it has said what is wrong.
    exceptions = (line for line in latest if _EXCEPTION.match(line) and not _ABOVE.search(line))
    others = (line for line in latest if _ERROR_LINE.search(line) and not _POINTER.search(line))
    return next(exceptions, None) or next(others, "")


def _invalid_field(model: str, lines: list[str]) -> str:
    """Return pydantic's message about the first field that it does not take."""
    where, reason = model, ""
    for line in lines:
        if line.startswith(" "):
            reason = line.strip()
            break
        where = f"{model}.{line.strip()}"
    details = _DETAILS.search(reason)
    if details is None:
        return f"{where}: {reason}" if reason else where
    return f"{where}: {reason[: details.start()]}; it is {details['value']}"
