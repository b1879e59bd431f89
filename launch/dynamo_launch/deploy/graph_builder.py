"""The graph that config files describe, as a v1beta1 manifest, whatever is written from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest import v1beta1
from dynamo_conformance.manifest.document import GROUP, KIND, V1BETA1
from dynamo_conformance.manifest.node import Scalar, find, walk
from dynamo_conformance.manifest.placeholder import is_image_placeholder, is_placeholder
from dynamo_conformance.rendering.backend import component_backend, detect, graph_backend
from dynamo_conformance.rendering.reconcile_failure import ReconcileFailure
from dynamo_launch.config.graph_config import ValueOrigin
from dynamo_launch.config.run_config_reader import read_run
from dynamo_launch.deploy.component_input import ComponentInput
from dynamo_launch.deploy.component_role import ENGINES_OF_THE_API, engine
from dynamo_launch.deploy.graph_component import graph_component
from dynamo_launch.deploy.source_map import constant, listed, mapping
from dynamo_launch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.manifest.node import Mapping, Node
    from dynamo_launch.config.config_error import ConfigErrors
    from dynamo_launch.config.graph_config import ComponentConfig, GraphConfig
    from dynamo_launch.deploy.source_map import SourceMap


def build(graph_config: GraphConfig, source_map: SourceMap, errors: ConfigErrors) -> Graph | None:
    """Return the graph, or None when something is wrong.

    Args:
        graph_config: What the files say.
        source_map: Gets the origin of each value of the graph.
        errors: Gets what is wrong.
    """
    inputs = [
        given
        for component in graph_config.components
        if (given := _input(component, source_map, errors)) is not None
    ]
    nodes = [node for given in inputs if (node := graph_component(given)) is not None]
    graph = v1beta1.read(_root(graph_config, inputs, nodes, source_map))
    _check_texts(graph.root, source_map, errors)
    _check_engines(graph, source_map, errors)
    return None if errors.fatal else graph


def _input(
    config: ComponentConfig, source_map: SourceMap, errors: ConfigErrors
) -> ComponentInput | None:
    try:
        run = read_run(config.sources)
    except UsageError as error:
        errors.add(error, at=config.name)
        return None
    return ComponentInput(config=config, run=run, source_map=source_map, errors=errors)


def _root(
    graph_config: GraphConfig,
    inputs: Iterable[ComponentInput],
    nodes: Iterable[Mapping],
    source_map: SourceMap,
) -> Mapping:
    name = ValueOrigin(graph_config.name.file, graph_config.name.mark, "name")
    components = listed(nodes)
    return mapping(
        apiVersion=constant(f"{GROUP}/{V1BETA1}"),
        kind=constant(KIND),
        metadata=mapping(name=source_map.text(graph_config.name.text, name)),
        spec=mapping(
            backendFramework=_framework(inputs, components.items, source_map), components=components
        ),
    )


def _framework(
    inputs: Iterable[ComponentInput], nodes: Iterable[Node], source_map: SourceMap
) -> Scalar | None:
    """Return the one engine of the graph, as its components or their commands name it."""
    engines: dict[str, ValueOrigin] = {}
    for given in inputs:
        named = engine(given)
        if named is not None and named[0] in ENGINES_OF_THE_API:
            engines.setdefault(*named)
    if not engines:
        engines = _detected(nodes, source_map)
    if len(engines) != 1:
        return None  # None is known, or several are, which the operator refuses itself.
    return source_map.text(*next(iter(engines.items())))


def _detected(nodes: Iterable[Node], source_map: SourceMap) -> dict[str, ValueOrigin]:
    """Return the engines that commands of the author's own run."""
    engines: dict[str, ValueOrigin] = {}
    graph = v1beta1.read(mapping(spec=mapping(components=listed(nodes))))
    for component in graph.components:
        try:
            name = detect(component)
        except ReconcileFailure:
            continue
        words = (
            (*component.main.command, *component.main.args) if component.main is not None else ()
        )
        place = next((source_map.of(word.mark) for word in words if f".{name}" in word.text), None)
        if name is not None and place is not None:
            engines.setdefault(name, place)
    return engines


def _check_engines(graph: Graph, source_map: SourceMap, errors: ConfigErrors) -> None:
    """Refuse a second engine: a graph has one, and the operator makes nothing of another."""
    try:
        written = graph_backend(graph)
    except ReconcileFailure as failure:
        _fail(find(graph.root, ("metadata", "name")), failure, source_map, errors)
        return
    for component in graph.components:
        try:
            component_backend(component, written=written)
        except ReconcileFailure as failure:
            _fail(component.node.get("name"), failure, source_map, errors)


def _fail(
    node: Node | None, failure: ReconcileFailure, source_map: SourceMap, errors: ConfigErrors
) -> None:
    place = source_map.of(node.mark) if node is not None else None
    if place is not None:
        errors.error(place, failure.message)


def _check_texts(root: Mapping, source_map: SourceMap, errors: ConfigErrors) -> None:
    """Refuse characters that no program can be given, and what a template left to be filled in."""
    for path, node in walk(root):
        place = source_map.of(node.mark)
        if place is None or not isinstance(node, Scalar) or not isinstance(node.value, str):
            continue
        if "\0" in node.value or any("\ud800" <= char <= "\udfff" for char in node.value):
            text = f"{node.value!a} holds a character that no program can be given; leave it out"
            errors.error(place, text)
        is_left = is_image_placeholder if path[-1] == "image" else is_placeholder
        if is_left(node.value):
            text = f'"{node.value}" is a placeholder; write the real value'
            example = "nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1"
            text += f", such as {example}" if path[-1] == "image" else ""
            errors.error(place, text)
