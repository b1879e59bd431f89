"""Option aliases: every cell is a flag of that release, and the document shows this table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dynamo_conformance.engines import catalog
from dynamo_launch.serve.option_aliases import ALIASES
from dynamo_launch.serve.serve_arguments import OWN_FLAGS

PROGRAMS = ("vllm", "sglang", "trtllm", "mocker", "frontend")
NONE = "\N{EN DASH}"
DOCUMENT = Path(__file__).parents[3] / "docs" / "serve.md"


@pytest.mark.parametrize(
    ("program", "flag"),
    [(program, flag) for row in ALIASES.values() for program, flag in row.items()],
)
def test_every_cell_is_a_flag(program: str, flag: str) -> None:
    found = catalog.load(f"dynamo.{program}").flag(flag)
    assert found is not None
    assert flag in found.names


@pytest.mark.parametrize("name", ALIASES)
@pytest.mark.parametrize("program", PROGRAMS)
def test_an_own_flag_of_that_name_is_the_one_in_the_table(program: str, name: str) -> None:
    own = catalog.load(f"dynamo.{program}").flag("--" + name.replace("_", "-"))
    cell = ALIASES[name].get(program)
    if own is not None and cell is not None:
        assert cell in own.names


def test_document_shows_the_table() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    text = text.partition("## Option aliases")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", text, re.MULTILINE)
    shown = {
        name: {
            program: cell.strip("`")
            for program, cell in zip(PROGRAMS, cells.split(" | "), strict=True)
            if cell != NONE
        }
        for name, cells in rows
    }
    assert shown == {name: dict(row) for name, row in ALIASES.items()}


@pytest.mark.parametrize("program", PROGRAMS)
def test_serves_own_flags_hide_none_of_the_components(program: str) -> None:
    hidden = [
        name
        for flag in catalog.load(f"dynamo.{program}").flags
        for name in flag.names
        if name in OWN_FLAGS and not flag.exits
    ]
    assert hidden == []
