"""Prerequisites, as a list for people and for programs."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING

from dynamo_conformance.lint.output import json_text
from dynamo_conformance.manifest.terminal_safe import shown

if TYPE_CHECKING:
    from dynamo_conformance.manifest.prerequisites import Prerequisite

VERSION = 1


def render_text(listed: tuple[Prerequisite, ...]) -> str:
    """Return one line for each object, with where it is named."""
    if not listed:
        return "nothing beside the Dynamo operator has to be in the cluster"
    lines = []
    for (kind, name), group in groupby(listed, key=lambda item: (item.kind, item.name)):
        uses = list(group)
        keys = sorted({use.key for use in uses if use.key})
        entries = f" with {', '.join(keys)}" if keys else ""
        optional = " (optional)" if all(use.optional for use in uses) else ""
        lines.append(f"{kind} {name}".rstrip() + entries + optional)
        lines += [f"    {use.file}:{use.line}:{use.column} ({use.graph})" for use in uses]
    return "\n".join(shown(line) for line in lines)


def render_json(prerequisites: tuple[Prerequisite, ...]) -> str:
    """Return the list as JSON."""
    listed = [asdict(prerequisite) for prerequisite in prerequisites]
    return json_text({"version": VERSION, "prerequisites": listed})
