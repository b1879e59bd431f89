"""A loopback address is good inside one pod only; other pods find themselves there.

Prefill and decode, the nodes of one worker, frontends and workers are pods of their own, and the
kubelet's probes come from outside. SGLang's prefill worker listens for decode workers at `--host`,
which is 127.0.0.1 when nobody says otherwise: all pods become Ready, and every request hangs. vLLM
gives decode workers the address in `VLLM_NIXL_SIDE_CHANNEL_HOST`; Dynamo finds it for a
`NixlConnector` (also inside `PdConnector`), but not inside a `MultiConnector`.

Pods of the host's network are not judged, nor is a client's address when another container of the
pod may answer there.

Fix: let servers listen on 0.0.0.0, and give others the pod's own address: `valueFrom: {fieldRef:
{fieldPath: status.podIP}}`, or leave the address out where Dynamo finds it.

PASS:
    args: [..., --disaggregation-mode, prefill, --host, 0.0.0.0]

FAIL:
    args: [..., --disaggregation-mode, prefill]  # dynamo.sglang
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from dynamo_conformance.engines.commandline import argv
from dynamo_conformance.engines.parsing import unexpanded
from dynamo_conformance.engines.role import Role
from dynamo_conformance.engines.serving import WORKER_ROLES
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.lint.rules.gpu_transport import uses_ucx
from dynamo_conformance.lint.rules.kv_connector import connector_configs
from dynamo_conformance.lint.rules.pod_probe import PROBES
from dynamo_conformance.lint.workload import runs_alone
from dynamo_conformance.manifest.fields import is_true

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dynamo_conformance.lint.engine_settings import EngineSettings
    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.graph import Component
    from dynamo_conformance.manifest.node import Mark

SEVERITY = Severity.ERROR

_HOST = re.compile(
    r"(?:[a-z][a-z+]*://)?(?:[^@/]*@)?(\[[^\]]*\]|[^:/]*|[0-9a-f:]+)(?::\d+)?(?:/.*)?"
)
_LOOPBACK = re.compile(r"localhost(?:\.localdomain)?|ip6-localhost|127(?:\.\d+){3}|\[?::1\]?")
_WILDCARD = re.compile(r"0\.0\.0\.0|\[?::\]?")
_POD_IP = "valueFrom: {fieldRef: {fieldPath: status.podIP}}"
_DISAGGREGATED = (Role.PREFILL, Role.DECODE)
_LO = re.compile(r"=?lo(?::\d+)?")
_NIXL_HOST = "VLLM_NIXL_SIDE_CHANNEL_HOST"


class _Address(NamedTuple):
    """A setting that holds an address.

    Attributes:
        name: The flag's dest, or the variable.
        concerns: Whether somebody outside the pod depends on it, in that component.
        effect: What comes of a loopback address.
        advice: What to do.
        published: Whether others get the address, so that 0.0.0.0 is as bad.
        alone: Whether it only matters when no other container of the pod may listen or ask there.
        interface: Whether it names a network interface.
    """

    name: str
    concerns: Callable[[EngineSettings], bool]
    effect: str
    advice: str
    published: bool = False
    alone: bool = False
    interface: bool = False


def _spans(settings: EngineSettings) -> bool:
    return settings.part.component.node_count > 1


def _is(module: str, *roles: Role) -> Callable[[EngineSettings], bool]:
    return lambda settings: settings.module == module and settings.part.role in roles


def _works(settings: EngineSettings) -> bool:
    return settings.part.role in WORKER_ROLES


def _serves_clients(settings: EngineSettings) -> bool:
    return settings.part.role is Role.FRONTEND


def _listens_for_decode(settings: EngineSettings) -> bool:
    is_prefill = _is("dynamo.sglang", Role.PREFILL)(settings)
    return is_prefill and settings.text("disaggregation_transfer_backend") not in (None, "fake")


def _nixl_prefill(settings: EngineSettings) -> bool:
    return _is("dynamo.vllm", Role.PREFILL)(settings) and _connects(settings, "Nixl")


def _mooncake(settings: EngineSettings) -> bool:
    return _is("dynamo.vllm", *_DISAGGREGATED)(settings) and _connects(
        settings, "MooncakeConnector"
    )


def _connects(settings: EngineSettings, beginning: str) -> bool:
    names = (str(config.get("kv_connector")) for config in connector_configs(settings))
    return any(name.startswith(beginning) for name in names)


def _by_tcp(settings: EngineSettings) -> bool:
    return _works(settings) and settings.text("request_plane") == "tcp"


def _by_zmq(settings: EngineSettings) -> bool:
    known = not settings.unknown("event_plane")
    return _works(settings) and known and settings.text("event_plane") in (None, "zmq")


def _needs_nats(settings: EngineSettings) -> bool:
    if settings.part.arguments is None or settings.unknown("event_plane"):
        return False
    if not settings.part.arguments.known("event_plane"):
        return False
    plane = settings.text("event_plane")
    return settings.text("request_plane") == "nats" or plane in (None, "nats")


def _needs_etcd(settings: EngineSettings) -> bool:
    given = settings.given("discovery_backend")
    return given and settings.text("discovery_backend") == "etcd"


def _is_probed(settings: EngineSettings) -> bool:
    """Whether the kubelet asks the system server: by the operator's probes, or by the author's."""
    component = settings.part.component
    main = component.main
    if not component.is_worker or main is None or not _works(settings):
        return False
    probes = [main.node.mapping(kind) for kind in PROBES]
    return not all(probe is not None and probe.mapping("exec") is not None for probe in probes)


def _several_nodes(settings: EngineSettings) -> bool:
    """Whether a component's processes meet on several nodes that the author starts himself."""
    command = settings.part.command
    is_alone = command is not None and not command.through_shell and not _spans(settings)
    return is_alone and (settings.number("nnodes") or 1) > 1


