"""How the mock engine says no: with the real engine's exit code and the same kind of words."""

from __future__ import annotations


class EngineRefusal(Exception):  # noqa: N818 -- a refusal is what it is, like StopIteration
    """A command line this engine does not start with.

    Attributes:
        code: The exit code of the process.
        label: What stands before the message on the last line of the log.
    """

    code = 1
    label = "ValueError"

    def last_line(self) -> str:
        """Return the line the process ends with."""
        return f"{self.label}: {self}"


class UsageRefusal(EngineRefusal):
    """What argparse refuses: an unknown flag, a bad choice, a value of the wrong type."""

    code = 2
    label = "__main__.py: error"


class ValueRefusal(EngineRefusal):
    """What the engine's own checks refuse, in reality with a ValueError and its traceback."""


class LoggedRefusal(ValueRefusal):
    """What Dynamo's own checks log before they end the process."""

    label = "ERROR"


class FileRefusal(EngineRefusal):
    """A file that the command line names and that is not there."""

    label = "FileNotFoundError"


class CannotSimulate(EngineRefusal):
    """What the real engine may well accept, but the mock engine has no way to act out."""

    label = "mock engine"


class HelpAskedFor(EngineRefusal):
    """`--help` or `--version`: nothing starts, and nothing is wrong."""

    code = 0
    label = "mock engine"


class StartFault(EngineRefusal):
    """What goes wrong on the way up: a port in use, a node that never came, a model not there."""

    label = "mock engine"
