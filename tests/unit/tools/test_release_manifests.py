"""The manifests in the words of each release are what the tool writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from release_manifests import EXAMPLES, FOLDER, GRAPHS, ROOT, files

from dynamo_conformance.engines.releases import known
from dynamo_conformance.ledger.content import stands_for
from dynamo_conformance.manifest.read import read_graphs
from dynamo_conformance.runtimes.choice import choose
from dynamo_conformance.runtimes.refusal import refusal

if TYPE_CHECKING:
    from pathlib import Path

FILES = files()


def test_nothing_else_is_there() -> None:
    assert {path for path in FOLDER.rglob("*") if path.is_file()} == set(FILES)
    assert len(FILES) == (len(known()) - 1) * len(GRAPHS)


@pytest.mark.parametrize("path", sorted(FILES), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_manifest(path: Path) -> None:
    text = FILES[path]
    assert path.read_text(encoding="utf-8") == text, "run tools/release_manifests.py"
    [graph] = read_graphs(path)
    elsewhere = choose(graph, "own").elsewhere
    assert set(elsewhere) == {component.name for component in graph.components}
    assert refusal(graph, elsewhere) == ""
    example = stands_for(path)
    assert example.startswith(EXAMPLES)
    assert (ROOT / "examples" / example).is_file()
