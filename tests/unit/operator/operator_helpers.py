"""A cluster that is just memory: objects, generations, deletion with the owner, and Deployments.

It answers the calls of `ClusterApi` that the controller makes, and its Deployment controller moves
only when a test says so, so every state in between can be looked at.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
from typing import TYPE_CHECKING, cast

import yaml

from dynamo_conformance.kube.errors import ApiError
from dynamo_conformance.kube.resources import PODS, Key, KubeObject, Resource, table
from dynamo_conformance.manifest.document import KIND
from dynamo_conformance.operator.object_cache import ObjectCache
from dynamo_conformance.operator.reconciler import Reconciler
from dynamo_conformance.operator.watched_kinds import BY_KIND, GRAPHS
from dynamo_conformance.operator.work_queue import GraphKey

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain
    from dynamo_conformance.operator.cluster_api import ClusterApi

Body = dict[str, "Plain"]
NAMESPACE = "ns"
KEY = GraphKey(NAMESPACE, "g")
BARE = ("apps",)
WITH_LWS = ("apps", "leaderworkerset.x-k8s.io", "scheduling.volcano.sh")


class Stopped(Exception):  # noqa: N818 - not an error: the controller's process ended
    """The controller was killed."""


class FakeCluster:
    """An API server, its garbage collector, and controllers that move when told."""

    def __init__(self, *, groups: tuple[str, ...] = BARE) -> None:
        self.objects: dict[Key, Body] = {}
        self.groups = groups
        self.cache = ObjectCache()
        self.calls: list[str] = []
        self.events: list[str] = []
        self.dies_at: int | None = None
        self.refused: dict[str, ApiError] = {}
        self.ending_pods: set[str] = set()
        self._numbers = itertools.count(1)

    # --- what the controller calls ---

    async def get(self, path: str, **_: str) -> Body | None:
        self._called(f"GET {path}")
        if path == "/apis":
            return {"groups": [{"name": name} for name in self.groups]}
        plural, name = path.split("/")[-2:]
        kinds = {one.plural: one.kind for one in BY_KIND.values()}
        return self.objects.get(Key(kinds[plural], name))

    async def items(
        self,
        resource: Resource,
        namespace: str | None,  # noqa: ARG002 - there is one
        **params: str,
    ) -> tuple[KubeObject, ...]:
        self._called(f"LIST {resource.plural}")
        if resource is PODS:
            left = [name for name in self.ending_pods if name in params["labelSelector"]]
            return tuple(KubeObject({"metadata": {"name": name}}) for name in left)
        return tuple(
            KubeObject(copy.deepcopy(one))
            for key, one in self.objects.items()
            if key.kind == resource.kind
        )

    async def apply(self, wanted: KubeObject) -> KubeObject:
        self._called(f"APPLY {wanted.kind} {wanted.name}")
        known = self.objects.get(wanted.key)
        return self._store(wanted, known)

    async def create(
        self,
        made: KubeObject,
        resource: Resource | None = None,  # noqa: ARG002 - the kind says it
    ) -> KubeObject | None:
        self._called(f"CREATE {made.kind} {made.name}")
        if made.kind == "Event":
            self.events.append(str(made["reason"]))
            return made
        if made.key in self.objects:
            return None
        return self._store(made, None)

    async def delete(self, gone: KubeObject) -> None:
        self._called(f"DELETE {gone.kind} {gone.name}")
        self._remove(gone.key)

    async def merge(self, what: KubeObject, patch: Body) -> KubeObject:
        self._called(f"MERGE {what.kind} {what.name}")
        known = self._known(what.key)
        return self._store(merged(known, patch), known)

    async def edit(
        self,
        what: KubeObject,
        steps: list[Plain],
        *,
        subresource: str = "",  # noqa: ARG002 - the steps' paths say it
    ) -> KubeObject:
        self._called(f"EDIT {what.kind} {what.name}")
        known = copy.deepcopy(self._known(what.key))
        for step in map(table, steps):
            *path, last = str(step["path"]).strip("/").split("/")
            at: Plain = known
            for part in path:
                at = at[int(part)] if isinstance(at, list) else table(at)[part]
            if step["op"] == "add":
                table(at)[last] = step["value"]
            else:
                assert table(at)[last] == step["value"]
        return self._store(known, self._known(what.key))

    # --- what people and other controllers do ---

    def put_graph(self, text: str) -> None:
        body = cast("Body", yaml.safe_load(text))
        known = self.objects.get(Key(KIND, "g"))
        kept = {} if known is None else {"annotations": table(known["metadata"])["annotations"]}
        metadata: Body = {"annotations": {}, **kept, "name": "g", "namespace": NAMESPACE}
        spec = body["spec"]
        status = {} if known is None or "status" not in known else {"status": known["status"]}
        graph: Body = {"apiVersion": GRAPHS.api_version, "kind": KIND, **status}
        self._store({**graph, "metadata": metadata, "spec": spec}, known)

    def delete_graph(self) -> None:
        self._remove(Key(KIND, "g"))

    def settle(self, *, ready: bool = True) -> None:
        """Have every workload controller see its objects and run what they ask for."""
        for body in list(self.objects.values()):
            if body["kind"] in ("Deployment", "LeaderWorkerSet"):
                self._run(body, ready=ready)

    def _run(self, body: Body, *, ready: bool) -> None:
        wanted = table(body["spec"])["replicas"]
        serving = wanted if ready else 0
        status: Body = {
            "observedGeneration": table(body["metadata"])["generation"],
            "replicas": wanted,
            "updatedReplicas": wanted,
            "readyReplicas": serving,
            "availableReplicas": serving,
            "conditions": [{"type": "Available", "status": "True" if ready else "False"}],
        }
        self._store({**body, "status": status}, body)

    # --- what tests ask ---

    def names(self, kind: str) -> list[str]:
        return sorted(key.name for key in self.objects if key.kind == kind)

    def replicas(self) -> dict[str, Plain]:
        return {
            key.name: table(one["spec"])["replicas"]
            for key, one in self.objects.items()
            if key.kind in ("Deployment", "LeaderWorkerSet")
        }

    def graph(self) -> Body:
        return self.objects[Key(KIND, "g")]

    def status(self) -> Body:
        return table(self.graph().get("status"))

    def ready(self) -> Body:
        conditions = self.status()["conditions"]
        assert isinstance(conditions, list)
        (condition,) = conditions
        return table(condition)

    def writes(self) -> list[str]:
        return [one for one in self.calls if one.split()[0] not in ("GET", "LIST")]

    # --- inside ---

    def _called(self, call: str) -> None:
        if self.dies_at is not None and len(self.calls) >= self.dies_at:
            raise Stopped(call)
        self.calls.append(call)
        for words, error in self.refused.items():
            if call.startswith(words):
                raise error

    def _known(self, key: Key) -> Body:
        if key not in self.objects:
            raise ApiError(404, "NotFound", f"{key.name} not found")
        return self.objects[key]

    def _store(self, body: Body, known: Body | None) -> KubeObject:
        stored = copy.deepcopy(body)
        metadata = table(stored["metadata"])
        before = table(known["metadata"]) if known is not None else {}
        generation = before.get("generation", 0)
        assert isinstance(generation, int)
        is_changed = known is None or known.get("spec") != stored.get("spec")
        if "status" not in stored and known is not None and "status" in known:
            stored["status"] = known["status"]
        metadata["uid"] = before.get("uid") or f"uid-{next(self._numbers)}"
        metadata["creationTimestamp"] = before.get("creationTimestamp") or f"{metadata['uid']:0>9}"
        metadata["resourceVersion"] = str(next(self._numbers))
        if "spec" in stored and stored["kind"] != "Service":
            metadata["generation"] = generation + is_changed
        one = KubeObject(stored)
        self.objects[one.key] = stored
        self.cache.observe(KubeObject(copy.deepcopy(stored)))
        return KubeObject(copy.deepcopy(stored))

    def _remove(self, key: Key) -> None:
        gone = self.objects.pop(key, None)
        if gone is None:
            return
        self.cache.forget(KubeObject(gone))
        for other, body in list(self.objects.items()):
            owners = table(body["metadata"]).get("ownerReferences")
            each = owners if isinstance(owners, list) else []
            if any(table(one)["uid"] == table(gone["metadata"])["uid"] for one in each):
                self._remove(other)


class Operator:
    """A controller in front of a cluster; a new one knows nothing but what it finds there."""

    def __init__(self, cluster: FakeCluster) -> None:
        cluster.cache = ObjectCache()
        for body in cluster.objects.values():
            cluster.cache.observe(KubeObject(copy.deepcopy(body)))
        api = cast("ClusterApi", cluster)
        self._reconciler = Reconciler(api, cluster.cache)

    def reconcile(self) -> float | None:
        return asyncio.run(self._reconciler.reconcile(KEY))

    def reconcile_until_quiet(self) -> float | None:
        """Look as often as the controller itself asks to without a pause."""
        again: float | None = 0.0
        while again == 0.0:
            again = self.reconcile()
        return again


def merged(whole: Body, patch: Body) -> Body:
    found = copy.deepcopy(whole)
    for key, value in patch.items():
        before = found.get(key)
        found[key] = merged(table(before), value) if isinstance(value, dict) else value
    return found
