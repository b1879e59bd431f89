"""A pytest plugin for mutmut: of the tests that reach a mutant, run those that are written for it.

A test of `lint` reaches hundreds of functions of the manifest and of the rules. Only those of its
own room decide on a mutant; of a rule, its cases and the tests that name it. A mutant that all of
these let live is one that no test of its own room notices.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

RULES = ["conformance", "lint", "rules"]


def near(mutant: str, path: Path, test: str) -> bool:
    """Say whether `test`, the name of one in the file `path`, is written for `mutant`.

    Args:
        mutant: As mutmut names it: the module, then the function with a number.
        path: The file of the test.
        test: The name of the test, with its parameters.
    """
    parts = mutant.split(".")
    room = parts[1]
    if parts[:3] != RULES:
        return path.parent.name == room
    if path.parent.name != room:
        return False
    rule = parts[3].replace("_", "-")
    if path.name == "test_rules.py":
        return f"[{rule}-" in test
    text = path.read_text(encoding="utf-8")
    return rule in text or parts[3] in text


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is far from the mutant that mutmut tests, and begin with the nearest."""
    mutant = os.environ.get("MUTANT_UNDER_TEST", "")
    if not mutant.startswith("conformance."):
        return
    module = mutant.rpartition(".")[0].rpartition(".")[2]
    chosen = [item for item in items if near(mutant, item.path, item.name)]
    far = [item for item in items if item not in set(chosen)]
    config.hook.pytest_deselected(items=far)
    items[:] = sorted(chosen, key=lambda item: module not in item.path.stem)
