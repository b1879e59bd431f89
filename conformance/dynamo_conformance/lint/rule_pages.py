"""Pages: what each rule is for, as its module says it."""

from __future__ import annotations

import ast
import textwrap
from dataclasses import dataclass
from importlib.resources import files

from dynamo_conformance.lint.rule import (
    API_KIND_RULE,
    API_VERSION_RULE,
    RULES,
    SUPPRESSION_REASON,
    SUPPRESSION_UNUSED,
    YAML_RULE,
    rule_ids,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The page of a rule.

    Attributes:
        id: The rule.
        severity: `error`, `warning` or `info`, as the rule has it by default.
        title: One sentence: the fact behind the rule.
        why: What happens, in a paragraph or two; may be empty.
        fix: What to do about it.
        passing: A snippet that passes; may be empty.
        failing: A snippet that fails; may be empty.
    """

    id: str
    severity: str
    title: str
    why: str
    fix: str
    passing: str = ""
    failing: str = ""


def page_of(rule: str) -> Page:
    """Return the page of a rule.

    Raises:
        KeyError: There is no such rule.
    """
    for own in _OWN:
        if own.id == rule:
            return own
    if rule not in rule_ids():
        raise KeyError(rule)
    name = rule.replace("-", "_")
    source = (files(RULES) / f"{name}.py").read_text(encoding="utf-8")
    return _parsed(rule, ast.parse(source))


def pages() -> tuple[Page, ...]:
    """Return every page, in the order of the ids."""
    ids = [*rule_ids(), *(page.id for page in _OWN)]
    return tuple(page_of(rule) for rule in sorted(ids))


def _parsed(rule: str, module: ast.Module) -> Page:
    text = ast.get_docstring(module) or ""
    head, _, snippets = text.partition("PASS:")
    passing, _, failing = snippets.partition("FAIL:")
    described, _, fix = head.partition("Fix:")
    title, _, why = described.strip().partition("\n\n")
    return Page(
        id=rule,
        severity=_severity(module),
        title=" ".join(title.split()),
        why=why.strip(),
        fix=" ".join(fix.split()),
        passing=textwrap.dedent(passing.strip("\n")).rstrip(),
        failing=textwrap.dedent(failing.strip("\n")).rstrip(),
    )


def _severity(module: ast.Module) -> str:
    """Return the word after `SEVERITY = Severity.`; the module is read, not imported."""
    for node in module.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute):
            target = node.targets[0]
            if isinstance(target, ast.Name) and target.id == "SEVERITY":
                return node.value.attr.lower()
    return "error"


_OWN = (
    Page(
        id=YAML_RULE,
        severity="error",
        title="The text is no YAML that Kubernetes can read.",
        why="A repeated key, a tab, a control character, an encoding other than UTF-8, or a Helm "
        "template that was not rendered.",
        fix="the message says where; check a template's output, not the template.",
    ),
    Page(
        id=API_VERSION_RULE,
        severity="error",
        title="No operator serves this API version.",
        why="The API server answers 404.",
        fix="write nvidia.com/v1beta1.",
    ),
    Page(
        id=API_KIND_RULE,
        severity="error",
        title="No operator serves this kind.",
        why="The API server answers 404.",
        fix="write kind: DynamoGraphDeployment.",
    ),
    Page(
        id=SUPPRESSION_REASON,
        severity="error",
        title="A suppression says why.",
        why="Whoever reads the manifest next has to know whether it still holds.",
        fix="write `# dynamo-lint: allow RULE because REASON`.",
    ),
    Page(
        id=SUPPRESSION_UNUSED,
        severity="warning",
        title="A suppression is used.",
        why="What it suppressed is gone, or was fixed; left there it would hide the next one.",
        fix="remove it.",
    ),
)
