"""An endpoint at an address that people name: nothing is started, waited for, or stopped."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.plugin.scheduler import Room
from dynamo_conformance.probes.areas.embeddings import PLAIN
from dynamo_conformance.probes.areas.models import LIST
from dynamo_conformance.probes.exchange import OK, Fault, find
from dynamo_conformance.probes.graph import UnknownModelError, only_model
from dynamo_conformance.probes.options import read_header, read_key, read_url
from dynamo_conformance.probes.questions import CHAT
from dynamo_conformance.probes.recorder import Address, Recorder, base_url
from dynamo_conformance.targets import MOCK
from dynamo_conformance.targets.interface import DeployFailure, Unready

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from dynamo_conformance.engines.serving import Serving
    from dynamo_conformance.plugin.collect import GraphCollector
    from dynamo_conformance.plugin.jobs import GraphRun
    from dynamo_conformance.targets.cluster.node_fit import PodRequests
    from dynamo_conformance.targets.interface import Change, Worker


ONE_AT_A_TIME = Room(pods=1, starting=1)


@dataclass(frozen=True, slots=True)
class AddressDeployment:
    """What answers at an address, of which nothing else is known."""

    url: str
    workers: tuple[Worker, ...] = ()
    changes: tuple[Change, ...] = ()
    logs: Path = Path()
    settled_for: float | None = None
    is_held: bool = False

    def check(self) -> None:
        """Nothing was started that could have died."""

    def unready(self) -> Unready:
        """Nothing is known of what is behind the address."""
        return Unready()

    def close(self) -> None:
        """Nothing is to be stopped: it is somebody's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressSession:
    """One endpoint, which every graph of the run is asked of.

    Attributes:
        address: Where it is; without a model when nobody named it.
        engine: The engine, where that was said.
        room: One graph at a time: they would count each other's requests.
    """

    address: Address
    engine: str | None
    room: Room = ONE_AT_A_TIME

    @property
    def where(self) -> str:
        """The address."""
        return self.address.url

    def plan(self, _graph: GraphCollector) -> str:
        """Return nothing: nothing is served."""
        return ""

    def size(self, _graph: GraphCollector) -> tuple[int, tuple[PodRequests, ...]]:
        """Count each graph as one."""
        return 1, ()

    def remarks(self, _run: GraphRun) -> tuple[str, ...]:
        """Return the address."""
        return (self.address.url,)

    @contextmanager
    def deploy(self, _run: GraphRun) -> Iterator[AddressDeployment]:
        """Start nothing, and stop nothing."""
        yield AddressDeployment(self.address.url)

    def ready(self, promised: Serving | None) -> Address:
        """Return the address with its model, once that has answered.

        Raises:
            DeployFailure: Nobody answers, or it does not serve what is to be asked for.
        """
        with Recorder(self.address) as recorder:
            exchange = recorder.ask(LIST)
            if not exchange.status:
                raise DeployFailure(f"{self.address.url} does not answer: {exchange.error}")
            model = self.address.model or self._listed(recorder, promised)
        address = replace(self.address, model=model)
        with Recorder(address) as recorder:
            for question in (CHAT.plain, PLAIN):
                if recorder.ask(question).status == OK:
                    return address
            got = recorder.ask(CHAT.plain).summary
            raise DeployFailure(f"{model} answers neither chat nor embeddings: {got}")

    def _listed(self, recorder: Recorder, promised: Serving | None) -> str:
        wanted = promised.model if promised is not None else None
        if wanted is None:
            try:
                return only_model(recorder)
            except UnknownModelError as error:
                cause = "name the model with --dynamo-model"
                raise DeployFailure(str(error), cause=cause) from error
        try:
            entries = find(recorder.ask(LIST).json_object, "data")
        except Fault as fault:
            raise DeployFailure(f"no list of models at {self.address.url}: {fault.got}") from fault
        ids = [str(find(entry, "id")) for entry in (entries if isinstance(entries, list) else [])]
        if wanted not in ids:
            listed = ", ".join(ids) or "no model"
            raise DeployFailure(
                f"the manifest serves {wanted}, but {self.address.url} lists {listed}"
            )
        return wanted


def open_address(config: pytest.Config) -> AddressSession:
    """Return the session of the address that was named; the options were checked before."""
    key_name: str | None = config.getoption("--dynamo-api-key-env")
    ca: Path | None = config.getoption("--dynamo-ca")
    address = Address(
        url=base_url(read_url(config.getoption("--dynamo-url"))),
        model=config.getoption("--dynamo-model") or "",
        key=read_key(key_name),
        key_name=key_name,
        headers=tuple(read_header(text) for text in config.getoption("--dynamo-header")),
        ca=str(ca) if ca is not None else None,
        timeout=config.getoption("--dynamo-request-timeout"),
    )
    engine: str | None = config.getoption("--dynamo-engine")
    return AddressSession(address=address, engine=engine if engine == MOCK else None)
