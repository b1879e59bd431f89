r"""Read what one engine's parser takes, from the folder in which its wheel lies, as JSON.

`tools/engine_flags.py` runs this in a process of its own, with the folder in front of `sys.path`:

    python tools/engine_read.py vllm 0.26.0 --stand-in triton

It prints the flags and, with `--others`, what the parser says of words sampled from its own flags
and the names in that file. Exit code 3 means that what it prints has to be stood in for too.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import sys
from dataclasses import dataclass
from importlib import metadata
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, cast
from unittest import mock

from engine_stand_ins import Missing, StandIn, imported
from flags_describe import flag
from flags_record import quietly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flags_describe import Json

    Row = dict[str, Json]

NEEDS = 3
"""The exit code for something that has to be stood in for."""

_STAGE = 2
"""Where the newest release's worker has its engine's parser; catalogs say it for their release."""

_LEVEL = "optimization_level"
_WORDS = 100
_OF_KEYS = "validation error"
_VARIABLES = ("DYN_", "VLLM_", "SGLANG_", "SGL_")


@dataclass(frozen=True, slots=True)
class Declared:
    """Where an engine declares its arguments.

    Attributes:
        module: The module.
        arguments: The class in it that has `add_cli_args`.
        parser: The class of its parser there; None for argparse's.
    """

    module: str
    arguments: str
    parser: str | None


ENGINES = {
    "vllm": Declared("vllm.engine.arg_utils", "AsyncEngineArgs", "FlexibleArgumentParser"),
    "sglang": Declared("sglang.srt.server_args", "ServerArgs", None),
}


class _Refused(Exception):  # noqa: N818 - what a parser says, not an error of ours
    """A parser's error."""


