"""Making and merging nodes, the way the operator merges Go structs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.fields import entries, is_null
from dynamo_conformance.manifest.node import NOWHERE, Mapping, Scalar, Sequence, from_plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamo_conformance.manifest.node import Node, Plain


def made(**fields: Plain) -> Mapping:
    """Return a mapping that no author wrote: it is the operator's."""
    return mapping({key: from_plain(value) for key, value in fields.items()})


def mapping(fields: dict[str, Node]) -> Mapping:
    """Return `fields` as a mapping of the operator's; the values keep their own marks."""
    return Mapping(entries(fields))


def sequence(items: Iterable[Node]) -> Sequence:
    """Return `items` as a list of the operator's; the items keep their own marks."""
    return Sequence(tuple(items))


def words(texts: Iterable[str]) -> Sequence:
    """Return command line words that nobody wrote."""
    return sequence(Scalar(text, NOWHERE, text) for text in texts)


def appended(owner: Mapping, key: str, *items: Mapping) -> Mapping:
    """Return `owner` with `items` at the end of its list under `key`."""
    return owner.replaced(key, sequence((*owner.sequence(key), *items)))


def texts(node: Mapping | None) -> dict[str, str]:
    """Return a mapping of labels or annotations as bare strings."""
    result = {}
    for entry in node or ():
        if isinstance(entry.value, Scalar) and entry.value.value is not None:
            value = entry.value.value
            result[entry.key] = value if isinstance(value, str) else entry.value.text
    return result


def overlaid(base: Mapping, written: Mapping) -> Mapping:
    """Return `base` with what the author wrote above it.

    A default only gives way to a value that says something: the operator takes `args: []`, `""`
    and `0` for "not set" where it has a default of its own. Lists and probes are replaced whole.
    """
    entries = dict(base.entries)
    for entry in written:
        if is_set(entry.value) and (entry.key not in base or not _is_zero(entry.value)):
            entries[entry.key] = entry
    mark = written.mark if written.mark != NOWHERE else base.mark
    return Mapping(entries, mark)


def is_set(node: Node | None) -> bool:
    """Whether a key was given a value; `null` is the same as nothing."""
    return node is not None and not is_null(node)


def _is_zero(node: Node) -> bool:
    if isinstance(node, Scalar):
        return not node.value
    return len(node) == 0 and isinstance(node, Sequence)
