"""Typed answers about a parsed command line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.engines.arguments import switches_on
from dynamo_conformance.mock_engine.engine_refusal import UsageRefusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynamo_conformance.engines.arguments import Arguments

_UNITS = {
    **{unit: 1000**power for power, unit in enumerate("kmgt", start=1)},
    **{unit + i: 1024**power for power, unit in enumerate("KMGT", start=1) for i in ("", "i")},
}
# Flags of Dynamo's runtime that the mocker takes under the same name.
PLANES = ("discovery_backend", "request_plane", "response_plane", "event_plane")


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedArguments:
    """What a process was started with: its arguments and its environment."""

    arguments: Arguments
    env: Mapping[str, str]

    def text(self, dest: str) -> str | None:
        """Return a setting as text; the first word when it takes several."""
        words = self.texts(dest)
        return words[0] if words else None

    def texts(self, dest: str) -> tuple[str, ...]:
        """Return every word of a setting."""
        value = self.arguments.get(dest)
        if value is None:
            return ()
        if isinstance(value, tuple):
            return tuple(str(word) for word in value)
        return (str(value),)

    def whole(self, dest: str) -> int | None:
        """Return a setting as a whole number, None for `auto`.

        `8k` is 8000, `8K` and `8Ki` are 8192.

        Raises:
            UsageRefusal: when it is no whole number.
        """
        text = self.text(dest)
        if text is None or text.lower() == "auto":
            return None
        match = re.fullmatch(r"(-?\d+(?:\.\d+)?)(|[kmgt]|[KMGT]i?)", text.strip())
        if match is None or ("." in match[1] and not match[2]):
            raise UsageRefusal(f"argument --{dest.replace('_', '-')}: invalid int value: '{text}'")
        return int(float(match[1]) * _UNITS.get(match[2], 1))

    def at_least_one(self, dest: str) -> int:
        """Return a size whose default is 1.

        Raises:
            UsageRefusal: when it is no whole number above zero.
        """
        value = self.whole(dest)
        if value is None:
            return 1
        if value < 1:
            raise UsageRefusal(
                f"argument --{dest.replace('_', '-')}: Input should be greater than or equal to 1, "
                f"got {value}"
            )
        return value

    def switch(self, dest: str) -> bool | None:
        """Return a yes-or-no setting, None when nothing says either."""
        value = self.arguments.get(dest)
        if value is None or isinstance(value, bool):
            return value
        return switches_on(str(value))

    def explicit(self, dest: str) -> bool:
        """Return whether the command line itself gives the setting."""
        return self.arguments.explicit(dest)

    def runtime_words(self) -> tuple[str, ...]:
        """Return the words that go to the mocker as they are: runtime planes and router flags.

        What only the environment says is left out: the mocker reads the same variables.
        """
        words: list[str] = []
        for given in sorted(self.arguments.given, key=lambda given: given.index):
            if given.flag.dest in PLANES:
                words += [f"--{given.flag.dest.replace('_', '-')}", *given.values]
            elif given.flag.owner == "router":
                words += [given.spelling, *given.values]
        return tuple(words)
