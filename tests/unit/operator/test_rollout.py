"""How many copies of each generation run, for everything that can be seen at one moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.read import read_graph
from dynamo_conformance.operator.objects.workloads import (
    MAX_SURGE,
    MAX_UNAVAILABLE,
    STRATEGY,
    strategy,
)
from dynamo_conformance.operator.rollout import (
    Generations,
    RolloutPhase,
    RolloutProgress,
    advanced,
    finished,
    targets,
    updated_components,
)
from dynamo_conformance.operator.workload_state import WorkloadState

if TYPE_CHECKING:
    from dynamo_conformance.manifest.graph import Graph

NOW = "2026-01-01T00:00:00Z"


def graph(replicas: int, **annotations: str) -> Graph:
    said = ", ".join(f'{key}: "{value}"' for key, value in annotations.items())
    text = f"""
apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata: {{name: g}}
spec:
  components:
  - name: w
    type: worker
    replicas: {replicas}
    podTemplate: {{metadata: {{annotations: {{{said}}}}}}}
"""
    (document,) = read_documents(text, file="g.yaml")
    return read_graph(document)


def state(
    generation: str, wanted: int, ready: int, *, created: str = "", replicas: int | None = None
) -> WorkloadState:
    return WorkloadState(
        kind="Deployment",
        name=f"g-w-{generation}",
        component="w",
        generation=generation,
        created=created or generation,
        wanted=wanted,
        replicas=wanted if replicas is None else replicas,
        updated=wanted,
        ready=ready,
        available=ready,
        is_observed=True,
        is_available=ready >= wanted,
        is_paused=False,
        restarted=None,
    )


def generations(*states: WorkloadState, recorded: str | None = "old") -> Generations:
    return Generations(target="new", recorded=recorded, states=states)


@pytest.mark.parametrize(
    ("wanted", "old", "new", "expected"),
    [
        # The next generation is not there yet: only what surge allows is started.
        (1, (1, 1), None, (1, 1)),
        (4, (4, 4), None, (3, 1)),
        # It starts: nothing of the old one goes before it serves.
        (1, (1, 1), (1, 0), (1, 1)),
        (4, (3, 3), (1, 0), (3, 2)),
        # It serves: the old one makes room.
        (1, (1, 1), (1, 1), (0, 1)),
        (4, (3, 3), (2, 2), (1, 2)),
        # What does not serve goes as well, but not faster.
        (4, (4, 0), (1, 0), (3, 1)),
        (4, (4, 0), (1, 1), (2, 1)),
        # Nothing is wanted any more.
        (0, (2, 2), None, (0, 0)),
        (0, (2, 2), (0, 0), (0, 0)),
    ],
)
def test_targets(
    wanted: int, old: tuple[int, int], new: tuple[int, int] | None, expected: tuple[int, int]
) -> None:
    states = [state("old", *old)] + ([state("new", *new)] if new is not None else [])
    found = targets(graph(wanted), generations(*states), is_drained=False)
    assert (found.old["g-w-old"], found.new["w"]) == expected


@pytest.mark.parametrize("surge", ["0", "1", "50%", "100%"])
@pytest.mark.parametrize("unavailable", ["0", "1", "50%"])
@pytest.mark.parametrize("wanted", [1, 2, 3, 7])
def test_a_rollout_keeps_its_limits_and_ends(wanted: int, surge: str, unavailable: str) -> None:
    found = graph(wanted, **{MAX_SURGE: surge, MAX_UNAVAILABLE: unavailable})
    limits = strategy({MAX_SURGE: surge, MAX_UNAVAILABLE: unavailable}).limits(wanted)
    old, new = wanted, 0
    for _ in range(4 * wanted):
        seen = generations(state("old", old, old), state("new", new, new))
        step = targets(found, seen, is_drained=False)
        # What is started now does not serve yet, and what is stopped now no longer does.
        serving = step.old["g-w-old"] + min(new, step.new["w"])
        assert serving >= wanted - limits[1]
        old, new = step.old["g-w-old"], step.new["w"]
        assert old + new <= wanted + limits[0]
    assert (old, new) == (0, wanted)


def test_of_several_old_generations_the_youngest_that_serves_stays() -> None:
    seen = generations(
        state("oldest", 2, 2, created="1"),
        state("younger", 2, 1, created="2"),
        state("new", 1, 0, created="3"),
    )
    found = targets(graph(3), seen, is_drained=False)
    assert found.old == {"g-w-oldest": 2, "g-w-younger": 1}
    seen = generations(state("a", 2, 2, created="1"), state("b", 2, 2, created="2"))
    assert targets(graph(2), seen, is_drained=False).old == {"g-w-a": 0, "g-w-b": 2}


def test_recreating_starts_nothing_before_the_last_pod_is_gone() -> None:
    found = graph(2, **{STRATEGY: "Recreate"})
    busy = targets(found, generations(state("old", 2, 2)), is_drained=False)
    assert (busy.old, busy.new) == ({"g-w-old": 0}, {"w": 0})
    ending = targets(found, generations(state("old", 0, 0)), is_drained=False)
    assert ending.new == {"w": 0}
    gone = targets(found, generations(state("old", 0, 0)), is_drained=True)
    assert gone.new == {"w": 2}


def test_without_an_old_generation_nothing_is_held_back() -> None:
    found = targets(graph(3), generations(state("new", 3, 3)), is_drained=True)
    assert (found.old, found.new) == ({}, {})


def test_workers_of_a_component_that_is_no_more() -> None:
    orphan = WorkloadState(
        **{
            **{name: getattr(state("old", 1, 1), name) for name in WorkloadState.__slots__},
            "component": "gone",
        }
    )
    assert targets(graph(1), generations(orphan), is_drained=False).old == {"g-w-old": 0}


def test_the_phases_of_a_rolling_update() -> None:
    found = graph(1)
    started = advanced(
        RolloutProgress(), found, generations(state("old", 1, 1)), now=NOW, is_drained=False
    )
    assert started == RolloutProgress(phase=RolloutPhase.PENDING, started=NOW)
    going = advanced(started, found, generations(state("old", 1, 1)), now="x", is_drained=False)
    assert going == RolloutProgress(phase=RolloutPhase.IN_PROGRESS, started=NOW)
    both = generations(state("old", 0, 0), state("new", 1, 1))
    still = advanced(going, found, both, now="x", is_drained=False)
    assert still == RolloutProgress(phase=RolloutPhase.IN_PROGRESS, started=NOW, updated=("w",))
    assert finished(found, both)
    over = advanced(still, found, generations(state("new", 1, 1)), now="end", is_drained=True)
    assert over == RolloutProgress(
        phase=RolloutPhase.COMPLETED, started=NOW, ended="end", updated=("w",)
    )
    after = generations(state("new", 1, 1), recorded="new")
    assert advanced(over, found, after, now="x", is_drained=True) == over
    again = advanced(over, found, generations(state("new", 1, 1)), now="x", is_drained=True)
    assert again.phase is RolloutPhase.PENDING
    assert again.updated == ()


def test_a_new_graph_has_nothing_to_roll() -> None:
    new = generations(recorded=None)
    assert advanced(RolloutProgress(), graph(1), new, now=NOW, is_drained=True) == RolloutProgress()


@pytest.mark.parametrize(
    ("old", "new", "is_updated"),
    [((1, 1), (1, 1), False), ((1, 0), (1, 1), True), ((0, 0), (1, 0), False)],
)
def test_a_component_is_updated_when_only_its_new_generation_serves(
    old: tuple[int, int], new: tuple[int, int], *, is_updated: bool
) -> None:
    seen = generations(state("old", *old), state("new", *new))
    assert updated_components(graph(1), seen) == (("w",) if is_updated else ())


def test_old_workers_that_still_have_copies_are_not_deleted() -> None:
    seen = generations(state("old", 0, 0, replicas=1), state("new", 1, 1))
    assert not finished(graph(1), seen)
