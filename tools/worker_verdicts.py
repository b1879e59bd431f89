r"""Ask the workers of several releases whether they start with a command line, and record it.

    python tools/worker_verdicts.py tests/unit/lint/verdicts/old-shapes.json --cache FOLDER \
        --date 2026-11-30

The file's `shapes` have the words of a prefill and of a decode worker, its `releases` whom to ask;
`refused` is written anew: by shape, release and worker what that release's own `parse_args` says,
or null. Each release is installed below FOLDER, and asked in a process of its own. vLLM is a
stand-in that declares the few flags that the shapes use; Dynamo's parsers and checks are real.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import subprocess
import sys
import types
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import flags_stand_ins
import release_flags

if TYPE_CHECKING:
    from collections.abc import Sequence

    Shapes = dict[str, dict[str, list[str]]]
    Refused = dict[str, str | None]

_SECONDS = 300
_NEEDS = ("huggingface_hub", "prometheus_client", "transformers", "uvloop", "pydantic", "PIL")


class _EngineConfig(types.SimpleNamespace):
    """What vLLM makes of its flags; whatever else somebody asks for is None."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


class _EngineArguments:
    """vLLM's own flags, as far as the shapes use them."""

    @staticmethod
    def add_cli_args(parser: argparse.ArgumentParser, **_options: bool) -> argparse.ArgumentParser:
        """Declare them."""
        parser.add_argument("--model", default="Qwen/Qwen3-0.6B")
        parser.add_argument("--served-model-name", nargs="+")
        parser.add_argument("--kv-transfer-config", type=_connector)
        return parser

    @staticmethod
    def from_cli_args(arguments: argparse.Namespace) -> _EngineConfig:
        """Return them as a config."""
        return _EngineConfig(**vars(arguments))


def _connector(text: str) -> _EngineConfig:
    return _EngineConfig(**json.loads(text))


def _refusal(words: Sequence[str]) -> str | None:
    """Return why the worker ends at start, or None."""
    parse = import_module("dynamo.vllm.args").parse_args
    said = io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["dynamo.vllm", *words]),
        contextlib.redirect_stderr(said),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        try:
            parse()
        except ValueError as error:
            return str(error).splitlines()[0]
        except SystemExit:
            return said.getvalue().strip().splitlines()[-1].partition("error: ")[2]
    return None


def _answer(site: Path) -> None:
    """Read command lines from standard input, and print what the release in `site` says of each."""
    stand_ins = vars(flags_stand_ins)["_OF_ENGINES"]
    stand_ins |= {"AsyncEngineArgs": _EngineArguments, "KVEventsConfig": _EngineConfig}
    stand_ins["KVTransferConfig"] = _EngineConfig
    flags_stand_ins.stand_in_for_engines()
    flags_stand_ins.stand_in_for(*_NEEDS)
    flags_stand_ins.enter(site)
    print(json.dumps([_refusal(words) for words in json.load(sys.stdin)]))


def _asked(release: str, lines: list[list[str]], *, cache: Path) -> list[str | None]:
    """Return what a release says of command lines, in a process of its own."""
    site = release_flags.site(release, cache=cache)
    ended = subprocess.run(
        [sys.executable, __file__, "--answer", str(site)],
        input=json.dumps(lines), capture_output=True, text=True, timeout=_SECONDS, check=False,
    )  # fmt: skip
    if ended.returncode:
        raise SystemExit(f"{release}: {ended.stderr[-2000:]}")
    answers: list[str | None] = json.loads(ended.stdout.splitlines()[-1])
    return answers


def _recorded(shapes: Shapes, releases: list[str], *, cache: Path) -> dict[str, dict[str, Refused]]:
    """Return by shape, release and worker why it ends at start, or None."""
    places = [(shape, worker) for shape, workers in shapes.items() for worker in workers]
    lines = [shapes[shape][worker] for shape, worker in places]
    refused: dict[str, dict[str, Refused]] = {shape: {} for shape in shapes}
    for release in releases:
        answers = _asked(release, lines, cache=cache)
        for (shape, worker), answer in zip(places, answers, strict=True):
            refused[shape].setdefault(release, {})[worker] = answer
    return refused


def main() -> None:
    """Write the verdicts of the file anew, or answer as one release."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--cache", type=Path, help="where releases are installed")
    parser.add_argument("--date", help="the day of the asking, YYYY-MM-DD")
    parser.add_argument("--answer", type=Path, metavar="SITE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.answer is not None:
        _answer(options.answer)
        return
    if options.file is None or options.cache is None or options.date is None:
        parser.error("give a file, --cache and --date")
    data = json.loads(options.file.read_text(encoding="utf-8"))
    data["date"] = options.date
    data["refused"] = _recorded(data["shapes"], data["releases"], cache=options.cache)
    options.file.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
