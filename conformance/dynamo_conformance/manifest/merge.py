"""One container laid over another, as the operator lays `mainContainer` over a service's fields.

The operator merges two Go structs (mergo, with override), so the rules are Go's: what is zero there
says nothing and replaces nothing.

| value                               | result                                             |
|-------------------------------------|----------------------------------------------------|
| `env`                               | by name; the upper entry in the lower one's place  |
| `volumeMounts`                      | the upper ones, then the lower ones                |
| any other list                      | the upper list, unless it is empty                 |
| `resources.limits` and `.requests`  | by key; the upper quantity, zero too               |
| any other mapping                   | field by field, so a probe may end with two ways   |
| a scalar                            | the upper one, unless it is null, "", 0 or false   |
| `port` of a probe                   | the same, but a number never replaces a name       |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.fields import is_null, is_void
from dynamo_conformance.manifest.node import Entry, Mapping, Scalar, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamo_conformance.manifest.node import Node

_QUANTITIES = ("limits", "requests")
_PORT = "port"


def merged_container(below: Mapping, above: Mapping) -> Mapping:
    """Return `above` laid over `below`; each value keeps the mark of where it was written."""
    fields = dict(_merged_fields(below, above).entries)
    for name, joined in (("env", _by_name), ("volumeMounts", _upper_first)):
        lower, upper = below.get(name), above.get(name)
        if isinstance(lower, Sequence) and isinstance(upper, Sequence) and len(upper):
            both = Sequence(joined(lower.items, upper.items), upper.mark)
            fields[name] = Entry(name, both, fields[name].mark)
    return Mapping(fields, above.mark)


def _merged(key: str, below: Node, above: Node) -> Node:
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        if key in _QUANTITIES:
            given = {entry.key: entry for entry in above if not is_null(entry.value)}
            return Mapping({**below.entries, **given}, above.mark) if given else below
        return _merged_fields(below, above)
    return below if _says_nothing(key, below, above) else above


def _merged_fields(below: Mapping, above: Mapping) -> Mapping:
    fields: dict[str, Entry] = {}
    for entry in above:
        lower = below.entries.get(entry.key)
        if lower is None or is_null(lower.value):
            fields[entry.key] = entry
        elif (value := _merged(entry.key, lower.value, entry.value)) is not lower.value:
            fields[entry.key] = Entry(entry.key, value, entry.mark)
    return Mapping({**below.entries, **fields}, above.mark) if fields else below


def _says_nothing(key: str, below: Node, above: Node) -> bool:
    """Whether `above` is what Go takes for nothing, and so does not replace `below`."""
    if not isinstance(above, Scalar):
        return is_void(above)
    # A port is a struct of a type, a number and a name in Go; the type of a number is 0.
    is_named = key == _PORT and isinstance(below, Scalar) and isinstance(below.value, str)
    return not above.value or (is_named and not isinstance(above.value, str))


def _by_name(below: Iterable[Node], above: Iterable[Node]) -> tuple[Node, ...]:
    """Merge two lists of named entries: the later value wins, in the earlier one's place."""
    named: dict[str, Node] = {}
    for node in (*below, *above):
        name = node.string("name") if isinstance(node, Mapping) else None
        named[name if name is not None else f"\0{len(named)}"] = node
    return tuple(named.values())


def _upper_first(below: tuple[Node, ...], above: tuple[Node, ...]) -> tuple[Node, ...]:
    return (*above, *below)
