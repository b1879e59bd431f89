"""What is wrong with a graph, and what is not: one file of recorded objects per case.

A case holds the objects of a namespace at one moment (`objects`, `now`), what the graph is
(`graph`, `expected`), and what must be found (`finds`: pieces of the sentences; null when nothing
is wrong). `not_yet` is an earlier time at which it must still be waited for, `log` what the
container wrote last and from where.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from snapshot_builders import diagnose, snapshot

from dynamo_conformance.targets.cluster.diagnoses import SUBJECTS, diagnoses
from dynamo_conformance.targets.cluster.diagnosis import LogSource
from dynamo_conformance.targets.cluster.namespace_snapshot import (
    NamespaceSnapshot,
    OperatorState,
    Surroundings,
    read_operator,
)

if TYPE_CHECKING:
    from types import ModuleType

CASES = sorted((Path(__file__).parent / "cluster_cases").rglob("*.yaml"))


@dataclass(frozen=True)
class Case:
    view: NamespaceSnapshot
    now: datetime
    not_yet: datetime | None
    finds: dict[str, Any] | None


def around(held: dict[str, Any]) -> Surroundings:
    """Return what is around: operators by their objects, each as one list."""
    operators = held.get("operators")
    times = {key: held.get(key) for key in ("progress", "room_since")}
    return Surroundings(
        operators=None if operators is None else tuple(map(operator, operators)),
        is_crowded=held.get("is_crowded", False),
        **{key: datetime.fromisoformat(text) if text else None for key, text in times.items()},
    )


def operator(objects: list[Any]) -> OperatorState:
    deployment, *others = objects
    pods = [other for other in others if other["kind"] == "Pod"]
    return read_operator(
        deployment, pods=pods, leases=[other for other in others if other["kind"] == "Lease"]
    )


@cache
def read(path: Path) -> Case:
    held = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    kinds: dict[str, list[Any]] = {}
    for item in held["objects"]:
        kinds.setdefault(item["kind"], []).append(item)
    view = snapshot(
        expected=held.get("expected"),
        graph=held.get("graph", ""),
        pods=kinds.pop("Pod", ()),
        events=kinds.pop("Event", ()),
        graphs=kinds.pop("DynamoGraphDeployment", ()),
        claims=kinds.pop("PersistentVolumeClaim", ()),
        around=around(held.get("around", {})),
    )
    assert not kinds, f"{path.name} holds objects that nobody looks at: {', '.join(kinds)}"
    not_yet = held.get("not_yet")
    return Case(
        view=view,
        now=datetime.fromisoformat(held["now"]),
        not_yet=datetime.fromisoformat(not_yet) if not_yet else None,
        finds=held["finds"],
    )


@pytest.mark.parametrize("path", CASES, ids=lambda path: str(path.stem))
def test_case(path: Path) -> None:
    case = read(path)
    failure = diagnose(case.view, case.now)
    if case.finds is None:
        assert failure is None, failure
        return
    assert failure is not None, "nothing is found"
    for piece in case.finds["what"]:
        assert piece in failure.what, failure.what
    assert case.finds.get("cause", "") in failure.cause, failure.cause
    assert "\n" not in failure.what
    first = next(diagnoses(case.view, case.now))
    log = case.finds.get("log")
    assert first.log == (LogSource(**log) if log else None)
    if case.not_yet is not None:
        assert diagnose(case.view, case.not_yet) is None


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda one: str(one.__name__).split(".")[-1])
def test_every_subject_is_needed(subject: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, some case is diagnosed in other words or not at all."""
    cases = [read(path) for path in CASES]
    whole = [diagnose(case.view, case.now) for case in cases]
    monkeypatch.setattr(subject, "find", lambda *_args: iter(()))
    lessened = [diagnose(case.view, case.now) for case in cases]
    assert [str(item) for item in whole] != [str(item) for item in lessened]
