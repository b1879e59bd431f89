"""Catalogs of every release, against what its own parsers said of a hundred words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.engines import catalog
from dynamo_conformance.engines.flag_values import variable_refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.catalog import Catalog
    from dynamo_conformance.engines.flag import Flag, Json

VERDICTS = sorted((Path(__file__).parent / "verdicts" / "releases").glob("*.json"))
WORDS = 100


def recorded(kind: str) -> Iterator[object]:
    for path in VERDICTS:
        for row in json.loads(path.read_text(encoding="utf-8"))[kind]:
            name = f"{path.stem} {row[0]} {' '.join(row[1]) if kind == 'lines' else row[1:3]}"
            yield pytest.param(path.stem, *row, id=name)


def test_every_release_has_a_hundred_words() -> None:
    judged = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in VERDICTS}
    assert set(judged) == set(catalog.releases())
    for data in judged.values():
        assert len(data["lines"]) + len(data["variables"]) == WORDS
        refused = [row[2] is not None for row in data["lines"]]
        assert any(refused)
        assert not all(refused)


@pytest.mark.parametrize(("release", "module", "words", "real"), list(recorded("lines")))
def test_a_line_is_judged_as_its_release_judges_it(
    release: str, module: str, words: list[str], real: str | None
) -> None:
    known = catalog.load(module, release=release)
    # What parses, and is refused behind the parsers, is not asked here.
    ours = [
        fault.message
        for fault in known.faults(words)
        if not is_the_engines(fault.flag) and not (fault.removed and fault.removed.parses)
    ]
    assert bool(ours) == (real is not None), (ours, real)
    if real is not None and "parser" not in real:
        said = {message.partition(" (choose from")[0] for message in ours}
        assert real.partition(" (choose from")[0] in said or "arguments" in real


def is_the_engines(flag: Flag | None) -> bool:
    """Whether a fault is about the engine's words, which the recorded parsers do not have."""
    return flag is not None and flag.owner == "engine"


@pytest.mark.parametrize(("release", "module", "name", "text", "real"), list(recorded("variables")))
def test_a_variable_is_read_as_its_release_reads_it(
    release: str, module: str, name: str, text: str, real: dict[str, Json] | str
) -> None:
    known = catalog.load(module, release=release)
    flags = [flag for flag in known.flags if name in (flag.env, *flag.older_env)]
    if isinstance(real, str):
        assert [flag for flag in flags if variable_refusal(flag, text) is not None], real
        return
    assert set(real) <= {flag.dest for flag in flags}
    for dest, value in real.items():
        assert same(known, dest, {name: text}, value), value


def same(known: Catalog, dest: str, env: dict[str, str], value: Json) -> bool:
    """Whether the catalog reads a setting from the environment as the release does."""
    ours = known.parse_leniently([], env=env).get(dest)
    if isinstance(value, bool | list) or value is None:
        return ours == (tuple(value) if isinstance(value, list) else value)
    return str(ours) == str(value) or float(str(ours)) == float(str(value))
