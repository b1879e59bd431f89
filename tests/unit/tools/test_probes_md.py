"""The page about the endpoint suite is what the suite is."""

from __future__ import annotations

import re
from pathlib import Path

from probes_md import render

from dynamo_conformance.probes.command import probe

PAGE = Path(__file__).parents[3] / "docs" / "probes.md"


def test_the_page_is_made_from_the_probes() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert written == render(), "python tools/probes_md.py > docs/probes.md"


def test_the_page_names_every_option() -> None:
    named = set(re.findall(r"^\| `(--[a-z-]+)", render(), flags=re.MULTILINE))
    assert named == {one.opts[0] for one in probe.params if one.opts[0].startswith("--")}
