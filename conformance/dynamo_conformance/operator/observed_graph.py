"""A graph as it is seen at one moment, with all that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dynamo_conformance.kube.resources import Key, KubeObject, Owner, table
from dynamo_conformance.manifest.document import Document
from dynamo_conformance.manifest.node import Mapping, from_plain
from dynamo_conformance.manifest.read import read_graph
from dynamo_conformance.operator.graph_status import read_progress
from dynamo_conformance.operator.restarts import Restart, read_restart
from dynamo_conformance.operator.rollout import Generations, RolloutProgress
from dynamo_conformance.operator.workload_state import WorkloadState, workload_state
from dynamo_conformance.rendering import names

if TYPE_CHECKING:
    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.manifest.node import Plain

CURRENT_HASH = "nvidia.com/current-worker-hash-v2"
"""The annotation of a graph that names the generation of workers that was last complete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A graph, read from its object.

    Attributes:
        fingerprint: What it was read from; equal when reading again would give the same.
        graph: The graph.
        target: The generation of workers that it asks for.
    """

    fingerprint: tuple[object, ...]
    graph: Graph
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedGraph:
    """What is seen of one graph.

    Attributes:
        dgd: The object.
        reading: Its content.
        owned: The objects that belong to it.
        states: The state of each of its workloads, of all generations.
    """

    dgd: KubeObject
    reading: Reading
    owned: dict[Key, KubeObject]
    states: tuple[WorkloadState, ...]

    @property
    def graph(self) -> Graph:
        """The graph."""
        return self.reading.graph

    @property
    def namespace(self) -> str:
        """The namespace it is in."""
        return self.dgd.namespace or "default"

    @property
    def owner(self) -> Owner:
        """The graph, as what belongs to it names it."""
        return Owner(name=self.dgd.name, uid=self.dgd.uid)

    @property
    def generation(self) -> int:
        """How often its spec has changed."""
        number = self.dgd.metadata.get("generation")
        return number if isinstance(number, int) else 0

    @property
    def status(self) -> dict[str, Plain]:
        """Its status; empty on a new one."""
        return table(self.dgd.get("status"))

    @property
    def rollout(self) -> RolloutProgress:
        """How far a rolling update is, by its status."""
        return read_progress(self.status)

    @property
    def restart(self) -> Restart | None:
        """How far a restart is, by its status."""
        return read_restart(self.status)

    @property
    def rolls_workers(self) -> bool:
        """Whether workers are replaced without a gap; groups of nodes are not."""
        return all(component.node_count == 1 for component in self.graph.components)

    @property
    def generations(self) -> Generations:
        """Its workers, by generation."""
        return Generations(
            target=self.reading.target,
            recorded=self.dgd.annotations.get(CURRENT_HASH),
            states=tuple(state for state in self.states if state.generation),
        )

    @property
    def current(self) -> dict[str, WorkloadState]:
        """The state of what runs each component now, without older generations."""
        return {
            state.component: state
            for state in self.states
            if state.generation in ("", self.reading.target)
        }

    def refreshed(self, owned: dict[Key, KubeObject]) -> ObservedGraph:
        """Return the same graph with what belongs to it now."""
        return replace(self, owned=owned, states=_states(owned))


def observe_graph(
    dgd: KubeObject, owned: dict[Key, KubeObject], *, before: Reading | None = None
) -> ObservedGraph:
    """Return what is seen of a graph.

    Args:
        dgd: The object.
        owned: The objects that belong to it.
        before: Its content the last time; spares reading it again.
    """
    current = fingerprint(dgd)
    reading = (
        before if before is not None and before.fingerprint == current else _read(dgd, current)
    )
    return ObservedGraph(dgd=dgd, reading=reading, owned=owned, states=_states(owned))


def fingerprint(dgd: KubeObject) -> tuple[object, ...]:
    """Return what changes when the content of a graph may have changed."""
    others = {key: value for key, value in dgd.annotations.items() if key != CURRENT_HASH}
    return dgd.uid, dgd.metadata.get("generation"), others


def _states(owned: dict[Key, KubeObject]) -> tuple[WorkloadState, ...]:
    return tuple(state for item in owned.values() if (state := workload_state(item)) is not None)


def _read(dgd: KubeObject, current: tuple[object, ...]) -> Reading:
    root = from_plain(dgd)
    assert isinstance(root, Mapping)  # noqa: S101 - narrows for the type checker
    graph = read_graph(Document(file=dgd.name, index=0, root=root))
    return Reading(fingerprint=current, graph=graph, target=names.worker_hash(graph))
