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

The permissions that `pytest -m e2e --dynamo-target=cluster` needs on somebody's cluster. Nothing is
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
        ("Better to have", "Without these a run reports less, or later.", permissions.BETTER),
    )
    parts = [HEAD]
    for title, words, listed in sections:
        parts += [f"## {title}\n", f"{words}\n", *_table(listed), ""]
    needed = (*permissions.OWN_NAMESPACES, *permissions.ALWAYS)
    rules = [line for permission in needed for line in _rule(permission)]
    return "\n".join(parts) + ROLE.removeprefix("\n") + "\n".join((*rules, "```", ""))


def _table(listed: Iterable[Permission]) -> list[str]:
    rows = ["| resource | verbs | what for |", "|---|---|---|"]
    for permission in listed:
        group = f" ({permission.group})" if permission.group else ""
        mark = " *" if permission.cluster else ""
        cells = f"{permission.resource}{group}{mark}", ", ".join(permission.verbs), permission.why
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def _rule(permission: Permission) -> list[str]:
    return [
        f'  - apiGroups: ["{permission.group}"]',
        f"    resources: [{permission.resource}]",
        f"    verbs: [{', '.join(permission.verbs)}]",
    ]


if __name__ == "__main__":
    print(render(), end="")
