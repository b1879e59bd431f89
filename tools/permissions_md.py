"""Make docs/permissions.md from the rights that a run asks for.

python tools/permissions_md.py > docs/permissions.md
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.targets.cluster import permissions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamo_conformance.targets.cluster.permissions import Permission

HEAD = """# Permissions

The rights that `pytest -m e2e --dynamo-target=cluster` needs on somebody's cluster. Nothing is
installed there; a run makes namespaces of its own, and removes them. This page is made by
`tools/permissions_md.py` from what a run asks the cluster for before it applies anything
(`dynamo_conformance/targets/cluster/permissions.py`); a test runs with a service account that has
these and no more.

In the tables, a group in brackets stands behind its resource; `*` marks what lives outside of
namespaces.
"""

ROLE = """
## As a role

What a run needs at least, with a namespace for each example, as a ClusterRole to bind to the
service account or user that runs it:

```yaml
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: dynamo-conformance
rules:
"""


def render() -> str:
    """Return the page."""
    sections = (
        ("Always", "A run cannot do without these.", permissions.ALWAYS),
        ("With a namespace for each example", "The usual way.", permissions.OWN_NAMESPACES),
        (
            "With `--dynamo-namespace`",
            "In place of those above; all others are then needed in that namespace only.",
            permissions.GIVEN_NAMESPACE,
        ),
        ("Better to have", "Without these a run says less, or says it later.", permissions.BETTER),
    )
    parts = [HEAD]
    for title, words, listed in sections:
        parts += [f"## {title}\n", f"{words}\n", *_table(listed), ""]
    needed = (*permissions.OWN_NAMESPACES, *permissions.ALWAYS)
    rules = [line for right in needed for line in _rule(right)]
    return "\n".join(parts) + ROLE.removeprefix("\n") + "\n".join((*rules, "```", ""))


def _table(listed: Iterable[Permission]) -> list[str]:
    rows = ["| resource | verbs | what for |", "|---|---|---|"]
    for right in listed:
        group = f" ({right.group})" if right.group else ""
        mark = " *" if right.cluster else ""
        rows.append(f"| {right.resource}{group}{mark} | {', '.join(right.verbs)} | {right.why} |")
    return rows


def _rule(right: Permission) -> list[str]:
    return [
        f'  - apiGroups: ["{right.group}"]',
        f"    resources: [{right.resource}]",
        f"    verbs: [{', '.join(right.verbs)}]",
    ]


if __name__ == "__main__":
    print(render(), end="")
