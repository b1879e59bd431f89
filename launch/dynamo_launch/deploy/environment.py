"""The environment of a container: plain variables, and secrets by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_launch.deploy.storage import HF_HOME
from dynamo_launch.deploy.trace import constant, listed, mapping

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Node, Sequence
    from dynamo_launch.deploy.draft import Draft


def variables(draft: Draft, home: Node | None) -> Sequence | None:
    """Return a container's environment, or None when there is none.

    Args:
        draft: The component.
        home: Where the model hub's files are, unless a variable says so itself.
    """
    written = draft.written("environment")
    fields = list(written.fields()) if written is not None else []
    found = [
        mapping(name=draft.trace.text(one.key, one.origin), value=constant(one.text))
        for one in fields
    ]
    if home is not None and all(one.key != HF_HOME for one in fields):
        found.insert(0, mapping(name=constant(HF_HOME), value=home))
    return listed(found) if found else None


def secrets(draft: Draft) -> Sequence | None:
    """Return the secrets whose keys become variables, or None when there are none."""
    written = draft.written("secret_env")
    names = list(written.items()) if written is not None else []
    found = {}
    for one in names:
        if one.text in found:
            draft.error(one.origin, f'secret "{one.text}" is named twice; leave one out')
        name = draft.trace.text(one.text, one.origin)
        found[one.text] = mapping(secretRef=mapping(name=name))
    return listed(found.values()) if found else None
