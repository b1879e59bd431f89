"""JSON patches: from one object to another, with as few words as are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.node import Mapping, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.manifest.node import Node, Path
    from dynamo_conformance.operator.webhook.review import Answer


def patch(old: Node, new: Node, path: Path = ()) -> Iterator[Answer]:
    """Yield the operations that make `new` of `old`; lists of another length are replaced."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for entry in old:
            if entry.key not in new:
                yield {"op": "remove", "path": _pointer((*path, entry.key))}
        for entry in new:
            here, before = (*path, entry.key), old.get(entry.key)
            if before is None:
                yield {"op": "add", "path": _pointer(here), "value": entry.value.plain()}
            else:
                yield from patch(before, entry.value, here)
    elif isinstance(old, Sequence) and isinstance(new, Sequence) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from patch(before, after, (*path, index))
    elif repr(old.plain()) != repr(new.plain()):  # 1 and True are equal, and not the same.
        yield {"op": "replace", "path": _pointer(path), "value": new.plain()}


def _pointer(path: Path) -> str:
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)
