"""The services of a compose file: what one process of the graph is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dynamo_conformance.manifest.graph import FRONTEND, GPU
from dynamo_conformance.manifest.node import NOWHERE, Mapping, Scalar, find
from dynamo_conformance.manifest.quantity import parse_quantity
from dynamo_conformance.rendering.pod_spec import GRACE_SECONDS
from dynamo_conformance.rendering.volumes import SHARED_MEMORY_SIZE
from dynamo_launch.deploy.outputs.output_checks import env_file
from dynamo_launch.deploy.source_map import constant, listed, mapped, mapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.manifest.graph import Component
    from dynamo_conformance.manifest.node import Mark, Node, Path, Sequence
    from dynamo_launch.deploy.component_process import ComponentProcess, Mount

DISCOVERY: Final = "discovery"
"""The volume through which components find each other."""

FOLDER: Final = "/discovery"

_FOUND: Final = {
    "DYN_DISCOVERY_BACKEND": "file",
    "DYN_FILE_KV": FOLDER,
    "DYN_REQUEST_PLANE": "tcp",
    "DYN_EVENT_PLANE": "zmq",
}
_ASKED: Final = {"DYN_SYSTEM_USE_ENDPOINT_HEALTH_STATUS": '["generate"]'}
"""Lets a worker say that it is healthy only once it serves."""

_ASK: Final = "import sys, urllib.request as r; r.urlopen(sys.argv[1], timeout=float(sys.argv[2]))"
_START_SECONDS: Final = 10
"""What Python itself may take to start where all cores are busy."""

_UNITS: Final = (("g", 2**30), ("m", 2**20), ("k", 2**10))


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeService:
    """What becomes a service.

    Attributes:
        name: Its name.
        process: What runs in each of its containers.
        gpus: Which GPUs of the machine each of them has.
        is_scaled: Whether it stands for all replicas of the component.
    """

    name: str
    process: ComponentProcess
    gpus: tuple[int, ...]
    is_scaled: bool


def services(processes: Iterable[ComponentProcess]) -> Iterator[ComposeService]:
    """Yield the services: one for a component, or one for each replica that has GPUs of its own.

    Docker gives all containers of one service the same GPUs, and counts from the first each time.
    """
    first = 0
    for process in processes:
        name, replicas = process.component.name, process.component.replicas
        if not process.gpus or replicas == 0:
            yield ComposeService(name=name, process=process, gpus=(), is_scaled=True)
            continue
        for replica in range(replicas):
            yield ComposeService(
                # No component has a name with an underscore.
                name=name if replicas == 1 else f"{name}_{replica}",
                process=process,
                gpus=tuple(range(first, first + process.gpus)),
                is_scaled=False,
            )
            first += process.gpus


def written(service: ComposeService, others: Iterable[ComposeService]) -> Mapping:
    """Return a service as the compose file says it.

    Args:
        service: The service.
        others: All services, itself included.
    """
    process = service.process
    entrypoint, command = _command_line(process)
    return mapping(
        image=_image(process.component),
        entrypoint=entrypoint,
        command=command,
        environment=_environment(process),
        env_file=_env_files(process),
        ports=_ports(process),
        volumes=listed((constant(f"{DISCOVERY}:{FOLDER}"), *map(_mount, process.mounts))),
        shm_size=_shared_memory(process.component),
        healthcheck=_health(process),
        depends_on=_after(process, others),
        deploy=_deploy(service),
        init=constant(value=True),
        restart=constant("unless-stopped"),
        stop_grace_period=constant(f"{GRACE_SECONDS}s"),
    )


def _image(component: Component) -> Scalar | None:
    written = _at(component, ("image",))
    return _literal(written.text, written.mark) if isinstance(written, Scalar) else None


def _command_line(process: ComponentProcess) -> tuple[Sequence, Sequence | None]:
    """Return the words of the program, which take the place of the image's own, and the others."""
    main = process.component.main
    written = (*main.command, *main.args) if main is not None else ()
    same = len(written) == len(process.words)
    marks = [word.mark for word in written] if same else [NOWHERE] * len(process.words)
    words = [_literal(text.plain, mark) for text, mark in zip(process.words, marks, strict=True)]
    end = len(main.command) if main is not None and same else len(words)
    return listed(words[:end]), listed(words[end:]) if words[end:] else None


def _environment(process: ComponentProcess) -> Mapping:
    """Return all variables, those that are the same everywhere first."""
    marks: dict[str | None, Mark] = {}
    main = process.component.main
    for variable in main.node.mappings("env") if main is not None else ():
        for node in (variable.get("value"), variable.get("name")):
            if node is not None and node.mark != NOWHERE:
                marks[variable.string("name")] = node.mark
    own = {
        name: _literal(value.plain, marks.get(name, NOWHERE)) for name, value in process.env.items()
    }
    shared = {**_FOUND, **(_ASKED if process.is_worker else {})}
    return mapped({**{name: constant(value) for name, value in shared.items()}, **own})


def _env_files(process: ComponentProcess) -> Sequence | None:
    main = process.component.main
    sources = main.node.mappings("envFrom") if main is not None else ()
    names = (find(source, ("secretRef", "name")) for source in sources)
    files = [Scalar(env_file(name.text), name.mark) for name in names if isinstance(name, Scalar)]
    return listed(files) if files else None


def _ports(process: ComponentProcess) -> Sequence | None:
    """Return where a frontend is reached from outside; each replica needs a port of its own."""
    if process.port is None:
        return None
    last = process.port + process.component.replicas - 1
    variable = f"DYN_HTTP_PORT:-{process.port}"
    if last > process.port:
        variable = f"DYN_HTTP_PORTS:-{process.port}-{last}"
    return listed((constant(f"${{{variable}}}:{process.port}"),))


def _mount(mount: Mount) -> Node:
    text = f"{mount.claim or mount.folder}:{mount.path}"
    return _literal(f"{text}:ro" if mount.read_only else text, NOWHERE)


def _health(process: ComponentProcess) -> Mapping | None:
    probe = process.probe
    if probe is None:
        return None
    url = f"http://127.0.0.1:{probe.port}{probe.path}"
    words = ("CMD", "python3", "-c", _ASK, url, str(probe.timeout))
    return mapping(
        test=listed(_literal(word, NOWHERE) for word in words),
        interval=constant(f"{probe.period}s"),
        timeout=constant(f"{probe.timeout + _START_SECONDS}s"),
        retries=constant(probe.failures),
        start_period=constant(f"{probe.start}s"),
    )


def _after(process: ComponentProcess, services: Iterable[ComposeService]) -> Mapping | None:
    """Let a frontend wait for its workers: when it is healthy, the graph answers."""
    if process.component.type != FRONTEND:
        return None
    conditions: dict[str, Node] = {}
    for other in services:
        if other.process.is_worker and other.process.component.replicas:
            is_asked = other.process.probe is not None
            condition = "service_healthy" if is_asked else "service_started"
            conditions[other.name] = mapping(condition=constant(condition))
    return mapped(conditions) if conditions else None


def _deploy(service: ComposeService) -> Mapping | None:
    component = service.process.component
    limits = mapping(cpus=_cores(component, "limits"), memory=_memory(component, "limits"))
    reservations = mapping(
        cpus=_cores(component, "requests"),
        memory=_memory(component, "requests"),
        devices=_gpus(service),
    )
    # An empty mapping is left out.
    resources = mapping(limits=limits or None, reservations=reservations or None)
    replicas = component.node.get("replicas") if service.is_scaled else None
    return mapping(replicas=replicas, resources=resources or None) or None


def _gpus(service: ComposeService) -> Sequence | None:
    if not service.gpus:
        return None
    written = _at(service.process.component, ("resources", "limits", GPU))
    mark = written.mark if written is not None else NOWHERE
    device = mapping(
        driver=constant("nvidia"),
        device_ids=listed(Scalar(str(gpu), mark) for gpu in service.gpus),
        capabilities=listed((constant("gpu"),)),
    )
    return listed((device,))


def _cores(component: Component, side: str) -> Scalar | None:
    written = _at(component, ("resources", side, "cpu"))
    amount = parse_quantity(written.text) if isinstance(written, Scalar) else None
    if written is None or amount is None:
        return None
    return Scalar(format(amount.normalize(), "f"), written.mark)


def _memory(component: Component, side: str) -> Scalar | None:
    written = _at(component, ("resources", side, "memory"))
    return _size(written) if isinstance(written, Scalar) else None


def _shared_memory(component: Component) -> Scalar | None:
    """Return the size of /dev/shm: Docker's own is too small for engines."""
    written = component.node.get("sharedMemorySize")
    size = _size(written if isinstance(written, Scalar) else constant(SHARED_MEMORY_SIZE))
    return None if size is None or size.value == "0" else size


def _size(written: Scalar) -> Scalar | None:
    """Return a quantity in Docker's units, where g is what Kubernetes calls Gi."""
    amount = parse_quantity(written.text)
    if amount is None:
        return None
    for unit, factor in _UNITS:
        if amount and amount % factor == 0:
            return Scalar(f"{int(amount / factor)}{unit}", written.mark)
    return Scalar(str(int(amount.to_integral_value(rounding="ROUND_CEILING"))), written.mark)


def _at(component: Component, path: Path) -> Node | None:
    return find(component.main.node, path) if component.main is not None else None


def _literal(text: str, mark: Mark) -> Scalar:
    """Return a text as Compose reads it back: a dollar is a variable's unless it stands twice."""
    return Scalar(text.replace("$", "$$"), mark)
