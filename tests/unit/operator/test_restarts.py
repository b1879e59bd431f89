"""Restarts, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.read import read_graph
from dynamo_conformance.operator.restarts import (
    Restart,
    RestartRequest,
    advanced,
    marks,
    read_request,
    read_restart,
)
from dynamo_conformance.operator.workload_state import WorkloadState

if TYPE_CHECKING:
    from dynamo_conformance.manifest.graph import Graph


def graph(restart: str = "") -> Graph:
    text = f"""
apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata: {{name: g}}
spec:
  {restart}
  components: [{{name: b, type: worker}}, {{name: a, type: frontend}}]
"""
    (document,) = read_documents(text, file="g.yaml")
    return read_graph(document)


def state(name: str, *, restarted: str | None, ready: bool = True) -> WorkloadState:
    return WorkloadState(
        kind="Deployment", name=name, component=name, generation="", created="", wanted=1,
        replicas=1, updated=1, ready=int(ready), available=int(ready), is_observed=True,
        is_available=ready, is_paused=False, restarted=restarted,
    )  # fmt: skip


def states(**restarted: str | None) -> dict[str, WorkloadState]:
    return {name: state(name, restarted=mark) for name, mark in restarted.items()}


SEQUENTIAL = RestartRequest(id="2", parallel=False, order=("a", "b"))
PARALLEL = RestartRequest(id="2", parallel=True, order=("a", "b"))


def test_the_restart_that_a_graph_asks_for() -> None:
    assert read_request(graph()) is None
    assert read_request(graph("restart: {id: x}")) == RestartRequest(
        id="x", parallel=False, order=("a", "b")
    )
    ordered = read_request(graph("restart: {id: x, strategy: {order: [b, a]}}"))
    assert ordered == RestartRequest(id="x", parallel=False, order=("b", "a"))
    at_once = read_request(graph("restart: {id: x, strategy: {type: Parallel}}"))
    assert at_once is not None
    assert at_once.parallel


@pytest.mark.parametrize("phase", ["Completed", "Failed", "Superseded"])
def test_a_wish_that_was_fulfilled_is_not_fulfilled_again(phase: str) -> None:
    before = Restart(observed="2", phase=phase)
    assert advanced(before, SEQUENTIAL, {}, rolling_update=True) == before
    assert advanced(before, None, {}, rolling_update=False) == before


def test_no_wish_ends_a_restart() -> None:
    before = Restart(observed="2", phase="Restarting", in_progress=("a",))
    assert advanced(before, None, {}, rolling_update=False) is None
    assert advanced(None, None, {}, rolling_update=False) is None


def test_one_component_after_another() -> None:
    steps = [advanced(None, SEQUENTIAL, states(a=None, b=None), rolling_update=False)]
    for seen in (
        states(a="1", b=None),
        states(a="2", b=None),
        states(a="2", b=None),
        states(a="2", b="2"),
    ):
        steps.append(advanced(steps[-1], SEQUENTIAL, seen, rolling_update=False))
    shown = [(one.phase, one.in_progress) for one in steps if one is not None]
    assert shown == [
        ("Restarting", ("a",)),
        ("Restarting", ("a",)),
        ("Restarting", ("b",)),
        ("Restarting", ("b",)),
        ("Completed", ()),
    ]


def test_a_component_has_restarted_when_it_is_ready_again() -> None:
    before = Restart(observed="2", phase="Restarting", in_progress=("a",))
    seen = {"a": state("a", restarted="2", ready=False)}
    assert advanced(before, SEQUENTIAL, seen, rolling_update=False) == before


def test_all_components_at_once() -> None:
    first = advanced(None, PARALLEL, {}, rolling_update=False)
    assert first == Restart(observed="2", phase="Restarting", in_progress=("a", "b"))
    second = advanced(first, PARALLEL, states(a="2", b="1"), rolling_update=False)
    assert second == Restart(observed="2", phase="Restarting", in_progress=("b",))
    third = advanced(second, PARALLEL, states(a="2", b="2"), rolling_update=False)
    assert third == Restart(observed="2", phase="Completed")


def test_a_new_request_begins_again() -> None:
    before = Restart(observed="1", phase="Completed")
    assert advanced(before, SEQUENTIAL, {}, rolling_update=False) == Restart(
        observed="2", phase="Restarting", in_progress=("a",)
    )


def test_workers_that_are_replaced_anyway_need_no_restart() -> None:
    found = advanced(None, SEQUENTIAL, {}, rolling_update=True)
    assert found == Restart(observed="2", phase="Superseded")


def test_marks_never_go_back() -> None:
    seen = states(a="1", b="1")
    going = Restart(observed="2", phase="Restarting", in_progress=("a",))
    assert marks(going, SEQUENTIAL, graph(), seen) == {"a": "2", "b": "1"}
    last = Restart(observed="2", phase="Restarting", in_progress=("b",))
    assert marks(last, SEQUENTIAL, graph(), seen) == {"a": "2", "b": "2"}
    assert marks(going, PARALLEL, graph(), seen) == {"a": "2", "b": "2"}
    over = Restart(observed="2", phase="Completed")
    assert marks(over, None, graph(), {}) == {"a": "2", "b": "2"}
    superseded = Restart(observed="2", phase="Superseded")
    assert marks(superseded, SEQUENTIAL, graph(), seen) == {"a": "1", "b": "1"}
    assert marks(None, None, graph(), states(a=None, b=None)) == {}


def test_a_restart_is_read_as_it_was_written() -> None:
    written = Restart(observed="2", phase="Restarting", in_progress=("a", "b"))
    assert read_restart({"restart": written.status()}) == written
    assert read_restart({}) is None
