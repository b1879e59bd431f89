"""The pages of the rules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dynamo_conformance.lint.rule import all_ids
from dynamo_conformance.lint.rule_pages import page_of, pages

REPOSITORY = Path(__file__).parents[3]


def test_the_page_of_rules_is_made_from_the_rules() -> None:
    made = subprocess.run(
        [sys.executable, "tools/rules_md.py"],
        cwd=REPOSITORY,
        env={"PYTHONPATH": f"{REPOSITORY}/conformance:{REPOSITORY}/launch"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    written = (REPOSITORY / "docs" / "rules.md").read_text(encoding="utf-8")
    assert made == written, "python tools/rules_md.py > docs/rules.md"


@pytest.mark.parametrize("rule", all_ids())
def test_every_rule_has_a_page(rule: str) -> None:
    page = page_of(rule)
    assert page.title.endswith(".")
    assert page.fix.endswith(".")
    assert page.severity in ("error", "warning", "info")


def test_pages_are_in_order_and_an_unknown_rule_has_none() -> None:
    ids = [one.id for one in pages()]
    assert ids == sorted(all_ids())
    with pytest.raises(KeyError):
        page_of("no-such-rule")
