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
    WAIVER_REASON,
    WAIVER_UNUSED,
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
        mend: What to do about it.
        passing: A snippet that passes; may be empty.
        failing: A snippet that fails; may be empty.
    """

    id: str
    severity: str
    title: str
    why: str
    mend: str
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
    ids = [*rule_ids(), *(one.id for one in _OWN)]
    return tuple(page_of(one) for one in sorted(ids))


def _parsed(rule: str, module: ast.Module) -> Page:
    text = ast.get_docstring(module) or ""
    head, _, snippets = text.partition("PASS:")
    passing, _, failing = snippets.partition("FAIL:")
    described, _, mend = head.partition("Mend:")
    title, _, why = described.strip().partition("\n\n")
    return Page(
        id=rule,
        severity=_severity(module),
        title=" ".join(title.split()),
        why=why.strip(),
        mend=" ".join(mend.split()),
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
        mend="the message says where; check a template's output, not the template.",
    ),
    Page(
        id=API_VERSION_RULE,
        severity="error",
        title="No operator serves this API version.",
        why="The API server answers 404.",
        mend="write nvidia.com/v1beta1.",
    ),
    Page(
        id=API_KIND_RULE,
        severity="error",
        title="No operator serves this kind.",
        why="The API server answers 404.",
        mend="write kind: DynamoGraphDeployment.",
    ),
    Page(
        id=WAIVER_REASON,
        severity="error",
        title="A waiver says why.",
        why="Whoever reads the manifest next has to know whether it still holds.",
        mend="write `# dynamo-lint: allow RULE because REASON`.",
    ),
    Page(
        id=WAIVER_UNUSED,
        severity="warning",
        title="A waiver waives something.",
        why="What it waived is gone, or was mended; left there it would hide the next one.",
        mend="remove it.",
    ),
)
