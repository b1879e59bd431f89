"""A mirror shows what the API said last, whatever happens to the connection."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, cast

from dynamo_conformance.kube.errors import ApiError, UnreachableError
from dynamo_conformance.kube.resources import PODS, KubeObject
from dynamo_conformance.targets.cluster import informer as informer_module
from dynamo_conformance.targets.cluster.informer import Informer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    import pytest

    from dynamo_conformance.kube.client import Client
    from dynamo_conformance.manifest.node import Plain

Steps = list["Sequence[KubeObject | str] | ApiError"]


def pod(name: str, version: str = "1") -> KubeObject:
    meta: dict[str, Plain] = {"name": name, "resourceVersion": version, "managedFields": [1]}
    return KubeObject({"kind": "Pod", "metadata": meta})


def event(kind: str, value: Mapping[str, object]) -> str:
    return json.dumps({"type": kind, "object": value})


class Script:
    """A client whose answers are written down: lists, then the lines of watches, or errors."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self.asked: list[str] = []

    async def list(self, *_args: object, **_options: object) -> tuple[list[KubeObject], str]:
        self.asked.append("list")
        return cast("list[KubeObject]", await self._next()), "10"

    async def lines(
        self, _path: str, *, params: dict[str, str], **_options: object
    ) -> AsyncIterator[str]:
        self.asked.append(f"watch from {params['resourceVersion']}")
        for line in await self._next():
            yield cast("str", line)

    async def _next(self) -> Sequence[KubeObject | str]:
        if not self._steps:
            await asyncio.Event().wait()
        step = self._steps.pop(0)
        if isinstance(step, ApiError):
            raise step
        return step


def followed(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> tuple[Informer[str], list[str]]:
    """Follow a script to its end."""
    monkeypatch.setattr(informer_module, "RETRY_SECONDS", 0.0)
    script = Script(steps)
    found = Informer(PODS, namespace="n", read=lambda value: value.name, changed=lambda: None)

    async def follow() -> None:
        task = asyncio.create_task(found.follow(cast("Client", script)))
        while script._steps:
            await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0)
        task.cancel()

    asyncio.run(follow())
    return found, script.asked


def test_changes_come_in_and_go_on_where_they_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        event("ADDED", pod("b", "11")),
        event("DELETED", pod("a", "12")),
        event("BOOKMARK", {"kind": "Pod", "metadata": {"resourceVersion": "19"}}),
    ]
    found, asked = followed([[pod("a")], lines, [event("ADDED", pod("c", "20"))]], monkeypatch)
    assert asked == ["list", "watch from 10", "watch from 19", "watch from 20"]
    assert set(found.items) == {"b", "c"}
    assert found.deleted == {"a": "a"}
    assert "managedFields" not in str(found.objects)


def test_a_broken_connection_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: Steps = [[], [event("ADDED", pod("a", "11"))], UnreachableError("reset"), []]
    found, asked = followed(steps, monkeypatch)
    assert asked == ["list", "watch from 10", "watch from 11", "watch from 11", "watch from 11"]
    assert set(found.items) == {"a"}
    assert found.refused is None


def test_what_is_too_old_is_listed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    too_old = event("ERROR", {"kind": "Status", "code": 410, "message": "too old"})
    found, asked = followed([[pod("a")], [too_old], [pod("b")]], monkeypatch)
    assert asked == ["list", "watch from 10", "list", "watch from 10"]
    assert set(found.items) == {"b"}


def test_a_refusal_is_kept_until_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    no = ApiError(403, "Forbidden", "you may not")
    found, _asked = followed([no], monkeypatch)
    assert found.refused is no
    found, _asked = followed([no, [pod("a")]], monkeypatch)
    assert found.refused is None
