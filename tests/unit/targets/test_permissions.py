"""The page of permissions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dynamo_conformance.targets.cluster import permissions

REPOSITORY = Path(__file__).parents[3]
PAGE = REPOSITORY / "docs" / "permissions.md"


def test_the_page_is_made_from_what_a_run_asks_for() -> None:
    made = subprocess.run(
        [sys.executable, "tools/permissions_md.py"],
        cwd=REPOSITORY,
        env={"PYTHONPATH": f"{REPOSITORY}/conformance:{REPOSITORY}/launch"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert made == PAGE.read_text(encoding="utf-8"), "tools/permissions_md.py > docs/permissions.md"


@pytest.mark.parametrize(
    ("kind", "needed"),
    [
        ("ClusterRole", permissions.needed(given_namespace=False)),
        ("Role", permissions.READING),
    ],
)
def test_each_role_gives_the_rights_that_are_needed(
    kind: str, needed: tuple[permissions.Permission, ...]
) -> None:
    blocks = PAGE.read_text(encoding="utf-8").split("```yaml\n")[1:]
    roles = [yaml.safe_load(block.partition("```")[0]) for block in blocks]
    (role,) = (role for role in roles if role["kind"] == kind)
    given = {
        (rule["apiGroups"][0], rule["resources"][0], verb)
        for rule in role["rules"]
        for verb in rule["verbs"]
    }
    assert given == {(item.group, item.resource, verb) for item in needed for verb in item.verbs}


def test_asking_a_graph_changes_nothing() -> None:
    changing = [
        (item.resource, verb)
        for item in permissions.READING
        for verb in item.verbs
        if verb not in permissions.READ
    ]
    assert changing == [("pods/portforward", "create")]
