"""Comments of YAML files: where values come from."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.emitter import Remarks, YamlLayout, emit
from dynamo_conformance.manifest.node import Mapping, Mark, walk
from dynamo_launch.deploy.shell_text import comment

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping as Mapping_

    from dynamo_launch.deploy.output import Order
    from dynamo_launch.deploy.source_map import SourceMap

_ROOT = Mark(0, 1)
"""The mark of a document, where the comment at its top hangs."""


def commented(
    root: Mapping,
    source_map: SourceMap,
    *,
    head: Iterable[str],
    beside: Mapping_[Mark, str] = MappingProxyType({}),
) -> str:
    """Return a document as text.

    Args:
        root: The document.
        source_map: Where its values come from.
        head: What stands at its top, without the `# `.
        beside: What stands beside other values, by their marks.
    """
    remarks = {mark: Remarks(beside=f"# {comment(text)}") for mark, text in beside.items()}
    remarks[_ROOT] = Remarks(above=tuple(f"# {comment(line)}".rstrip() for line in head))
    for _path, node in walk(root):
        origin = source_map.of(node.mark)
        if origin is not None:
            remarks[node.mark] = Remarks(beside=f"# {comment(origin.place)}")
    return emit(Mapping(root.entries, _ROOT), YamlLayout(remarks=remarks))


def heading(order: Order) -> tuple[str, ...]:
    """Return the lines that every file begins with."""
    files = " and ".join(order.files)
    return (
        f"Written by `{order.typed}`.",
        f"Change {files}, not this. Comments say in which line of it a value was written.",
    )
