"""The one graph that config files describe, whatever is to be written from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest import v1beta1
from dynamo_conformance.manifest.document import GROUP, KIND, V1BETA1
from dynamo_conformance.manifest.node import Scalar, find, walk
from dynamo_conformance.manifest.placeholder import is_image_placeholder, is_placeholder
from dynamo_conformance.rendering.backend import component_backend, detect, graph_backend
from dynamo_conformance.rendering.failure import ReconcileFailure
from dynamo_launch.config.runreader import read_run
from dynamo_launch.deploy.component import component
from dynamo_launch.deploy.draft import Draft
from dynamo_launch.deploy.role import ENGINES_OF_THE_API, engine
from dynamo_launch.deploy.trace import Origin, constant, listed, mapping
from dynamo_launch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.manifest.node import Mapping, Node
    from dynamo_launch.config.complaint import Complaints
    from dynamo_launch.config.description import Described, Description
    from dynamo_launch.deploy.trace import Trace


def build(description: Description, trace: Trace, complaints: Complaints) -> Graph | None:
    """Return the graph, or None when something is wrong.

    Args:
        description: What the files say.
        trace: Is told where each value of the graph comes from.
        complaints: Is told what is wrong.
    """
    drafts = [
        draft
        for one in description.components
        if (draft := _draft(one, trace, complaints)) is not None
    ]
    nodes = [node for draft in drafts if (node := component(draft)) is not None]
    graph = v1beta1.read(_root(description, drafts, nodes, trace))
    _complain_of_characters(graph.root, trace, complaints)
    _complain_of_placeholders(graph.root, trace, complaints)
    _complain_of_engines(graph, trace, complaints)
    return None if complaints.errors else graph


def _draft(described: Described, trace: Trace, complaints: Complaints) -> Draft | None:
    try:
        run = read_run(described.sources)
    except UsageError as error:
        complaints.add(error)
        return None
    return Draft(described=described, run=run, trace=trace, complaints=complaints)


def _root(
    description: Description, drafts: Iterable[Draft], nodes: Iterable[Mapping], trace: Trace
) -> Mapping:
    name = Origin(description.name.file, description.name.mark, "name")
    components = listed(nodes)
    return mapping(
        apiVersion=constant(f"{GROUP}/{V1BETA1}"),
        kind=constant(KIND),
        metadata=mapping(name=trace.text(description.name.text, name)),
        spec=mapping(
            backendFramework=_framework(drafts, components.items, trace), components=components
        ),
    )


def _framework(drafts: Iterable[Draft], nodes: Iterable[Node], trace: Trace) -> Scalar | None:
    """Return the one engine of the graph, as its components say or their commands tell."""
    said: dict[str, Origin] = {}
    for draft in drafts:
        found = engine(draft)
        if found is not None and found[0] in ENGINES_OF_THE_API:
            said.setdefault(*found)
    if not said:
        said = _detected(nodes, trace)
    if len(said) != 1:
        return None  # None is known, or several are, which the operator refuses itself.
    return trace.text(*next(iter(said.items())))


def _detected(nodes: Iterable[Node], trace: Trace) -> dict[str, Origin]:
    """Return the engines that commands of the author's own run."""
    found: dict[str, Origin] = {}
    graph = v1beta1.read(mapping(spec=mapping(components=listed(nodes))))
    for one in graph.components:
        try:
            name = detect(one)
        except ReconcileFailure:
            continue
        words = (*one.main.command, *one.main.args) if one.main is not None else ()
        place = next((trace.of(word.mark) for word in words if f".{name}" in word.text), None)
        if name is not None and place is not None:
            found.setdefault(name, place)
    return found


def _complain_of_engines(graph: Graph, trace: Trace, complaints: Complaints) -> None:
    """Complain of a second engine: a graph has one, and the operator makes nothing of another."""
    try:
        written = graph_backend(graph)
    except ReconcileFailure as failure:
        name = find(graph.root, ("metadata", "name"))
        _complain(trace, complaints, name, failure.message)
        return
    for one in graph.components:
        try:
            component_backend(one, written=written)
        except ReconcileFailure as failure:
            _complain(trace, complaints, one.node.get("name"), failure.message)


def _complain(trace: Trace, complaints: Complaints, node: Node | None, text: str) -> None:
    place = trace.of(node.mark) if node is not None else None
    if place is not None:
        complaints.error(place.file, place.mark, text)


def _complain_of_characters(root: Mapping, trace: Trace, complaints: Complaints) -> None:
    """Complain of characters that no program can be given and no file can hold."""
    for _path, node in walk(root):
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            continue
        if "\0" in node.value or any("\ud800" <= char <= "\udfff" for char in node.value):
            text = f"{node.value!a} holds a character that no program can be given; leave it out"
            _complain(trace, complaints, node, text)


def _complain_of_placeholders(root: Mapping, trace: Trace, complaints: Complaints) -> None:
    """Complain of what a template left to be filled in."""
    for path, node in walk(root):
        place = trace.of(node.mark)
        if place is None or not isinstance(node, Scalar) or not isinstance(node.value, str):
            continue
        is_left = is_image_placeholder if path[-1] == "image" else is_placeholder
        if is_left(node.value):
            text = f'"{node.value}" is a placeholder; write the real value'
            example = "nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1"
            text += f", such as {example}" if path[-1] == "image" else ""
            complaints.error(place.file, place.mark, text)
