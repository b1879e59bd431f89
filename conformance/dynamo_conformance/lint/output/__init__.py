"""Outputs: a report as text, JSON, JUnit, SARIF or GitHub annotations; one module each."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from dynamo_conformance.lint.finding import LintReport


class Output(Protocol):
    """A module of this package, called as its format is."""

    def render(self, report: LintReport) -> str:
        """Return the report in the format."""


def render(report: LintReport, style: str) -> str:
    """Return a report in the format called `style`."""
    module = cast("Output", import_module(f"{__name__}.{style}"))
    # The name of a file need not be text.
    return module.render(report).encode("utf-8", "backslashreplace").decode("utf-8")


def json_text(value: object) -> str:
    """Return JSON for people and programs, in which no CI runner reads a command (`##[`)."""
    import json

    return json.dumps(value, indent=2).replace("##", r"\u0023#")
