"""Which operator judges a graph, when nobody says: the newest that runs its images as they are.

An operator takes any image; what keeps a pair from working is known from the history of both. The
newest operator judges a graph that no operator fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.api import crd
from dynamo_conformance.api.operator_releases import DEFAULT_OPERATOR, minors, order
from dynamo_conformance.engines.image_release import release_of
from dynamo_conformance.engines.releases import NEWEST, Release
from dynamo_conformance.manifest.document import V1BETA1
from dynamo_conformance.manifest.fields import mark_of
from dynamo_conformance.manifest.graph import EPP
from dynamo_conformance.manifest.node import Mapping

if TYPE_CHECKING:
    from dynamo_conformance.api.operator_releases import Operator
    from dynamo_conformance.manifest.graph import Component, Graph
    from dynamo_conformance.manifest.node import Mark

DISCOVERY_BACKEND = "nvidia.com/dynamo-discovery-backend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Images that need an operator which is not too new.

    Attributes:
        first: The first release of the images.
        last: The last one.
        newest: The newest operator that runs them.
        type: The type of component that it is about; empty for any.
        unless: The annotation of the graph, and its value, with which any operator does.
        reason: What newer operators do otherwise.
    """

    first: str
    last: str
    newest: str
    type: str = ""
    unless: tuple[str, str] | None = None
    reason: str


LIMITS = (
    Limit(
        first="0.4",  # What came before, no operator of today's kind started.
        last="0.6",
        newest="0.7",
        unless=(DISCOVERY_BACKEND, "etcd"),
        reason=(
            "from 0.8 on components are to find each other through Kubernetes, and these know etcd "
            f"alone ({DISCOVERY_BACKEND}: etcd, and an etcd in the cluster)"
        ),
    ),
    Limit(
        first="1.0",
        last="1.1",
        newest="1.1",
        type=EPP,
        reason="from 1.2 on the endpoint picker is started with flags that these do not take",
    ),
)
"""Known pairs that do not work together; the study of the operator's history, section 4."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The operator for a graph.

    Attributes:
        operator: The operator.
        mark: The image that decided, or None when no image needs an older operator.
        reason: Why; empty without a mark.
    """

    operator: str
    mark: Mark | None = None
    reason: str = ""


def choose(graph: Graph, default: Release = NEWEST) -> Choice:
    """Return the newest operator that runs the images of a graph, and which image decided.

    Args:
        graph: The graph.
        default: The release of images that say none.
    """
    newest = {operator.name: operator for operator in minors()}
    bound = [
        (newest[limit.newest], component, limit)
        for component in graph.components
        for limit in LIMITS
        if _binds(limit, component, graph, default)
    ]
    if not bound:
        return Choice(operator=DEFAULT_OPERATOR)
    operator, component, limit = min(bound, key=lambda item: order(item[0].name))
    if not _serves(operator, graph):
        return Choice(operator=DEFAULT_OPERATOR)
    main = component.main
    mark = mark_of(main.node, "image") if main is not None else component.mark
    image = main.image if main is not None else ""
    text = (
        f"judged by operator {operator.version}, the newest that runs {image} as it is: "
        f"{limit.reason}; --operator names another"
    )
    return Choice(operator=operator.version, mark=mark, reason=text)


def _binds(limit: Limit, component: Component, graph: Graph, default: Release) -> bool:
    if limit.type and component.type != limit.type:
        return False
    release = _release(component, default)
    if release is None or not order(limit.first) <= order(release) <= order(limit.last):
        return False
    if limit.unless is None:
        return True
    metadata = graph.root.mapping("metadata") or Mapping()
    key, value = limit.unless
    return (metadata.mapping("annotations") or Mapping()).string(key) != value


def _release(component: Component, default: Release) -> str | None:
    """Return the minor release that a component surely runs, unless a newer field says it."""
    if "runtimeVersionOverride" in component.node:
        return None
    release = release_of(component, default)
    return f"{release.known.major}.{release.known.minor}" if release.is_certain else None


def _serves(operator: Operator, graph: Graph) -> bool:
    version = graph.document.version if graph.document is not None else V1BETA1
    return version in crd.load(operator.version).versions
