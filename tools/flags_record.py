"""Watch a program build its argparse parsers: their flags, and the variables behind defaults.

A parser is recorded as the program itself assembles it, so nothing of the assembly is repeated
here. Parsers are recorded in the order in which they get to see the command line; the program is
stopped at the last of them.
"""

from __future__ import annotations

import argparse
import io
import os
import warnings
from collections.abc import Iterator  # noqa: TC003 - contextmanager's annotations are read
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from unittest import mock

# argparse itself reads these, to fold its help.
_NOT_SETTINGS = frozenset({"COLUMNS", "LINES", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"})


class Recorded(Exception):  # noqa: N818 - it is no error; it ends the watched program
    """All expected parsers are recorded."""


@dataclass(slots=True)
class Recording:
    """What was seen.

    Attributes:
        expected: How many parsers see the command line.
        parsers: Those seen so far, in order.
        variables: Environment variables read for an action's default, by the action's identity.
    """

    expected: int
    parsers: list[argparse.ArgumentParser] = field(default_factory=list)
    variables: dict[int, list[str]] = field(default_factory=dict)

    def see(self, parser: argparse.ArgumentParser) -> None:
        """Note that `parser` is given words.

        Raises:
            Recorded: when it is the last one.
        """
        if all(parser is not seen for seen in self.parsers):
            self.parsers.append(parser)
        if len(self.parsers) == self.expected:
            raise Recorded


class _ReadsNoted(dict[str, str]):
    """An environment that notes which variables are asked for."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__(values)
        self.asked: list[str] = []

    def __getitem__(self, key: str) -> str:
        self._note(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self._note(key)
        return super().__contains__(key)

    def get(self, key: str, default: str | None = None) -> str | None:  # type: ignore[override]
        self._note(key)
        return super().get(key, default)

    def _note(self, key: object) -> None:
        if isinstance(key, str) and key not in _NOT_SETTINGS and key not in self.asked:
            self.asked.append(key)


@contextmanager
def recording(expected: int) -> Iterator[Recording]:
    """Record the parsers that are built and used inside the block.

    Dynamo's and the engines' own variables are taken out of the environment first, so that the
    defaults recorded are those of the release.

    Args:
        expected: How many parsers get to see the command line.
    """
    seen = Recording(expected)
    environ = _ReadsNoted(
        {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DYN_", "VLLM_", "SGLANG_", "NATS_", "ETCD_"))
        }
    )
    add_argument = argparse._ActionsContainer.add_argument  # noqa: SLF001
    parse_known_args = argparse.ArgumentParser.parse_known_args

    def noting_add(
        self: argparse._ActionsContainer,
        *args: object,
        **kwargs: object,
    ) -> argparse.Action:
        names = tuple(environ.asked)
        action: argparse.Action = add_argument(self, *args, **kwargs)  # type: ignore[arg-type]
        seen.variables[id(action)] = list(names)
        environ.asked.clear()
        return action

    def noting_parse(
        self: argparse.ArgumentParser,
        *args: object,
        **kwargs: object,
    ) -> object:
        seen.see(self)
        return parse_known_args(self, *args, **kwargs)

    with (
        mock.patch.object(os, "environ", environ),
        mock.patch.object(argparse._ActionsContainer, "add_argument", noting_add),  # noqa: SLF001
        mock.patch.object(argparse.ArgumentParser, "parse_known_args", noting_parse),
    ):
        yield seen


@contextmanager
def quietly() -> Iterator[None]:
    """Let what runs write and warn to nobody."""
    with (
        redirect_stderr(io.StringIO()),
        redirect_stdout(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield
