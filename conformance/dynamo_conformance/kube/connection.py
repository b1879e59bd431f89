"""A connection to one cluster: its API for everything that is read, kubectl for what is applied."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import threading
import weakref
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from dynamo_conformance.kube.client import REQUEST_SECONDS, Client
from dynamo_conformance.kube.errors import (
    NOT_FOUND,
    ApiError,
    ClusterUnavailableError,
    UnreachableError,
)
from dynamo_conformance.kube.kubeconfig import find_kubectl, login, pin
from dynamo_conformance.kube.loop import LoopThread

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from concurrent.futures import Future
    from types import TracebackType

    from dynamo_conformance.kube.kubeconfig import Pinned
    from dynamo_conformance.kube.resources import KubeObject, Resource
    from dynamo_conformance.manifest.node import Plain

T = TypeVar("T")

OPEN_SECONDS = 30.0
KUBECTL_SECONDS = 120.0
MARGIN_SECONDS = 5.0
"""What a thread waits for the loop beyond the request's own deadline."""


class Connection:
    """One cluster, pinned when it is opened.

    All threads may use it. It opens with the first use; close it, or use it as a context.
    """

    def __init__(self, kubeconfig: Path | None = None, context: str | None = None) -> None:
        self._kubeconfig = kubeconfig
        self._context = context
        self._lock = threading.Lock()
        self._folder: Path | None = None
        self._loop: LoopThread | None = None
        self._opened: tuple[Pinned, Client] | None = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def open(self) -> None:
        """Read the kubeconfig and the credentials; no request goes to the cluster yet.

        Raises:
            ClusterUnavailableError: kubectl is missing, or the kubeconfig leads nowhere.
        """
        self._parts()

    @property
    def context(self) -> str:
        """The name of the context, as the kubeconfig has it."""
        return self._parts()[0].context

    @property
    def server(self) -> str:
        """The address of the API server."""
        return self._parts()[0].server

    def kubectl_words(self, *words: str) -> str:
        """Return the command by which a person does the same with the kubeconfig they know."""
        command = ["kubectl"]
        if self._kubeconfig is not None:
            command.append(f"--kubeconfig={self._kubeconfig}")
        return " ".join((*command, f"--context={self.context}", *words))

    def kubectl(
        self, *words: str, stdin: str | None = None, timeout: float = KUBECTL_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl on this cluster and return how it ended, whatever its exit code.

        Raises:
            UnreachableError: It did not end in time, and was killed.
        """
        pinned = self._parts()[0]
        argv = [
            find_kubectl(),
            f"--kubeconfig={pinned.path}",
            f"--context={pinned.context}",
            *words,
        ]
        try:
            return subprocess.run(
                argv,
                input=stdin,
                stdin=subprocess.DEVNULL if stdin is None else None,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            message = f"kubectl {' '.join(words)} did not end in {timeout:.0f} s"
            raise UnreachableError(message) from late

    @property
    def client(self) -> Client:
        """The API for coroutines on the connection's own loop."""
        return self._parts()[1]

    def run(
        self,
        coroutine: Coroutine[object, object, T],
        *,
        seconds: float = REQUEST_SECONDS,
        finish: bool = False,
    ) -> T:
        """Run a coroutine on the connection's loop and return its result; see `LoopThread.run`."""
        try:
            return self._running().run(coroutine, seconds=seconds + MARGIN_SECONDS, finish=finish)
        except TimeoutError as late:
            raise UnreachableError(f"no answer from the cluster in {seconds:.0f} s") from late

    def start(self, coroutine: Coroutine[object, object, T]) -> Future[T]:
        """Start a task on the connection's loop."""
        return self._running().start(coroutine)

    def get(
        self, resource: Resource, name: str, *, namespace: str | None = None
    ) -> KubeObject | None:
        """Return an object, or None when there is none of that name."""
        return self.run(self.client.get(resource.path(namespace, name)))

    def list(
        self, resource: Resource, *, namespace: str | None = None, labels: str = ""
    ) -> list[KubeObject]:
        """Return all objects, of a namespace or of the cluster, that carry `labels`."""
        return self.run(self.client.list(resource, namespace=namespace, labels=labels))[0]

    def create(
        self, resource: Resource, body: dict[str, Plain], *, namespace: str | None = None
    ) -> KubeObject:
        """Create an object; an interrupt waits until the server has answered."""
        request = self.client.json("POST", resource.path(namespace), body=body)
        return self.run(request, finish=True)

    def delete(
        self,
        resource: Resource,
        name: str,
        *,
        namespace: str | None = None,
        options: dict[str, Plain] | None = None,
    ) -> bool:
        """Ask for an object's deletion; return whether there was such an object."""
        path = resource.path(namespace, name)
        try:
            self.run(self.client.json("DELETE", path, body=options))
        except ApiError as error:
            if error.status == NOT_FOUND:
                return False
            raise
        return True

    def close(self) -> None:
        """End all tasks and connections, and remove the copy of the credentials."""
        with self._lock:
            if self._loop is not None:
                if self._opened is not None:
                    with contextlib.suppress(TimeoutError):
                        self._loop.run(self._opened[1].aclose(), seconds=MARGIN_SECONDS)
                self._loop.close()
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
            self._loop = self._folder = self._opened = None

    def _running(self) -> LoopThread:
        self._parts()
        if self._loop is None:
            raise UnreachableError("the connection to the cluster is closed")
        return self._loop

    def _parts(self) -> tuple[Pinned, Client]:
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def _open(self) -> tuple[Pinned, Client]:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="dynamo-cluster-"))
            # Keys are in it: it goes with the process, closed or not.
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        pinned = pin(self._kubeconfig, self._context, folder=self._folder)
        if self._loop is None:
            self._loop = LoopThread(f"cluster {pinned.context}")
        client = Client(partial(login, pinned))
        try:
            self._loop.run(client.open(), seconds=OPEN_SECONDS)
        except TimeoutError as late:
            what = f"the credentials of context {pinned.context} were not there in"
            raise ClusterUnavailableError(f"{what} {OPEN_SECONDS:.0f} s") from late
        return pinned, client
