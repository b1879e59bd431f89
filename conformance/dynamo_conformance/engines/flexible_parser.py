"""vLLM's `FlexibleArgumentParser`: how it rewrites the words before it parses them.

Underscores in flags become dashes, `-O3` becomes `--optimization-level 3`, and dotted flags such as
`--compilation-config.mode 3` are gathered into one JSON value. In older versions `-O` was short for
`--compilation-config`: `-O3` was its key `level` (`LEVEL_KEY`), then for a while only `-O.mode=3`
still meant it (`DOTTED_O`).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.engines.flag import parse_json
from dynamo_conformance.engines.flag_values import vllm_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dynamo_conformance.engines.flag import Json

# From the dashes up to the first dot: keys of JSON values keep their underscores.
_UP_TO_DOT = re.compile(r"(?<=--)[^.]*")
_CONFIG_FILE = "--config"
_LEVEL = "--optimization-level"
_LEVEL_KEY = "-O.level"
_LEVELS = frozenset("0123")
FLEXIBLE, DOTTED_O, LEVEL_KEY = "flexible", "flexible-dotted-o", "flexible-level-key"
STYLES = frozenset({FLEXIBLE, DOTTED_O, LEVEL_KEY})
"""What a catalog calls the parser, newest first."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a command line.

    Attributes:
        text: What a parser reads.
        index: Which of the words as written it comes from, counted from 0.
    """

    text: str
    index: int


def normalise(text: str) -> str:
    """Return the flag `text` with dashes for underscores, its value and JSON keys untouched."""
    if not text.startswith("--"):
        return text
    name, equals, value = text.partition("=")
    name = _UP_TO_DOT.sub(lambda match: match[0].replace("_", "-"), name, count=1)
    return name + equals + value


def rewrite(tokens: Sequence[Token], *, style: str = FLEXIBLE) -> list[Token]:
    """Return the words that vLLM parses in place of `tokens`.

    Args:
        tokens: The words as written.
        style: One of `STYLES`.
    """
    return _gather(_plain(_without_config_file(tokens), style=style))


def _without_config_file(tokens: Sequence[Token]) -> list[Token]:
    """Take out `--config FILE`, whose settings stand in the file."""
    for at, token in enumerate(tokens[:-1]):
        if token.text == _CONFIG_FILE:
            return [*tokens[:at], *tokens[at + 2 :]]
    return list(tokens)


def _plain(tokens: Sequence[Token], *, style: str) -> list[Token]:
    return [Token(text, token.index) for text, token in _spelled_out(tokens, style=style)]


def _spelled_out(tokens: Sequence[Token], *, style: str) -> Iterator[tuple[str, Token]]:
    for at, token in enumerate(tokens):
        text = token.text
        if style != FLEXIBLE and text.startswith("-O."):
            yield (text if style == LEVEL_KEY else f"-cc{text[2:]}"), token
        elif text.startswith("-O") and text != "-O":
            level = text[2:].removeprefix("=")
            yield from ((word, token) for word in _level(level, style=style))
        elif text == "-O" and at + 1 < len(tokens) and tokens[at + 1].text in _LEVELS:
            yield (_LEVEL_KEY if style == LEVEL_KEY else _LEVEL), token
        else:
            yield normalise(text), token


def _level(level: str, *, style: str) -> tuple[str, ...]:
    return (f"{_LEVEL_KEY}={level}",) if style == LEVEL_KEY else (_LEVEL, level)


def _gather(tokens: Sequence[Token]) -> list[Token]:
    """Merge dotted flags into one JSON value each, put after everything else."""
    kept: list[Token] = []
    gathered: dict[str, tuple[int, dict[str, Json]]] = {}
    at = 0
    while at < len(tokens):
        token = tokens[at]
        at += 1
        name, equals, value = token.text.partition("=")
        if not name.startswith("-") or "." not in name or (not equals and at == len(tokens)):
            kept.append(token)
            continue
        if not equals:
            value = tokens[at].text
            at += 1
        read = _read(value)
        if name.endswith("+"):
            name = name[:-1]
            read = list(value.split(","))
        flag, *keys = name.split(".")
        _, settings = gathered.setdefault(flag, (token.index, {}))
        _merge(settings, _nest(keys, read))
    for flag, (index, settings) in gathered.items():
        kept += [Token(flag, index), Token(json.dumps(settings), index)]
    return kept


def _read(text: str) -> Json:
    try:
        value: Json = parse_json(text)
    except ValueError:
        try:
            return vllm_size(text)
        except ValueError:
            return text
    return value


def _nest(keys: Iterable[str], value: Json) -> dict[str, Json]:
    first, *others = keys
    return {first: _nest(others, value) if others else value}


def _merge(into: dict[str, Json], more: dict[str, Json]) -> None:
    for key, value in more.items():
        before = into.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            _merge(before, value)
        elif isinstance(before, list) and isinstance(value, list):
            before.extend(value)
        else:
            into[key] = value