_NODES = "the nodes never meet"
_FOUND = "leave it out, and the pod's own address is found"
_ADDRESSES = (
    _Address(
        name="host",
        concerns=_listens_for_decode,
        effect="decode workers of other pods cannot reach its bootstrap server, and requests hang",
        advice="add --host 0.0.0.0",
    ),
    _Address(
        name="dist_init_addr",
        concerns=_listens_for_decode,
        effect="decode workers are sent there for the KV blocks, and requests hang",
        advice="leave it out on a single node",
    ),
    _Address(
        name="dist_init_addr", concerns=_several_nodes, effect=_NODES, advice="name a Service"
    ),
    _Address(name="master_addr", concerns=_several_nodes, effect=_NODES, advice="name a Service"),
    _Address(
        name=_NIXL_HOST,
        concerns=_nixl_prefill,
        effect="decode workers are sent there for the KV blocks, and requests fail",
        advice=f"write {_POD_IP}",
        published=True,
    ),
    _Address(
        name="VLLM_HOST_IP",
        concerns=lambda settings: (
            _mooncake(settings) or (settings.module == "dynamo.vllm" and _spans(settings))
        ),
        effect="other pods are sent there",
        advice=_FOUND,
        published=True,
    ),
    *(
        _Address(
            name=name,
            concerns=lambda settings: (
                _is("dynamo.sglang", *_DISAGGREGATED)(settings)
                or (settings.module == "dynamo.sglang" and _spans(settings))
            ),
            effect="other pods are sent there",
            advice=_FOUND,
            published=True,
        )
        for name in ("SGLANG_HOST_IP", "HOST_IP")
    ),
    _Address(
        name="DYN_TCP_RPC_HOST",
        concerns=_by_tcp,
        effect="the worker listens and registers there, and no request reaches it",
        advice=_FOUND,
    ),
    _Address(
        name="DYN_EVENT_PLANE_HOST",
        concerns=_by_zmq,
        effect="routers of other pods look for its events there",
        advice=_FOUND,
    ),
    _Address(
        name="DYN_SYSTEM_HOST",
        concerns=_is_probed,
        effect="the kubelet's probes never reach it, and the pod never becomes Ready",
        advice="write 0.0.0.0, or leave it out",
    ),
    _Address(
        name="http_host",
        concerns=_serves_clients,
        effect="neither clients nor the kubelet's probes reach it",
        advice="write 0.0.0.0, or leave it out",
        alone=True,
    ),
    _Address(
        name="DYN_TCP_RESPONSE_STREAM_HOST",
        concerns=_serves_clients,
        effect="workers of other pods send their answers there, and none arrives",
        advice=_FOUND,
    ),
    _Address(
        name="NATS_SERVER",
        concerns=_needs_nats,
        effect="no NATS server is in the pod",
        advice="name the Service, such as nats://NAME.NAMESPACE.svc:4222",
        alone=True,
    ),
    _Address(
        name="ETCD_ENDPOINTS",
        concerns=_needs_etcd,
        effect="no etcd is in the pod",
        advice="name the Service, such as http://NAME.NAMESPACE.svc:2379",
        alone=True,
    ),
    _Address(
        name="UCX_NET_DEVICES",
        concerns=lambda settings: (
            settings.part.role in _DISAGGREGATED and uses_ucx(settings) is not False
        ),
        effect="UCX reaches no other pod",
        advice="leave it out, or name the pod's interface",
        interface=True,
    ),
    *(
        _Address(
            name=name,
            concerns=_spans,
            effect=_NODES,
            advice="leave it out, or name the pod's interface",
            interface=True,
        )
        for name in ("NCCL_SOCKET_IFNAME", "GLOO_SOCKET_IFNAME")
    ),
)


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each address that a pod gives others, and that leads them to themselves."""
    seen: set[Mark] = set()
    for settings in subject.studied_settings:
        if not settings.part.release.is_studied or not _is_own_network(settings.part.component):
            continue
        for problem in _of_part(settings):
            if problem.mark not in seen:
                seen.add(problem.mark)
                yield problem


def _of_part(settings: EngineSettings) -> Iterator[Problem]:
    component, arguments = settings.part.component, settings.part.arguments
    written = set(settings.variables)
    for address in _ADDRESSES:
        is_setting = arguments is not None and arguments.known(address.name)
        if not is_setting and address.name not in written:
            continue
        if address.alone and not runs_alone(component):
            continue
        if address.concerns(settings):
            yield from _problem(settings, address)
    yield from _inside_multi_connector(settings)
    yield from _of_several_nodes(settings)


def _is_own_network(component: Component) -> bool:
    spec = component.pod_spec
    return spec is not None and component.main is not None and not is_true(spec.get("hostNetwork"))


def _problem(settings: EngineSettings, address: _Address) -> Iterator[Problem]:
    arguments = settings.part.arguments
    if arguments is not None and arguments.known(address.name):
        text, mark = settings.text(address.name), settings.mark(address.name)
        label = settings.label(address.name)
    else:
        variable = settings.environment(address.name)
        if variable is None or _is_set_in_script(settings, address.name):
            return
        text, mark, label = variable.value, variable.mark, address.name
    if text is None or not _leads_nowhere(text, address):
        return
    where = f'component "{settings.part.component.name}"'
    yield Problem(mark, f"{where}: {label} is {text}: {address.effect}; {address.advice}")


def _leads_nowhere(text: str, address: _Address) -> bool:
    """Whether everything that `text` names is the pod itself."""
    parts = [part.strip().lower() for part in text.split(",") if part.strip()]
    if not parts or any(unexpanded(part) for part in parts):
        return False
    if address.interface:
        return all(_LO.fullmatch(part) for part in parts)
    hosts = [match[1] for part in parts if (match := _HOST.fullmatch(part)) is not None]
    if len(hosts) != len(parts):
        return False
    return all(
        _LOOPBACK.fullmatch(host) or (address.published and _WILDCARD.fullmatch(host))
        for host in hosts
    )


def _is_set_in_script(settings: EngineSettings, name: str) -> bool:
    component = settings.part.component
    words = argv(component, component.main) if component.main is not None else ()
    return any(name in word.text for word in words)


def _inside_multi_connector(settings: EngineSettings) -> Iterator[Problem]:
    """Yield where vLLM gives `localhost` out because Dynamo looks at the outer connector alone."""
    if not _nixl_prefill(settings) or _spans(settings):
        return
    outer = next(connector_configs(settings), {}).get("kv_connector")
    component = settings.part.component
    main = component.main
    elsewhere = main is not None and "envFrom" in main.node
    named = settings.environment(_NIXL_HOST) or _is_set_in_script(settings, _NIXL_HOST)
    if outer != "MultiConnector" or named or elsewhere:
        return
    message = (
        f'component "{component.name}" hands over with NIXL inside a MultiConnector, for which '
        f"Dynamo sets no {_NIXL_HOST}: vLLM sends decode workers to localhost; add that variable "
        f"with {_POD_IP}"
    )
    yield Problem(settings.mark("kv_transfer_config"), message)


def _of_several_nodes(settings: EngineSettings) -> Iterator[Problem]:
    """Yield an address of the first node that only works on the first node itself."""
    command = settings.part.command
    if not _spans(settings) or command is None:
        return
    for dest in ("dist_init_addr", "master_addr", "data_parallel_address"):
        arguments = settings.part.arguments
        if arguments is None or not arguments.known(dest) or not settings.given(dest):
            continue
        address = _Address(
            name=dest,
            concerns=_spans,
            effect="only the first node is there, and the operator gives all of them its address",
            advice="leave it out",
        )
        for problem in _problem(settings, address):
            # Without a shell the operator's own flag comes last, and counts.
            severity = None if command.through_shell else Severity.WARNING
            yield Problem(problem.mark, problem.message, severity=severity)
