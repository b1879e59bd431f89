"""Engines of older releases: what each version takes, against what its own parser says of it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from dynamo_conformance.engines import catalog, catalog_files, release_names
from dynamo_conformance.engines.flexible_parser import Token
from dynamo_conformance.engines.parsing import Stage, read

VERDICTS = Path(__file__).parent / "verdicts" / "engines"
ENGINES = ("vllm", "sglang")
STANDARD = re.compile(
    r"unrecognized arguments|ambiguous option"
    r"|: (expected|invalid \w+ value|invalid choice|ignored explicit|Value .* cannot be converted)"
)
"""The words of a refusal that are argparse's own; converters of the engines have others."""


@cache
def stage(engine: str, version: str) -> Stage:
    """Return the engine's own parser, as the catalog of the first release that pins it has it."""
    module = f"dynamo.{engine}"
    for release in catalog_files.releases(module):
        known = catalog.load(module, release=release)
        if known.engine_version == version:
            whole = known.stages[-1]
            flags = {name: flag for name, flag in whole.flags.items() if flag.owner == "engine"}
            return replace(whole, flags=flags, ordered=tuple(sorted(flags)))
    raise AssertionError(f"no release pins {engine} {version}")


def refusal(parser: Stage, words: list[str]) -> str | None:
    reading = read(parser, [Token(word, at) for at, word in enumerate(words)], lenient=False)
    if reading.faults:
        return reading.faults[0].message
    left = [token.text for token in reading.rest]
    return f"unrecognized arguments: {' '.join(left)}" if left else None


@pytest.mark.parametrize("path", sorted(VERDICTS.glob("*.json")), ids=lambda path: path.stem)
def test_agrees_with_the_versions_own_parser(path: Path) -> None:
    verdicts = json.loads(path.read_text(encoding="utf-8"))
    parser = stage(verdicts["engine"], verdicts["version"])
    lines = verdicts["lines"]
    for words, real in lines:
        ours = refusal(parser, words)
        assert (ours is None) == (real is None), (words, ours, real)
        if ours is not None and STANDARD.search(real) is not None:
            # `dynamo.sglang` adds some choices before SGLang parses.
            assert ours.partition(" (choose from")[0] == real.partition(" (choose from")[0]
    assert len(lines) == 100
    assert len({real is None for _, real in lines}) == 2


@pytest.mark.parametrize("engine", ENGINES)
def test_every_release_knows_its_engine(engine: str) -> None:
    module = f"dynamo.{engine}"
    releases = catalog_files.releases(module)
    assert len(releases) > 12
    for release in releases:
        known = catalog.load(module, release=release)
        assert known.engine_known, release
        assert any(flag.owner == "engine" for flag in known.flags), release


@pytest.mark.parametrize("engine", ENGINES)
def test_every_older_version_has_verdicts(engine: str) -> None:
    files = {path.name for path in (catalog_files.FOLDER / "engines").glob(f"{engine}-*.json")}
    assert files == {path.name for path in VERDICTS.glob(f"{engine}-*.json")}
    assert len(files) == 11


@pytest.mark.parametrize(
    ("module", "release", "flag", "since"),
    [
        ("dynamo.vllm", "0.7.1", "--optimization-level", "0.8"),
        ("dynamo.sglang", "0.5.1", "--disaggregation-decode-polling-interval", "0.6"),
        ("dynamo.vllm", "1.6.1", "--optimisation-level", None),
    ],
)
def test_tells_which_release_brings_an_engines_flag(
    module: str, release: str, flag: str, since: str | None
) -> None:
    (fault,) = catalog.load(module, release=release).faults([flag, "1"], lenient=True)[:1]
    assert (fault.later.since if fault.later else None) == since


@pytest.mark.parametrize(
    ("release", "words", "dest", "value"),
    [
        ("0.7.1", ["-O3"], "compilation_config", '{"level": 3}'),
        ("0.8.1", ["-O3"], "optimization_level", "3"),
        ("0.8.1", ["-O.backend=eager"], "compilation_config", '{"backend": "eager"}'),
        ("0.9.1", ["-O3"], "optimization_level", "3"),
    ],
)
def test_a_level_of_optimisation_by_release(
    release: str, words: list[str], dest: str, value: str
) -> None:
    arguments = catalog.load("dynamo.vllm", release=release).parse(words)
    assert [(given.flag.dest, given.values) for given in arguments.given] == [(dest, (value,))]


@pytest.mark.parametrize(
    ("release", "kv", "ec"),
    [("0.4.1", "NixlConnector", None), ("1.5.1", "NixlConnector", "ECExampleConnector")],
)
def test_connectors_by_release(release: str, kv: str, ec: str | None) -> None:
    names = release_names.load(release=release)
    assert names.connectors_known
    assert kv in names.kv_connectors
    assert "MooncakeConnector" not in release_names.load(release="0.4.1").kv_connectors
    assert (ec in names.ec_connectors) if ec else not names.ec_connectors
