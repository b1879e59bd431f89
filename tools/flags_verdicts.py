"""Ask a module's real parsers about command lines, and record what they refuse.

The unit tests hold the catalogs against these verdicts where the engine is not installed:

    python tools/flags_verdicts.py tests/unit/engines/verdicts/vllm.json

rewrites the verdicts of the lines that the file names (and needs what `tools/flags.py` needs).
"""

from __future__ import annotations

import argparse
import json
import re
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypedDict
from unittest import mock

import flags
from flags_record import quietly

if TYPE_CHECKING:
    from collections.abc import Sequence


class Line(TypedDict):
    """A command line and how the module refuses it; None when it takes it."""

    words: list[str]
    refusal: str | None


class Verdicts(TypedDict):
    """A file of verdicts."""

    module: str
    source: list[str]
    date: str
    lines: list[Line]


class _Refused(Exception):  # noqa: N818 - what a parser says, not an error of ours
    """A parser's error."""


def _refuse(_parser: argparse.ArgumentParser, message: str) -> NoReturn:
    raise _Refused(message)


class Judge:
    """The real parsers of one module, its engine's too unless that is a stand-in."""

    def __init__(self, name: str, *, site: bool = False) -> None:
        self.shape = flags.shape(name, metadata.version("ai-dynamo"))
        self._site = site
        self._stages = flags.recorded_stages(self.shape, site=site)
        self._style = self.shape.extra.get("unknown_words")
        self._parsers = self._built({})

    def _built(self, variables: dict[str, str]) -> list[argparse.ArgumentParser]:
        with quietly():
            return flags.watch(self.shape, variables, site=self._site).parsers

    def refusal(self, words: Sequence[str]) -> str | None:
        """Return what the parsers say against `words`, or None when they take them."""
        rest = list(words)
        with mock.patch.object(argparse.ArgumentParser, "error", _refuse), quietly():
            try:
                for stage, parser in zip(self._stages, self._parsers, strict=True):
                    if stage.strict and self._style != "logged" and not self._mixed:
                        parser.parse_args(rest)
                        rest = []
                    else:
                        _, rest = parser.parse_known_args(rest)
            except _Refused as refused:
                return re.sub(r" at 0x[0-9a-f]+", "", str(refused))
            except (IndexError, ValueError) as crash:
                # vLLM's, after a dotted flag or `--config` without a value.
                return f"{type(crash).__name__}: {crash}"
        return self._of_rest(rest)

    def defaults(self, variables: dict[str, str]) -> dict[str, flags.Json] | str:
        """Return the defaults that variables change, by dest, or how they are refused."""
        try:
            changed = self._built(variables)
        except (ValueError, argparse.ArgumentTypeError) as error:
            return str(error)
        pairs = [
            (before, after)
            for old, new in zip(self._parsers, changed, strict=True)
            for before, after in zip(old._actions, new._actions, strict=True)  # noqa: SLF001
        ]
        return {
            after.dest: flags.plain(after.default)
            for before, after in pairs
            if repr(before.default) != repr(after.default)
        }

    @property
    def _mixed(self) -> bool:
        """Whether the flags of an engine that is a stand-in belong to the only parser."""
        return self._site and len(self.shape.stages) == 1 and self.shape.stages[0].owner == "engine"

    def _of_rest(self, rest: list[str]) -> str | None:
        if self._style == "dynamic":
            return _dynamic_refusal(rest)
        if self._style == "logged":
            return f"Unknown arguments specified: {rest}" if rest else None
        return f"unrecognized arguments: {' '.join(rest)}" if rest else None


def _dynamic_refusal(rest: list[str]) -> str | None:
    """Return what TensorRT-LLM's reader of dotted flags logs before it exits."""
    from dynamo.trtllm import dynamic_flags

    with mock.patch.object(dynamic_flags.logging, "error") as logged:
        try:
            dynamic_flags.parse_dynamic_flags(rest)
        except SystemExit:
            text, *values = logged.call_args.args
            return str(text % tuple(values))
    return None


def main() -> None:
    """Rewrite one file of verdicts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--date", required=True, help="the day of the verdicts, YYYY-MM-DD")
    parser.add_argument("--sglang-wheel", type=Path)
    options = parser.parse_args()
    verdicts: Verdicts = json.loads(options.file.read_text(encoding="utf-8"))
    source = flags.prepare(verdicts["module"], wheel=options.sglang_wheel)
    judge = Judge(verdicts["module"])
    lines = ",\n".join(
        "  " + json.dumps({"words": line["words"], "refusal": judge.refusal(line["words"])})
        for line in verdicts["lines"]
    )
    head = json.dumps(
        {"module": verdicts["module"], "source": source, "date": options.date}, indent=1
    )
    options.file.write_text(f'{head[:-2]},\n "lines": [\n{lines}\n ]\n}}\n', encoding="utf-8")
    print(options.file, len(verdicts["lines"]))


if __name__ == "__main__":
    main()
