"""Arguments: what a command line gives a module, its environment and defaults included."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynamo_conformance.engines.flag import Flag, Json

Value = str | bool | tuple[str, ...] | None
TRUE_WORDS = frozenset({"true", "1", "yes", "on"})


class UnknownSetting(LookupError):  # noqa: N818 - says what is unknown
    """A setting that no flag of the module has as its dest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One use of a flag.

    Attributes:
        flag: The flag.
        spelling: Which of its names was meant, abbreviations completed.
        values: The words it ate.
        index: Which of the words as written it starts at, counted from 0.
    """

    flag: Flag
    spelling: str
    values: tuple[str, ...]
    index: int

    @property
    def value(self) -> str | bool | tuple[str, ...]:
        """The value this use gives the setting."""
        if self.flag.takes == "none":
            return False if self.spelling in self.flag.negatives else self.flag.const
        if self.flag.takes in ("many", "at-least-one"):
            return self.values
        return self.values[0] if self.values else self.flag.const


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """A parsed command line.

    Attributes:
        module: The module it is for.
        given: Every use of a flag, in the order of the module's parsers.
        positionals: Words that are no flag and belong to none.
        settings: All flags by dest.
        env: The environment.
        open: Whether more flags may stand in words that are not known here.
        dotted: Values of TensorRT-LLM's dotted flags, by what stands behind `--trtllm.`.
    """

    module: str
    given: tuple[Given, ...]
    positionals: tuple[str, ...]
    settings: Mapping[str, tuple[Flag, ...]] = field(repr=False)
    env: Mapping[str, str] = field(repr=False)
    dotted: Mapping[str, str] = field(default_factory=dict)
    open: bool = False

    def known(self, dest: str) -> bool:
        """Whether the module has the setting at all."""
        return dest in self.settings

    def explicit(self, dest: str) -> bool:
        """Whether the command line itself gives the setting."""
        return any(given.flag.dest == dest for given in self.given)

    def get(self, dest: str) -> Value:
        """Return a setting: the last one given, else the environment's, else the default.

        A flag without a value is a bool, one that takes several words or may be repeated a tuple,
        every other a str; numbers stay text, as they are written.

        Raises:
            UnknownSetting: when the module has no such setting.
        """
        if dest not in self.settings:
            raise UnknownSetting(f"{self.module} has no setting {dest}")
        uses = [given for given in self.given if given.flag.dest == dest]
        if not uses:
            return self._fallback(dest)
        if uses[-1].flag.repeatable:
            return tuple(word for use in uses for word in use.values)
        return uses[-1].value

    def _fallback(self, dest: str) -> Value:
        flags = self.settings[dest]
        for flag in flags:
            for variable in (flag.env, *flag.older_env):
                if variable is not None and variable in self.env:
                    return _from_env(flag, self.env[variable])
        return next((_plain(flag.default) for flag in flags if flag.default is not None), None)


def switches_on(text: str) -> bool:
    """Whether Dynamo takes the text of a variable for true."""
    return text.strip().lower() in TRUE_WORDS


def _from_env(flag: Flag, text: str) -> Value:
    if flag.takes == "none":
        return switches_on(text)
    if isinstance(flag.default, list) or flag.takes in ("many", "at-least-one"):
        return tuple(text.split())
    return text


def _plain(default: Json) -> Value:
    if default is None or isinstance(default, bool | str):
        return default
    if isinstance(default, list):
        return tuple(str(item) for item in default)
    return json.dumps(default) if isinstance(default, dict) else str(default)
