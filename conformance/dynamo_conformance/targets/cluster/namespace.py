"""A namespace of our own: made for one example, kept alive by us, and removed with all in it."""

from __future__ import annotations

import asyncio
import re
import secrets
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.kube.client import MERGE_PATCH
from dynamo_conformance.kube.errors import CONFLICT, FORBIDDEN, NOT_FOUND, ApiError
from dynamo_conformance.kube.labels import EMPTY, KEPT, PART, RUN, RUN_ID
from dynamo_conformance.kube.resources import (
    CONFIG_MAPS,
    NAMESPACES,
    PODS,
    SERVICE_ACCOUNTS,
    as_mapping,
)
from dynamo_conformance.targets.cluster.namespace_owner import (
    ALIVE_SECONDS,
    OwnerProcess,
    alive,
    is_orphan,
    start_time,
    this_host,
)
from dynamo_conformance.targets.interface import DeployFailure

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from dynamo_conformance.kube.client import Client
    from dynamo_conformance.kube.connection import Connection
    from dynamo_conformance.kube.resources import KubeObject
    from dynamo_conformance.manifest.node import Plain

NAME_LENGTH = 63
PREFIX = "dyn"
FILL_SECONDS = 20.0
ASK_SECONDS = 5.0
AWAY_SECONDS = 45.0
POLL_SECONDS = 0.25
UNTOUCHED_SECONDS = 5.0
"""How long Kubernetes leaves a namespace alone that is to go, whatever is in it."""

REMOVAL_SECONDS = 180.0
MARGIN_SECONDS = 10.0
REMOVAL_POLL_SECONDS = 1.0
GRACE_SECONDS = 1
"""What pods get to end when nobody needs them any more; their own grace is made for users."""

_DEFAULT_OBJECTS = ((SERVICE_ACCOUNTS, "default"), (CONFIG_MAPS, "kube-root-ca.crt"))
"""What the cluster puts into every namespace, and pods cannot start without."""


@dataclass(frozen=True, slots=True)
class Removal:
    """Something that is being removed from a cluster.

    Attributes:
        what: What it is, in words.
        future: What is left at the end, in words; empty when nothing is.
    """

    what: str
    future: Future[str]

    def when_done(self, callback: Callable[[], None]) -> None:
        """Have `callback` called when it has ended, well or not."""
        self.future.add_done_callback(lambda _future: callback())

    def wait(self, seconds: float = REMOVAL_SECONDS) -> None:
        """Return when nothing is left.

        Raises:
            DeployFailure: It is still there; with what keeps it.
        """
        try:
            rest = self.future.result(timeout=seconds + MARGIN_SECONDS)
        except TimeoutError:
            rest = f"not deleted after {seconds:.0f} s"
        if rest:
            raise DeployFailure(f"{self.what} is left behind: {rest}", cause="remove it by hand")


class Namespace:
    """A namespace that belongs to this process.

    Making it and removing it may be interrupted anywhere: `remove` is right at every moment.
    """

    def __init__(self, connection: Connection, name: str, *, run: str, kept_for: str = "") -> None:
        """Make none yet.

        Args:
            connection: The cluster.
            name: What it is to be called.
            run: The id of this run.
            kept_for: The graph for which it is to stay; from its first moment no run removes it.
        """
        self.name = name
        self._connection = connection
        self._run = run
        self._notes = {KEPT: kept_for} if kept_for else {}
        self._heartbeat: Future[None] | None = None

    def create(self) -> None:
        """Make it and wait until the cluster has put into it what pods need.

        Raises:
            DeployFailure: The cluster does not let us.
        """
        now = self._connection.client.now()
        body: dict[str, Plain] = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": self.name,
                "labels": {PART: RUN, RUN_ID: self._run},
                "annotations": {**OwnerProcess.this().annotations(now), **self._notes},
            },
        }
        try:
            self._connection.create(NAMESPACES, body)
        except ApiError as error:
            cause = "use a namespace that is there already" if error.status == FORBIDDEN else ""
            raise DeployFailure(
                f"the namespace {self.name} cannot be made: {error.message}", cause=cause
            ) from error
        self._heartbeat = self._connection.start(self._keep_alive())
        self._connection.run(self._filled(), seconds=FILL_SECONDS)

    def remove(self) -> Removal:
        """Begin to remove it with all that is in it."""
        self.leave()
        return remove(self._connection, self.name)

    def leave(self) -> None:
        """Give no more signs of life."""
        if self._heartbeat is not None:
            self._heartbeat.cancel()

    async def _keep_alive(self) -> None:
        path = NAMESPACES.path(name=self.name)
        while True:
            await asyncio.sleep(ALIVE_SECONDS / 6)
            client = self._connection.client
            body: dict[str, Plain] = {"metadata": {"annotations": dict(alive(client.now()))}}
            try:
                await client.json("PATCH", path, body=body, media=MERGE_PATCH)
            except ApiError as error:
                if error.status == NOT_FOUND:
                    return

    async def _filled(self) -> None:
        for resource, name in _DEFAULT_OBJECTS:
            path = resource.path(self.name, name)
            deadline = time.monotonic() + FILL_SECONDS / 2
            while time.monotonic() < deadline:
                try:
                    await self._connection.client.json("GET", path)
                except ApiError as error:
                    if error.status == FORBIDDEN:
                        break  # Pods are patient too, if less quick.
                else:
                    break
                await asyncio.sleep(POLL_SECONDS / 5)


