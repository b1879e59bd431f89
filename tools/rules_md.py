"""Make docs/rules.md from the docstrings of the rules.

python tools/rules_md.py > docs/rules.md
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from dynamo_conformance.lint.rule_pages import pages

if TYPE_CHECKING:
    from dynamo_conformance.lint.rule_pages import Page

HEAD = """# Rules

What `dynamo lint` looks for, one section per rule. This page is made from the rules themselves by
`tools/rules_md.py`; change a rule's docstring, not this page.

The severity is that of the worst finding; a rule can have milder ones too.

`--only` and `--skip` take an id, or the first words of several (`api`, `pod`).
`# dynamo-lint: allow ID because REASON` at the end of a line or above it suppresses findings there.
"""


def render() -> str:
    """Return the page."""
    rules = pages()
    rows = [
        f"| [{rule.id}](#{rule.id}) | {rule.severity} | {_cell(rule.title)} |" for rule in rules
    ]
    table = ["| rule | severity | in short |", "|---|---|---|", *rows]
    return "\n".join([HEAD, *table, "", *(_section(rule) for rule in rules)])


def _section(page: Page) -> str:
    parts = [f"## {page.id}", "", f"{page.title} *({page.severity})*", ""]
    if page.why:
        parts += [page.why, ""]
    parts += [f"**Fix:** {page.fix}", ""]
    for word, snippet in (("Passes", page.passing), ("Fails", page.failing)):
        if snippet:
            parts += [f"{word}:", "", textwrap.indent(snippet, "    "), ""]
    return "\n".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(render(), end="")
