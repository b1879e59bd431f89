"""What to say of a key that a config file does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.node import Mapping
from dynamo_conformance.manifest.suggest import nearest
from dynamo_launch.config.keys import INSIDE, OTHER_WORDS, RUN_KEYS

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Entry


def unknown_key(entry: Entry, known: tuple[str, ...], where: str) -> str:
    """Return what to write instead of a key.

    Args:
        entry: The key, with its value.
        known: What is allowed beside it.
        where: What it stands in; empty for a file of one component.
    """
    what = f'unknown key "{entry.key}"' + (f" in {where}" if where else "")
    if entry.key[:1].isupper() and isinstance(entry.value, Mapping):
        return (
            f"{what}; a service of a retired graph config is now an entry of components: "
            "(docs/migration.md#config-files)"
        )
    if entry.key in RUN_KEYS and "components" in known:
        return f"{what}; it belongs to one of the components"
    if entry.key in INSIDE and INSIDE[entry.key] in known:
        return f"{what}; it belongs into {INSIDE[entry.key]}"
    meant = OTHER_WORDS.get(entry.key)
    found = meant if meant in known else nearest(entry.key, known)
    return what + (f'; did you mean "{found}"?' if found else f"; known: {', '.join(known)}")