def new_name(example: str) -> str:
    """Return a name for the namespace of an example: readable, and never used before."""
    slug = re.sub(r"[^a-z0-9]+", "-", example.lower()).strip("-")
    tail = secrets.token_hex(3)
    room = NAME_LENGTH - len(PREFIX) - len(tail) - 2
    return "-".join(part for part in (PREFIX, slug[:room].strip("-"), tail) if part)


def remove(connection: Connection, name: str) -> Removal:
    """Ask for the end of a namespace with all that is in it; the rest goes on by itself."""
    request_sent = threading.Event()
    future = connection.start(_remove(connection.client, name, request_sent))
    future.add_done_callback(lambda _future: request_sent.set())
    # Once the cluster has the request, the namespace is removed even if this process ends now.
    request_sent.wait(ASK_SECONDS)
    return Removal(f"namespace {name}", future)


def remove_orphans(connection: Connection) -> tuple[Removal, ...]:
    """Begin to remove the namespaces of runs that have ended; nothing without our label is touched.

    What a run was to keep is no orphan.

    Raises:
        ApiError: The namespaces cannot be listed.
    """
    now, host = connection.client.now(), this_host()
    return tuple(
        remove(connection, namespace.name)
        for namespace in _own(connection)
        if KEPT not in namespace.annotations
        and is_orphan(namespace.annotations, now, host=host, started=start_time)
    )


def kept_namespaces(connection: Connection) -> dict[str, str]:
    """Return the namespaces that runs have left because they were to, with the graph in each.

    Raises:
        ApiError: The namespaces cannot be listed.
    """
    return {
        namespace.name: graph
        for namespace in _own(connection)
        if (graph := namespace.annotations.get(KEPT)) is not None
    }


def _own(connection: Connection) -> tuple[KubeObject, ...]:
    """Return the namespaces that runs have made."""
    namespaces = connection.list(NAMESPACES, labels=f"{PART}={RUN}")
    return tuple(item for item in namespaces if item.name.startswith(f"{PREFIX}-"))


async def _remove(client: Client, name: str, request_sent: threading.Event) -> str:
    """Remove a namespace and return what is left, in words; empty when nothing is."""
    path = NAMESPACES.path(name=name)
    deadline = time.monotonic() + REMOVAL_SECONDS
    away_at = time.monotonic() + AWAY_SECONDS
    reason, is_notified = "", False
    while time.monotonic() < deadline:
        try:
            if not request_sent.is_set():
                await client.json("DELETE", path)
                request_sent.set()
                await _delete_pods(client, name)
                await asyncio.sleep(UNTOUCHED_SECONDS)
            reason = _what_blocks(await client.json("GET", path))
            is_notified = is_notified or await _notify_when_empty(client, name)
        except ApiError as error:
            if error.status == NOT_FOUND:
                return ""
            # A conflict is the answer to a deletion that is under way already.
            if error.status == CONFLICT:
                request_sent.set()
            reason = error.message
            if not error.status and time.monotonic() > away_at:
                return f"the cluster's API does not answer: {reason}"
        else:
            away_at = time.monotonic() + AWAY_SECONDS
        await asyncio.sleep(REMOVAL_POLL_SECONDS)
    return reason or f"not deleted after {REMOVAL_SECONDS:.0f} s"


async def _delete_pods(client: Client, name: str) -> None:
    """Let the pods of a namespace that goes away end soon: nobody waits for their graceful end.

    Half a minute is what the operator gives them.
    """
    try:
        await client.json(
            "DELETE", PODS.path(name), params={"gracePeriodSeconds": str(GRACE_SECONDS)}
        )
    except ApiError:
        return  # Without the right to do it, it takes its time.


async def _notify_when_empty(client: Client, name: str) -> bool:
    """Have the cluster check a namespace again once its pods are deleted; return whether they are.

    By itself it does so only after half of the longest grace that pods had there, whatever they
    needed. A change of the namespace brings it back within seconds.
    """
    try:
        pods = await client.json("GET", PODS.path(name), params={"limit": "1"})
    except ApiError as error:
        # Without the right to look, it takes its time.
        return error.status == FORBIDDEN
    if pods.get("items"):
        return False
    body: dict[str, Plain] = {"metadata": {"annotations": {EMPTY: "true"}}}
    await client.json("PATCH", NAMESPACES.path(name=name), body=body, media=MERGE_PATCH)
    return True


def _what_blocks(namespace: KubeObject) -> str:
    """Return why the cluster has not deleted a namespace yet."""
    status = as_mapping(namespace).mapping("status")
    conditions = status.mappings("conditions") if status is not None else ()
    texts = [
        condition.string("message") or ""
        for condition in conditions
        if condition.string("status") == "True"
        and (condition.string("message") or "").startswith("Some")
    ]
    return "; ".join(texts)
