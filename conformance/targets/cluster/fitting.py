"""Whether any node of a cluster could hold a pod at all, were it empty."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from conformance.manifest.node import Mapping, Scalar
from conformance.manifest.quantity import parse_quantity
from conformance.targets.cluster.resources import as_mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.targets.cluster.resources import KubeObject

_REPELS = ("NoSchedule", "NoExecute")


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
class Node:
    """A node of the cluster.

    Attributes:
        name: Its name.
        labels: Its labels.
        taints: What repels pods.
        allocatable: What its pods can have together.
    """

    name: str
    labels: dict[str, str]
    taints: tuple[Taint, ...]
    allocatable: dict[str, Decimal]


def read_node(value: KubeObject) -> Node:
    """Return a node as the API gives it; one that is cordoned repels every pod."""
    root = as_mapping(value)
    meta, spec, status = (root.mapping(key) or Mapping() for key in ("metadata", "spec", "status"))
    return Node(
        name=meta.string("name") or "",
        labels=_texts(meta.mapping("labels")),
        taints=tuple(
            Taint(
                key=one.string("key") or "",
                value=one.string("value") or "",
                effect=one.string("effect") or "",
            )
            for one in spec.mappings("taints")
        ),
        allocatable=_amounts(status.mapping("allocatable")),
    )


def room(
    pod: Mapping, nodes: tuple[Node, ...], *, who: str, ignored: frozenset[str]
) -> Iterator[str]:
    """Yield why no node could hold a pod, or nothing.

    Args:
        pod: Its spec.
        nodes: All nodes.
        who: The component it belongs to.
        ignored: Resources whose requests are no matter.
    """
    selector = _texts(pod.mapping("nodeSelector"))
    chosen = [one for one in nodes if selector.items() <= one.labels.items()]
    if not chosen:
        wanted = ", ".join(f"{key}={value}" for key, value in selector.items())
        yield f"no node for {who} with the labels {wanted}" if selector else f"no node for {who}"
        return
    open_to_it = [one for one in chosen if not _repelling(pod, one)]
    if not open_to_it:
        taints = dict.fromkeys(str(taint) for one in chosen for taint in _repelling(pod, one))
        yield f"no node for {who}: its pods do not tolerate {', '.join(taints)}"
        return
    wants = {name: amount for name, amount in requests(pod).items() if name not in ignored}
    if any(_holds(node, wants) for node in open_to_it):
        return
    short = [
        (name, amount, max(node.allocatable.get(name, Decimal()) for node in open_to_it))
        for name, amount in sorted(wants.items())
    ]
    lacking = [one for one in short if one[1] > one[2]]
    if not lacking:
        together = ", ".join(f"{name} {_text(amount)}" for name, amount, _ in short)
        yield f"no node for {who} has all of: {together}"
    for name, amount, largest in lacking:
        have = f"the largest node has {_text(largest)}" if largest else "no node has any"
        yield f"not enough {name} for {who}: a pod asks for {_text(amount)}, {have}"


def requests(pod: Mapping) -> dict[str, Decimal]:
    """Return what the scheduler counts for a pod: its containers together, or one init container.

    A limit stands for a request that is left out.
    """
    together: dict[str, Decimal] = {}
    for container in pod.mappings("containers"):
        for name, amount in _of_container(container).items():
            together[name] = together.get(name, Decimal()) + amount
    for container in pod.mappings("initContainers"):
        for name, amount in _of_container(container).items():
            together[name] = max(together.get(name, Decimal()), amount)
    return together


def _of_container(container: Mapping) -> dict[str, Decimal]:
    resources = container.mapping("resources") or Mapping()
    return {
        **_amounts(resources.mapping("limits")),
        **_amounts(resources.mapping("requests")),
    }


def _holds(node: Node, wants: dict[str, Decimal]) -> bool:
    return all(node.allocatable.get(name, Decimal()) >= amount for name, amount in wants.items())


def _repelling(pod: Mapping, node: Node) -> tuple[Taint, ...]:
    tolerations = pod.mappings("tolerations")
    return tuple(
        taint
        for taint in node.taints
        if taint.effect in _REPELS and not any(_tolerates(one, taint) for one in tolerations)
    )


def _tolerates(toleration: Mapping, taint: Taint) -> bool:
    effect, key = toleration.string("effect"), toleration.string("key")
    if effect and effect != taint.effect:
        return False
    if toleration.string("operator") == "Exists":
        return not key or key == taint.key
    return key == taint.key and (toleration.string("value") or "") == taint.value


def _amounts(node: Mapping | None) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for entry in node or ():
        value = entry.value
        amount = parse_quantity(str(value.value)) if isinstance(value, Scalar) else None
        if amount is not None:
            found[entry.key] = amount
    return found


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
