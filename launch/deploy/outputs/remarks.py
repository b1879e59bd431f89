"""Comments of YAML files: where values come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.manifest.emitter import Layout, Remarks, emit
from conformance.manifest.node import Mapping, Mark, walk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launch.deploy.output import Order
    from launch.deploy.trace import Trace

_ROOT = Mark(0, 1)
"""The mark of a document, where the comment at its top hangs."""


def commented(root: Mapping, trace: Trace, *, head: Iterable[str]) -> str:
    """Return a document as text; `head` stands at its top, without the `# `."""
    remarks = {_ROOT: Remarks(above=tuple(f"# {line}".rstrip() for line in head))}
    for _path, node in walk(root):
        origin = trace.of(node.mark)
        if origin is not None:
            remarks[node.mark] = Remarks(beside=f"# {origin.place}")
    return emit(Mapping(root.entries, _ROOT), Layout(remarks=remarks))


def heading(order: Order) -> tuple[str, ...]:
    """Return the lines that every file begins with."""
    files = " and ".join(order.files)
    return (
        f"Written by `{order.typed}`: change {files}, not this.",
        "The comments say in which line of which file each value was written.",
    )
