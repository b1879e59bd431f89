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

ASKING = """\
A run cannot do without these. With `--dynamo-existing` they are all, in the namespace of the graph,
and nothing is written there; where no namespace is named, graphs are listed in all."""

ROLES = """## As roles

What a run needs at least, with a namespace for each example, as a ClusterRole to bind to the
service account or user that runs it:

{cluster}
What `--dynamo-existing` needs, as a Role in the namespace of the graph:

{namespaced}"""

ROLE = """```yaml
apiVersion: rbac.authorization.k8s.io/v1
kind: {kind}
metadata:
  name: {name}
rules:
{rules}
```
"""


def render() -> str:
    """Return the page."""
    sections = (
        (
            "Asking a graph",
            ASKING,
            permissions.READING,
        ),
        (
            "Deploying one",
            "Needed beside those above, but for `--dynamo-existing`.",
            permissions.DEPLOYING,
        ),
        ("With a namespace for each example", "The usual way.", permissions.OWN_NAMESPACES),
        (
            "With `--dynamo-namespace`",
            "In place of the last ones; all others are then needed in that namespace only.",
            permissions.GIVEN_NAMESPACE,
        ),
        ("Better to have", "Without these a run reports less, or later.", permissions.BETTER),
    )
    parts = [HEAD]
    for title, words, listed in sections:
        parts += [f"## {title}\n", f"{words}\n", *_table(listed), ""]
    whole = (*permissions.OWN_NAMESPACES, *permissions.ALWAYS)
    roles = ROLES.format(
        cluster=_role("ClusterRole", "dynamo-conformance", whole),
        namespaced=_role("Role", "dynamo-conformance-existing", permissions.READING),
    )
    return "\n".join((*parts, roles))


def _role(kind: str, name: str, listed: Iterable[Permission]) -> str:
    rules = [line for permission in listed for line in _rule(permission)]
    return ROLE.format(kind=kind, name=name, rules="\n".join(rules))


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
