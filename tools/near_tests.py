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

MODULES = "DYN_CONFORMANCE_MUTATED"
"""The variable that names the modules whose mutants are to be tested, for the runs before that."""

BESIDE = {
    "dynamo_conformance.manifest.v1alpha1": "convert",
    "dynamo_conformance.manifest.to_v1alpha1": "convert",
}
"""Modules whose tests are in two rooms, with the other one."""

RULES = ["dynamo_conformance", "lint", "rules"]


def near(module: str, path: Path, test: str) -> bool:
    """Return whether `test`, the name of one in the file `path`, is written for `module`.

    Args:
        module: The name of a module that is mutated.
        path: The file of the test.
        test: The name of the test, with its parameters.
    """
    parts = module.split(".")
    room = parts[1]
    if parts[:3] != RULES:
        return path.parent.name in (room, BESIDE.get(module))
    if path.parent.name != room:
        return False
    rule = parts[3].replace("_", "-")
    if path.name == "test_rules.py":
        return f"[{rule}-" in test or f"[{rule}]" in test
    text = path.read_text(encoding="utf-8")
    return rule in text or parts[3] in text


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is far from what mutmut tests, and begin with the nearest."""
    mutant = os.environ.get("MUTANT_UNDER_TEST", "")
    wanted = os.environ.get(MODULES, "").split()
    if mutant.startswith("dynamo_conformance."):
        wanted = [mutant.rpartition(".")[0]]
    if not wanted:
        return
    kept = {item for item in items if any(near(module, item.path, item.name) for module in wanted)}
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    stems = {module.rpartition(".")[2] for module in wanted}
    items[:] = sorted(
        (item for item in items if item in kept),
        key=lambda item: not any(stem in item.path.stem for stem in stems),
    )
