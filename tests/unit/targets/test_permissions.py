"""The page of permissions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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


def test_the_role_gives_each_right_that_is_needed() -> None:
    text = PAGE.read_text(encoding="utf-8").partition("```yaml\n")[2].partition("```")[0]
    role = yaml.safe_load(text)
    given = {
        (rule["apiGroups"][0], rule["resources"][0], verb)
        for rule in role["rules"]
        for verb in rule["verbs"]
    }
    needed = permissions.needed(given_namespace=False)
    assert given == {(item.group, item.resource, verb) for item in needed for verb in item.verbs}
