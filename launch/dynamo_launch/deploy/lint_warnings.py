"""What lint reports about the graph, at the lines of the config that it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dynamo_conformance.lint.check import problems
from dynamo_conformance.manifest.document import Document
from dynamo_conformance.manifest.node import Mapping, find
from dynamo_launch.config.keys import DEPLOYMENT_KEYS

if TYPE_CHECKING:
    from dynamo_conformance.lint.rule import Problem
    from dynamo_launch.config.config_error import ConfigErrors
    from dynamo_launch.config.graph_config import ValueOrigin
    from dynamo_launch.deploy.output import Order

PLAIN_SECRET: Final = "plain-secret"  # noqa: S105 - the id of a rule
_EVERYWHERE: Final = ("cmd", "environment", "replicas", "nodes")
"""Keys of deployment that mean the same wherever a graph runs."""


def warn_of_findings(order: Order, errors: ConfigErrors, *, on_kubernetes: bool) -> None:
    """Warn of each finding of lint, where its cause was written.

    Args:
        order: What is to be written.
        errors: Gets the findings.
        on_kubernetes: Whether what only a pod has (image, probes, ...) counts.
    """
    for rule, _severity, problem in problems(Document("", 0, order.graph.root)):
        place = order.source_map.of(problem.mark) or _nearest(order, problem)
        if place is None or not (on_kubernetes or _counts(place)):
            continue
        text = f"{problem.message} ({rule})"
        if rule == PLAIN_SECRET:
            what = problem.message.partition(" is written")[0]
            text = (
                f"{what} is written out, and everyone who can read the files has it; name a "
                f"secret under secret_env, whose keys become variables ({rule})"
            )
        errors.warn(place, text)


def _counts(place: ValueOrigin) -> bool:
    key = place.what.partition(".")[0]
    return key not in DEPLOYMENT_KEYS or key in _EVERYWHERE


def _nearest(order: Order, problem: Problem) -> ValueOrigin | None:
    """Return where the nearest thing around a problem was written: a value, or a name."""
    path = problem.path or ()
    for size in range(len(path), -1, -1):
        node = find(order.graph.root, path[:size]) or order.graph.root
        name = node.get("name") if isinstance(node, Mapping) else None
        for candidate in (node, name):
            place = order.source_map.of(candidate.mark) if candidate is not None else None
            if place is not None:
                return place
    name = find(order.graph.root, ("metadata", "name"))
    return order.source_map.of(name.mark) if name is not None else None
