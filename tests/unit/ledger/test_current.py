"""The examples of this repository: each has its rows, and every page is made from what is there.

What fails here is fixed by `tox run -e ledger`, or by `python tools/make_pages.py` when only a
page is not current.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from catalogue.commands import pages_of, unproven_commands
from catalogue.markdown import has_block
from catalogue.pages import Page, pages, unused_pictures
from dynamo_conformance.ledger.audit import audit
from dynamo_conformance.ledger.ledger import read_ledger
from dynamo_conformance.ledger.row import Gap
from dynamo_conformance.ledger.tree import LEDGER, README, read_tree

EXAMPLES = Path(__file__).parents[3] / "examples"
TREE = read_tree(EXAMPLES)
ROWS = read_ledger(EXAMPLES / LEDGER)
PAGES = pages(TREE, ROWS)


def test_every_example_has_rows_that_are_for_its_bytes_and_nothing_else_has() -> None:
    assert audit(ROWS, TREE) == ()


def test_the_ledger_is_as_it_is_written() -> None:
    assert (EXAMPLES / LEDGER).read_text(encoding="utf-8") == ROWS.text()


@pytest.mark.parametrize(
    "page", PAGES, ids=lambda one: one.path.relative_to(EXAMPLES.parent).as_posix()
)
def test_a_page_is_current(page: Page) -> None:
    assert page.path.read_text(encoding="utf-8") == page.text, "python tools/make_pages.py"


def test_no_picture_is_of_a_graph_that_is_gone() -> None:
    assert unused_pictures(TREE, PAGES) == ()


def test_the_front_page_shows_what_is_proven() -> None:
    assert has_block((EXAMPLES.parent / README).read_text(encoding="utf-8"), "ledger")


@pytest.mark.parametrize("page", pages_of(TREE), ids=lambda one: one.parent.name)
def test_every_command_that_uses_an_example_is_one_that_was_run(
    page: Path,
) -> None:
    assert unproven_commands(page, TREE, ROWS) == ()


def test_nothing_of_a_failed_run_is_left() -> None:
    failed = [
        f"{file}, {level}: {row.why}"
        for file, levels in ROWS.rows.items()
        for level, row in levels.items()
        if isinstance(row, Gap) and row.why.startswith("failed")
    ]
    assert failed == []


def test_every_picture_is_in_the_catalogue() -> None:
    catalogue = (EXAMPLES / README).read_text(encoding="utf-8")
    pictures = [page.path for page in PAGES if page.path.suffix == ".svg"]
    assert pictures
    assert [one for one in pictures if one.relative_to(EXAMPLES).as_posix() not in catalogue] == []
