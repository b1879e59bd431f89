"""Neighbours: what a graph leaves to other graphs on purpose.

A graph need not be whole: a frontend can serve the workers of other graphs, and a pool of workers
can stand behind another graph's frontend or router. What a rule misses in it may be there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.commandline import FRONTEND_MODULE, WORKER_MODULES
from dynamo_conformance.engines.parsing import unexpanded
from dynamo_conformance.manifest.fields import is_true

if TYPE_CHECKING:
    from dynamo_conformance.engines.role import Part
    from dynamo_conformance.manifest.graph import Graph

_VARIABLES = frozenset({"DYN_NAMESPACE", "DYN_NAMESPACE_PREFIX"})
_FLAGS = ("--namespace", "--namespace-prefix")
_SCHEME = "dyn://"
_OF_ONE_GRAPH = frozenset({FRONTEND_MODULE, "dynamo.planner", *WORKER_MODULES})


def shares_namespace(part: Part, graph: Graph) -> bool:
    """Whether a component is in a Dynamo namespace that other graphs can be in too."""
    component = part.component
    if is_true(component.node.get("globalDynamoNamespace")):
        return True
    main = component.main
    if main is None:
        return False
    if any(variable.name in _VARIABLES for variable in (*graph.env, *main.env)):
        return True
    texts = [word.text for word in main.command + main.args]
    # A script is one word.
    return any(flag in text for flag in _FLAGS for text in texts) or _in_named_endpoint(part)


def joins_graphs(part: Part) -> bool:
    """Whether a component is there for several graphs: a router, a relay, a global planner."""
    module = part.command.module if part.command is not None else ""
    return module.startswith("dynamo.") and module not in _OF_ONE_GRAPH


def has_neighbours(parts: tuple[Part, ...], graph: Graph) -> bool:
    """Whether other graphs may bring what this graph does not have."""
    return any(shares_namespace(part, graph) or joins_graphs(part) for part in parts)


def _in_named_endpoint(part: Part) -> bool:
    """Whether the namespace of its endpoint is written out, so that it is not the operator's."""
    endpoint = part.value("endpoint") or ""
    namespace = endpoint.removeprefix(_SCHEME).partition(".")[0]
    return endpoint.startswith(_SCHEME) and bool(namespace) and not unexpanded(namespace)
