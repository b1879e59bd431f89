"""Whether pods fit on the nodes of a cluster: on empty nodes, and beside what runs there."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from dynamo_conformance.kube.resources import as_mapping
from dynamo_conformance.manifest.node import Mapping, Scalar
from dynamo_conformance.manifest.quantity import parse_quantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dynamo_conformance.kube.resources import KubeObject

_REPELS = ("NoSchedule", "NoExecute")
_ENDED = ("Succeeded", "Failed")

_NO_LIMIT = Decimal("Infinity")

PODS = "pods"
"""The resource by which a node counts its pods."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taint:
    """What keeps pods from a node, unless they tolerate it."""

    key: str
    value: str
    effect: str

    def __str__(self) -> str:
        """Return it as kubectl writes it."""
        return (
            f"{self.key}={self.value}:{self.effect}" if self.value else f"{self.key}:{self.effect}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterNode:
    """A node of the cluster.

    Attributes:
        allocatable: What its pods can have together.
        taken: What the pods on it have asked for.
    """

    name: str
    labels: dict[str, str]
    taints: tuple[Taint, ...]
    allocatable: dict[str, Decimal]
    taken: dict[str, Decimal] = field(default_factory=dict)

    @property
    def left(self) -> dict[str, Decimal]:
        """What it has left for other pods."""
        has = {PODS: _NO_LIMIT, **self.allocatable}
        return {name: amount - self.taken.get(name, Decimal()) for name, amount in has.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class PodRequests:
    """A pod that is to be placed.

    Attributes:
        who: The component it belongs to.
        spec: Its spec, which selects the nodes it may be on.
        takes: What it asks for.
    """

    who: str
    spec: Mapping
    takes: dict[str, Decimal]


def read_nodes(nodes: Iterable[KubeObject], pods: Iterable[KubeObject]) -> tuple[ClusterNode, ...]:
    """Return nodes as the API gives them, with what the pods on them have asked for."""
    taken: dict[str, dict[str, Decimal]] = defaultdict(dict)
    for pod in pods:
        root = as_mapping(pod)
        spec, status = (root.mapping(key) or Mapping() for key in ("spec", "status"))
        name = spec.string("nodeName")
        if name and status.string("phase") not in _ENDED:
            _add(taken[name], pod_takes(spec))
    return tuple(read_node(node, taken=taken) for node in nodes)


def read_node(
    value: KubeObject, *, taken: dict[str, dict[str, Decimal]] | None = None
) -> ClusterNode:
    """Return a node as the API gives it; one that is cordoned repels every pod."""
    root = as_mapping(value)
    meta, spec, status = (root.mapping(key) or Mapping() for key in ("metadata", "spec", "status"))
    name = meta.string("name") or ""
    return ClusterNode(
        name=name,
        labels=_texts(meta.mapping("labels")),
        taints=tuple(
            Taint(
                key=taint.string("key") or "",
                value=taint.string("value") or "",
                effect=taint.string("effect") or "",
            )
            for taint in spec.mappings("taints")
        ),
        allocatable=_amounts(status.mapping("allocatable")),
        taken=(taken or {}).get(name, {}),
    )


def room(pod: PodRequests, nodes: tuple[ClusterNode, ...], *, why: str = "") -> Iterator[str]:
    """Yield why no node can hold a pod, or nothing.

    Args:
        pod: The pod.
        nodes: All nodes.
        why: What to add where a resource is short.
    """
    who, wants = pod.who, pod.takes
    selector = _texts(pod.spec.mapping("nodeSelector"))
    chosen = [node for node in nodes if selector.items() <= node.labels.items()]
    if not chosen:
        wanted = ", ".join(f"{key}={value}" for key, value in selector.items())
        yield f"no node for {who} with the labels {wanted}" if selector else f"no node for {who}"
        return
    open_to_it = [item for item in chosen if not _repelling(pod.spec, item)]
    if not open_to_it:
        taints = dict.fromkeys(
            str(taint) for item in chosen for taint in _repelling(pod.spec, item)
        )
        yield f"no node for {who}: its pods do not tolerate {', '.join(taints)}"
        return
    empty = [item.allocatable for item in open_to_it]
    if not any(_holds(has, wants) for has in empty):
        yield from _short(who, wants, empty, "the largest node has", why)
        return
    left = [item.left for item in open_to_it]
    if not any(_holds(has, wants) for has in left):
        beside = f"; other pods hold the rest{why}"
        yield from _short(who, wants, left, "the node with the most left has", beside)


def _short(
    who: str, wants: dict[str, Decimal], nodes: list[dict[str, Decimal]], most: str, why: str
) -> Iterator[str]:
    """Yield what is too little on every node."""
    short = [
        (name, amount, max(_has(node, name) for node in nodes))
        for name, amount in sorted(wants.items())
    ]
    lacking = [item for item in short if item[1] > item[2]]
    if not lacking:
        together = ", ".join(f"{name} {_text(amount)}" for name, amount, _ in short if name != PODS)
        yield f"no node for {who} has all of: {together}{why}"
    for name, amount, largest in lacking:
        have = f"{most} {_text(largest)}" if largest > 0 else "no node has any"
        left = "" if "largest" in most else " left"
        yield f"not enough {name}{left} for {who}: a pod asks for {_text(amount)}, {have}{why}"


def together(needs: Sequence[PodRequests], nodes: tuple[ClusterNode, ...]) -> Iterator[str]:
    """Yield of what all nodes together have less left than all pods ask for."""
    wants: dict[str, Decimal] = {}
    for need in needs:
        _add(wants, need.takes)
    for name, amount in sorted(wants.items()):
        left = sum((max(_has(node.left, name), Decimal()) for node in nodes), Decimal())
        if amount > left:
            yield (
                f"not enough {name} left for all {len(needs)} pods: they ask for {_text(amount)}, "
                f"the nodes have {_text(left)} left"
            )


@dataclass(frozen=True, slots=True)
class Placement:
    """On which nodes the pods of a graph were reckoned, and what they take there."""

    pods: tuple[tuple[str, dict[str, Decimal]], ...] = ()


class Capacity:
    """What the nodes have left, less what the graphs of this run take; for one thread at a time."""

    def __init__(self, nodes: tuple[ClusterNode, ...]) -> None:
        self._nodes = nodes
        self._left = {node.name: node.left for node in nodes}
        self._placed = 0

    def place(self, needs: Sequence[PodRequests]) -> Placement | None:
        """Take what pods need, or return None when they have to wait for other graphs to end.

        With no other graph there, nothing is gained by waiting.
        """
        if not self._nodes or not needs:
            return Placement()
        left = {name: dict(has) for name, has in self._left.items()}
        pods: list[tuple[str, dict[str, Decimal]]] = []
        for need in sorted(needs, key=_size, reverse=True):
            node = next(
                (
                    candidate
                    for candidate in self._nodes
                    if _takes(candidate, left[candidate.name], need)
                ),
                None,
            )
            if node is None:
                if self._placed:
                    return None
                pods = []
                break
            _add(left[node.name], need.takes, sign=-1)
            pods.append((node.name, need.takes))
        self._placed += 1
        for name, takes in pods:
            _add(self._left[name], takes, sign=-1)
        return Placement(tuple(pods))

    def give_back(self, placement: Placement, needs: Sequence[PodRequests]) -> None:
        """Give back what was taken for pods."""
        if self._nodes and needs:
            self._placed -= 1
        for name, takes in placement.pods:
            _add(self._left[name], takes)


def _takes(node: ClusterNode, left: dict[str, Decimal], need: PodRequests) -> bool:
    selector = _texts(need.spec.mapping("nodeSelector"))
    return (
        selector.items() <= node.labels.items()
        and not _repelling(need.spec, node)
        and _holds(left, need.takes)
    )


def _size(need: PodRequests) -> tuple[Decimal, Decimal]:
    """Return by what pods are sorted, the hardest to place last: devices, then CPU."""
    devices = sum((n for name, n in need.takes.items() if "/" in name), Decimal())
    return devices, need.takes.get("cpu", Decimal())


def _add(amounts: dict[str, Decimal], more: dict[str, Decimal], *, sign: int = 1) -> None:
    for name, amount in more.items():
        amounts[name] = amounts.get(name, Decimal()) + sign * amount


def pod_takes(pod: Mapping, *, scaled: dict[str, str] | None = None) -> dict[str, Decimal]:
    """Return what a pod takes of a node: what it asks for, and one of the pods it may have."""
    return {**requests(pod, scaled=scaled), PODS: Decimal(1)}


def requests(pod: Mapping, *, scaled: dict[str, str] | None = None) -> dict[str, Decimal]:
    """Return what the scheduler counts for a pod.

    Its containers and sidecars together, or one init container with the sidecars before it; a limit
    stands for a request that is left out. Resources of the pod itself go before that.

    Args:
        pod: Its spec.
        scaled: What every container asks for in place of its own requests.
    """
    instead = {name: parse_quantity(text) or Decimal() for name, text in (scaled or {}).items()}
    sidecars: dict[str, Decimal] = {}
    starting: dict[str, Decimal] = {}
    for container in pod.mappings("initContainers"):
        asks = {**_of_container(container), **instead}
        if container.string("restartPolicy") == "Always":
            _add(sidecars, asks)
            asks = {}
        for name, amount in sidecars.items():
            asks[name] = asks.get(name, Decimal()) + amount
        for name, amount in asks.items():
            starting[name] = max(starting.get(name, Decimal()), amount)
    running = dict(sidecars)
    for container in pod.mappings("containers"):
        _add(running, {**_of_container(container), **instead})
    total = {
        name: max(running.get(name, Decimal()), starting.get(name, Decimal()))
        for name in {**running, **starting}
    }
    total.update(_of_container(pod))
    _add(total, _amounts(pod.mapping("overhead")))
    return total


def _of_container(container: Mapping) -> dict[str, Decimal]:
    resources = container.mapping("resources") or Mapping()
    return {
        **_amounts(resources.mapping("limits")),
        **_amounts(resources.mapping("requests")),
    }


def _holds(has: dict[str, Decimal], wants: dict[str, Decimal]) -> bool:
    return all(_has(has, name) >= amount for name, amount in wants.items())


def _has(node: dict[str, Decimal], name: str) -> Decimal:
    return node.get(name, _NO_LIMIT if name == PODS else Decimal())


def _repelling(pod: Mapping, node: ClusterNode) -> tuple[Taint, ...]:
    tolerations = pod.mappings("tolerations")
    return tuple(
        taint
        for taint in node.taints
        if taint.effect in _REPELS
        and not any(_tolerates(toleration, taint) for toleration in tolerations)
    )


def _tolerates(toleration: Mapping, taint: Taint) -> bool:
    effect, key = toleration.string("effect"), toleration.string("key")
    if effect and effect != taint.effect:
        return False
    if toleration.string("operator") == "Exists":
        return not key or key == taint.key
    return key == taint.key and (toleration.string("value") or "") == taint.value


def _amounts(node: Mapping | None) -> dict[str, Decimal]:
    amounts: dict[str, Decimal] = {}
    for entry in node or ():
        value = entry.value
        amount = parse_quantity(str(value.value)) if isinstance(value, Scalar) else None
        if amount is not None:
            amounts[entry.key] = amount
    return amounts


def _texts(node: Mapping | None) -> dict[str, str]:
    return {
        entry.key: str(entry.value.value) for entry in node or () if isinstance(entry.value, Scalar)
    }


def _text(amount: Decimal) -> str:
    """Return an amount as people write it: memory in Gi, everything else as a number."""
    gi = amount / 2**30
    if gi >= 1:
        return f"{gi:.0f}Gi" if gi == int(gi) else f"{gi:.1f}Gi"
    return f"{amount.normalize():f}"
