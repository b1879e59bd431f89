"""The `dynamo` command: a static table of commands, each loaded only when it is called.

Exit codes: 0 done, 1 or anything else what the started component exits with, 2 wrong usage or
standard output that cannot be written, 127 the component's module, or one that the command needs,
is not installed, 128 + N ended by signal N.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

from dynamo_launch.errors import NOT_INSTALLED, WRONG_USAGE

DISTRIBUTION: Final = "dynamo-conformance"
OWN: Final = ("dynamo_conformance", "dynamo_launch")
UNWRITABLE: Final = (errno.EBADF, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC,
                        errno.EPIPE)  # fmt: skip
OPTIONS: Final = ("-h", "--help", "--version")
ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SIGNALLED: Final = 128
STDERR: Final = 2


class _EndedBySignal(BaseException):
    """Somebody wants the end. No command takes this for an error of its own, as click does Ctrl-C.

    What is half done is taken back on the way out, such as a file that was to replace another.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass(frozen=True, slots=True)
class Command:
    """A command of `dynamo`.

    Attributes:
        name: The word after `dynamo`.
        entry: `module:callable`, called with the words that follow and `prog_name=`; it exits, or
            returns an exit code. A click command is such a callable.
        summary: Its line in `dynamo --help`.
        extra: What brings the packages that it needs beyond the base install.
    """

    name: str
    entry: str
    summary: str
    extra: str = "local"


COMMANDS: Final = (
    Command(
        "serve", "dynamo_launch.serve.serve_command:serve", "Start one component as one process."
    ),
    Command(
        "deploy",
        "dynamo_launch.deploy.deploy_command:deploy",
        "Write what a target needs for a graph.",
    ),
    Command(
        "up", "dynamo_conformance.targets.local.command:up", "Run a whole graph on this machine."
    ),
    Command(
        "lint", "dynamo_conformance.lint.command:lint", "Check manifests without running them."
    ),
    Command(
        "convert", "dynamo_conformance.convert.command:convert", "Rewrite in another API version."
    ),
    Command(
        "upgrade",
        "dynamo_conformance.upgrade.command:upgrade",
        "Say what breaks with another release, and change what is safe.",
    ),
    Command(
        "probe", "dynamo_conformance.probes.command:probe", "Judge an OpenAI endpoint.", "probe"
    ),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run `dynamo WORDS` and return its exit code.

    Args:
        argv: The words after `dynamo`; those of this process by default.
    """
    if argv is not None:
        return _run(list(argv))
    try:
        _take_signals()
        _open_closed_streams()
        return _run(sys.argv[1:])
    except _EndedBySignal as end:
        return SIGNALLED + end.number
    finally:
        _drop_unwritten_errors()


def _run(words: list[str]) -> int:
    try:
        try:
            code = _chosen(words)
        except SystemExit:
            sys.stdout.flush()
            raise
        sys.stdout.flush()
    except OSError as error:
        if error.filename is not None:
            return _refused_by_system(error, words)
        # No file is named: it was standard output.
        if error.errno not in UNWRITABLE:
            raise
        return _unwritten(error, words)
    return code


def _chosen(words: list[str]) -> int:
    if not words:
        sys.stderr.write(help_text())
        return WRONG_USAGE
    name, rest = words[0], words[1:]
    if name in OPTIONS[:2]:
        sys.stdout.write(help_text())
        return 0
    if name == OPTIONS[2]:
        sys.stdout.write(f"dynamo {_version()}\n")
        return 0
    for command in COMMANDS:
        if command.name == name:
            return _call(command, rest)
    sys.stderr.write(f"dynamo: {_refusal(name, rest)}\n")
    return WRONG_USAGE


def _take_signals() -> None:
    """Have what asks for the end raised; what is ignored, as by `nohup`, stays so."""
    from dynamo_conformance.interrupts import outside_locking

    process = os.getpid()

    def end(number: int, _frame: FrameType | None) -> None:
        if os.getpid() != process:
            os._exit(SIGNALLED + number)  # A forked process has nothing to take back.
        raise _EndedBySignal(number)

    for number in ENDING:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            signal.signal(number, outside_locking(end))


def _open_closed_streams() -> None:
    """Have /dev/null stand for closed standard streams: else the next file that is opened does."""
    while (opened := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        os.set_inheritable(opened, True)  # noqa: FBT003 - it takes no keywords
    os.close(opened)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: PTH123, SIM115 - until the end
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: PTH123, SIM115


def help_text() -> str:
    """Return what `dynamo --help` prints."""
    width = max(len(command.name) for command in COMMANDS)
    lines = "\n".join(f"  {command.name:<{width}}  {command.summary}" for command in COMMANDS)
    return (
        "Usage: dynamo COMMAND [WORDS]...\n\n"
        "Start Dynamo components and check graphs of them.\n\n"
        f"Commands:\n{lines}\n\n"
        "Options:\n  --version   Print the version.\n  -h, --help  Print this.\n\n"
        "`dynamo COMMAND --help` says more.\n"
    )


def _call(command: Command, words: list[str]) -> int:
    from importlib import import_module

    module, _, attribute = command.entry.partition(":")
    try:
        function = getattr(import_module(module), attribute)
        code = function(words, prog_name=f"dynamo {command.name}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in OWN:
            raise
        needed = f"dynamo {command.name} needs the Python module {error.name}"
        install = (
            f"install the extra {command.extra}: pip install '{DISTRIBUTION}[{command.extra}]'"
        )
        sys.stderr.write(f"{needed}; {install}\n")
        return NOT_INSTALLED
    return code if isinstance(code, int) else 0


def _refused_by_system(error: OSError, words: list[str]) -> int:
    """Print what the system refuses; a command that knows more has printed that itself."""
    from dynamo_conformance.manifest.terminal_safe import shown

    text = f"{os.fsdecode(error.filename)}: {error.strerror}"
    sys.stderr.write(f"{_called(words)}: {shown(text)}\n")
    return WRONG_USAGE


def _called(words: list[str]) -> str:
    return f"dynamo {words[0]}" if words else "dynamo"


def _unwritten(error: OSError, words: list[str]) -> int:
    """Report that standard output cannot be written, and let nothing try again at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno == errno.EPIPE:  # Who read it wanted no more.
        return SIGNALLED + signal.SIGPIPE
    with suppress(OSError):
        sys.stderr.write(f"{_called(words)}: cannot write to standard output: {error.strerror}\n")
    return WRONG_USAGE


def _drop_unwritten_errors() -> None:
    """Have Python not try again at its end, and then exit with 120."""
    try:
        sys.stderr.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _refusal(name: str, words: list[str]) -> str:
    from dynamo_conformance.manifest.suggest import did_you_mean
    from dynamo_launch.retired_commands import retired_command

    answer = retired_command(name, words)
    if answer is not None:
        return answer
    is_option = name.startswith("-")
    known = OPTIONS if is_option else tuple(command.name for command in COMMANDS)
    hint = did_you_mean(name, known) or f"; there are: {', '.join(known)}"
    return f'unknown {"option" if is_option else "command"} "{name}"{hint}'


def _version() -> str:
    from importlib.metadata import version

    return version(DISTRIBUTION)
