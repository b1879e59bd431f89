"""What a launch can be refused for, with the exit code each refusal ends in."""

from __future__ import annotations

WRONG_USAGE = 2
NOT_INSTALLED = 127


class LaunchError(Exception):
    """Nothing was started; the message says what is wrong, where, and what to do.

    Attributes:
        exit_code: What the `dynamo` command exits with.
    """

    exit_code = WRONG_USAGE


class UsageError(LaunchError):
    """The words, the config file or the environment ask for something that cannot be started."""


class NotInstalledError(LaunchError):
    """The module to start is not in this Python environment."""

    exit_code = NOT_INSTALLED