def parser_of(engine: str, version: str, *, stand_ins: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser as `dynamo.<engine>` builds it, without Dynamo's own flags."""
    declared = ENGINES[engine]
    _build_for_cpu(version)
    module = imported(declared.module, stand_ins)
    kind = getattr(module, declared.parser) if declared.parser else argparse.ArgumentParser
    parser: argparse.ArgumentParser = kind(prog="dynamo", add_help=False)
    getattr(module, declared.arguments).add_cli_args(parser)
    return parser


def _build_for_cpu(version: str) -> None:
    """Let vLLM see the package that it asks for its platform: the wheel's has another name."""
    installed = metadata.version

    def built(distribution_name: str) -> str:
        return f"{version}+cpu" if distribution_name == "vllm" else installed(distribution_name)

    metadata.version = built


def rows(parser: argparse.ArgumentParser) -> list[Row]:
    """Return what a catalog records about each flag.

    Raises:
        ValueError: a flag's type, default or choices come from a stand-in.
    """
    deprecated = {id(action) for action in getattr(parser, "_deprecated", ())}
    read = []
    for action in parser._actions:  # noqa: SLF001 - argparse has no public list
        if any(isinstance(part, StandIn) for part in _parts(action)):
            raise ValueError(f"{action.option_strings} comes from a stand-in")
        if not action.option_strings:
            continue
        gone = id(action) in deprecated
        read.append(flag(action, owner="engine", stage=_STAGE, env=[], deprecated=gone))
    return read


def _parts(action: argparse.Action) -> Iterator[object]:
    for part in (action.type, action.default, action.const, action.choices):
        yield part
        if isinstance(part, list | tuple):
            yield from part


def style(parser: argparse.ArgumentParser) -> str:
    """Return what a catalog calls the way in which the parser reads words.

    vLLM's rewrites them first, in what became of `-O` differently from version to version.
    """
    if type(parser) is argparse.ArgumentParser:
        return "argparse"
    if _refusal(parser, ["-O.level", "2"]) == "unrecognized arguments: 2":
        return "flexible"
    return "flexible-dotted-o" if hasattr(parser.parse_args([]), _LEVEL) else "flexible-level-key"


def lines(
    parser: argparse.ArgumentParser, flags: Sequence[Row], others: Sequence[str], *, seed: str
) -> list[list[Json]]:
    """Return sampled words, right and wrong, each with how the parser refuses them, or None.

    What is refused for a key of a JSON object is left out: catalogs say nothing of keys.
    """
    chance = random.Random(seed)  # noqa: S311 - a sample, no secret
    needed = [word for row in flags if row.get("required") for word in _words(chance, row)]
    sampled: list[list[Json]] = []
    for sample in cycle(_SAMPLES):
        words = needed + sample(chance, chance.choice(flags), others)
        refusal = _refusal(parser, words)
        if refusal is None or _OF_KEYS not in refusal:
            sampled.append([cast("Json", words), refusal])
        if len(sampled) == _WORDS:
            break
    return sampled


def _words(chance: random.Random, row: Row, name: str | None = None) -> list[str]:
    """Return a right use of a flag."""
    name = name or str(chance.choice(cast("list[str]", row["names"])))
    if row["takes"] in ("none", "optional"):
        return [name]
    return [name, _value(chance, row)]


def _value(chance: random.Random, row: Row) -> str:
    choices = cast("list[Json]", row.get("choices"))
    if choices:
        return str(chance.choice([choice for choice in choices if choice is not None]))
    return _VALUES.get(str(row.get("type")), "words")


def _right(chance: random.Random, row: Row, _others: Sequence[str]) -> list[str]:
    return _words(chance, row)


def _underscored(chance: random.Random, row: Row, _others: Sequence[str]) -> list[str]:
    name, *value = _words(chance, row)
    return [name[:2] + name[2:].replace("-", "_"), *value]


def _joined(chance: random.Random, row: Row, _others: Sequence[str]) -> list[str]:
    return [f"{_words(chance, row)[0]}={_value(chance, row)}"]


def _cut(chance: random.Random, row: Row, _others: Sequence[str]) -> list[str]:
    name, *value = _words(chance, row)
    return [name[: max(4, len(name) - chance.randrange(1, 6))], *value]


def _wrong(chance: random.Random, row: Row, _others: Sequence[str]) -> list[str]:
    return [_words(chance, row)[0], chance.choice(["-1", "1.5", "x y", "{}", "", "None", "8K"])]


def _bare(chance: random.Random, row: Row, _others: Sequence[str]) -> list[str]:
    return _words(chance, row)[:1]


def _dotted(chance: random.Random, row: Row, _others: Sequence[str]) -> list[str]:
    return [f"{_words(chance, row)[0]}.{chance.choice(['a', 'a_b.c', 'l+'])}", "3"]


def _other(chance: random.Random, _row: Row, others: Sequence[str]) -> list[str]:
    """Return a flag of any version."""
    return [chance.choice(others or [""]), "1"]


def _level(chance: random.Random, _row: Row, _others: Sequence[str]) -> list[str]:
    """Return a level of optimisation, which versions of vLLM spell differently."""
    return chance.choice(
        [["-O3"], ["-O", "2"], ["-O=1"], ["-O.mode=3"], ["-O.level", "2"], ["-cc.mode=1"]]
    )


_SAMPLES: tuple[Callable[[random.Random, Row, Sequence[str]], list[str]], ...] = (
    _right, _wrong, _other, _underscored, _joined, _cut, _bare, _dotted, _level, _other,
)  # fmt: skip
_VALUES = {
    "int": "3", "float": "0.5", "json": "[1]", "object": "{}", "size": "8k", "word": "auto",
    "object-with-sizes": "{}", "json-or-str": "auto", "size-or-auto": "auto",
    "size-iec": "8Ki", "bool-or-json": "true", "positive-int": "2",
}  # fmt: skip


def _refuse(_parser: argparse.ArgumentParser, message: str) -> NoReturn:
    raise _Refused(message)


def _refusal(parser: argparse.ArgumentParser, words: Sequence[str]) -> str | None:
    with mock.patch.object(argparse.ArgumentParser, "error", _refuse), quietly():
        try:
            parser.parse_args(list(words))
        except _Refused as refused:
            return re.sub(r" at 0x[0-9a-f]+", "", str(refused))
        except (IndexError, ValueError, TypeError, AssertionError) as crash:
            return f"{type(crash).__name__}: {crash}"
    return None


def main() -> None:
    """Print an engine's flags, and the verdicts of its parser."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("engine", choices=ENGINES)
    options.add_argument("version")
    options.add_argument("--stand-in", action="append", default=[])
    options.add_argument("--others", type=Path, help="a JSON list of flags of other versions")
    given = options.parse_args()
    for name in [name for name in os.environ if name.startswith(_VARIABLES)]:
        del os.environ[name]
    try:
        with quietly():
            parser = parser_of(given.engine, given.version, stand_ins=given.stand_in)
    except Missing as missing:
        print(missing.what)
        raise SystemExit(NEEDS) from missing
    flags = rows(parser)
    read: dict[str, Json] = {"flags": cast("Json", flags), "style": style(parser)}
    if given.others:
        others = json.loads(given.others.read_text("utf-8"))
        seed = f"{given.engine} {given.version}"
        read["lines"] = cast("Json", lines(parser, flags, others, seed=seed))
    json.dump(read, sys.stdout)


if __name__ == "__main__":
    main()
