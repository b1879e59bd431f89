"""What is in a namespace at one moment, as far as it shows how a graph is doing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from dynamo_conformance.kube.resources import as_mapping
from dynamo_conformance.manifest.graph import MAIN
from dynamo_conformance.manifest.node import Mapping, Scalar
from dynamo_conformance.rendering.labels import COMPONENT, GRAPH, ROLE
from dynamo_conformance.targets.exit_cause import as_signal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamo_conformance.kube.resources import KubeObject

PENDING, RUNNING, SUCCEEDED, FAILED = "Pending", "Running", "Succeeded", "Failed"
READY, SCHEDULED = "Ready", "PodScheduled"
NODE_RANK = "--node-rank"
PROVISIONERS = (
    "volume.kubernetes.io/storage-provisioner",
    "volume.beta.kubernetes.io/storage-provisioner",
)
SELECTED_NODE = "volume.kubernetes.io/selected-node"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodCondition:
    """One condition of an object."""

    type: str
    status: str
    reason: str
    message: str
    since: datetime | None

    @property
    def is_true(self) -> bool:
        """Whether it holds."""
        return self.status == "True"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a container ended.

    Attributes:
        code: The exit code, negative when a signal ended it.
        reason: The kubelet's reason, such as `Error` or `OOMKilled`.
        at: When.
    """

    code: int
    reason: str
    message: str
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PodContainer:
    """A container of a pod.

    Attributes:
        image: The image as the pod asks for it.
        is_init: Whether it must end before the others start.
        waiting: Why it waits, in one word; empty when it does not wait.
        waiting_message: The same in the kubelet's sentence.
        ended: How it ended, when it is not running now.
        ended_before: How it ended the last time before that.
        memory_limit: The memory it may take, as written; empty when there is no limit.
    """

    name: str
    image: str
    is_init: bool
    ready: bool
    restarts: int
    waiting: str
    waiting_message: str
    ended: Ended | None
    ended_before: Ended | None
    memory_limit: str
    runs: bool

    @property
    def title(self) -> str:
        """How it is called after its component: nothing for the one that does the work."""
        if self.name == MAIN:
            return ""
        return f", {'init container' if self.is_init else 'container'} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod.

    Attributes:
        component: The graph's component it belongs to, or what else made it.
        graph: The graph it belongs to, or an empty string.
        reason: Why it is in that phase, in one word.
        containers: Its containers, init containers first.
        ending_since: When its deletion was asked for, or None.
        restarts: Whether its containers are restarted when they end.
        gates: What keeps schedulers from it.
        claims: The PersistentVolumeClaims that it mounts.
        ports: The ports that its containers name.
        role: What it is in a group that spans nodes (leader, worker), or an empty string.
        has_rank: Whether its command line gives it a rank in an engine that spans nodes.
    """

    name: str
    component: str
    graph: str
    phase: str
    reason: str
    message: str
    conditions: dict[str, PodCondition]
    containers: tuple[PodContainer, ...]
    created: datetime | None
    ending_since: datetime | None
    restarts: bool
    scheduler: str
    gates: tuple[str, ...]
    claims: frozenset[str]
    ports: dict[str, int]
    role: str
    has_rank: bool

    @property
    def is_ending(self) -> bool:
        """Whether its deletion was asked for."""
        return self.ending_since is not None

    @property
    def is_ready(self) -> bool:
        """Whether Services send requests to it."""
        ready = self.conditions.get(READY)
        return ready is not None and ready.is_true and not self.is_ending


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceEvent:
    """Something that happened to an object.

    Attributes:
        container: The container it happened to, or an empty string.
        type: `Normal` or `Warning`.
        reason: What happened, in one word.
        message: What happened, in a sentence.
    """

    kind: str
    name: str
    container: str
    type: str
    reason: str
    message: str
    count: int
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphStatus:
    """The status that the operator gives a graph.

    Attributes:
        is_ending: Whether its deletion was asked for.
        state: The state, or an empty string before the operator has looked at it.
        ready: The condition `Ready`, or None.
        has_status: Whether anything has written a status.
    """

    name: str
    created: datetime | None
    is_ending: bool
    state: str
    ready: PodCondition | None
    has_status: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeClaim:
    """A PersistentVolumeClaim.

    Attributes:
        storage_class: Its storage class, which the API server fills in where it is left out.
        provisioner: What is to make its volume, as the control plane has noted it.
        node: The node that the volume is to be on, once the scheduler has chosen it.
    """

    name: str
    phase: str
    storage_class: str
    provisioner: str
    node: str
    created: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorState:
    """A Dynamo operator, by its Deployment.

    Attributes:
        name: The Deployment's name.
        wanted: How many pods it is to have.
        renewed: When one of its pods last renewed a lease; None when they hold no lease.
    """

    name: str
    namespace: str
    wanted: int
    pods: tuple[Pod, ...]
    renewed: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is around a namespace, as far as it is known.

    Attributes:
        operators: The operators of the cluster; None when nobody has looked or may.
        progress: When the operator last changed the status of any graph of this run.
        is_crowded: Whether other graphs of this run take room.
        room_since: When the last of them gave its room back.
    """

    operators: tuple[OperatorState, ...] | None = None
    progress: datetime | None = None
    is_crowded: bool = False
    room_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceSnapshot:
    """A namespace at one moment.

    Attributes:
        expected: How many pods each component of the graph has when all of it is there.
        deleted: Pods that were deleted, as they were last seen.
    """

    expected: dict[str, int] = field(default_factory=dict)
    graph: str = ""
    pods: tuple[Pod, ...] = ()
    deleted: tuple[Pod, ...] = ()
    events: tuple[NamespaceEvent, ...] = ()
    graphs: tuple[GraphStatus, ...] = ()
    claims: tuple[VolumeClaim, ...] = ()
    around: Surroundings = field(default_factory=Surroundings)

    @property
    def ready_pods(self) -> tuple[Pod, ...]:
        """The pods that are ready."""
        return tuple(pod for pod in self.pods if pod.is_ready)

    def events_of(self, kind: str, name: str) -> tuple[NamespaceEvent, ...]:
        """Return what happened to an object, in the order in which it was last seen."""
        events = [event for event in self.events if (event.kind, event.name) == (kind, name)]
        return tuple(sorted(events, key=last_seen))

    def component_of(self, name: str) -> str:
        """Return the component whose objects have such a name, or an empty string."""
        names = [
            component
            for component in self.expected
            if name.startswith(f"{self.graph}-{component.lower()}")
        ]
        return max(names, key=len, default="")

    @property
    def is_settled(self) -> bool:
        """Whether every pod that is to be there is there and ready."""
        ready = Counter(pod.component for pod in self.ready_pods)
        return bool(self.expected) and all(
            ready[component] >= count for component, count in self.expected.items()
        )


def last_seen(event: NamespaceEvent) -> datetime:
    """Return when an event was last seen, for sorting."""
    return event.last or event.first or datetime.min.replace(tzinfo=UTC)


def read_pod(value: KubeObject) -> Pod:
    """Return a pod as the API gives it."""
    root = as_mapping(value)
    meta, spec, status = (_part(root, key) for key in ("metadata", "spec", "status"))
    labels = _part(meta, "labels")
    return Pod(
        name=meta.string("name") or "",
        component=labels.string(COMPONENT) or _maker(meta) or meta.string("name") or "",
        graph=labels.string(GRAPH) or "",
        phase=status.string("phase") or PENDING,
        reason=status.string("reason") or "",
        message=status.string("message") or "",
        conditions={condition.type: condition for condition in _conditions(status)},
        containers=(
            *_containers(spec, status, "initContainers", "initContainerStatuses"),
            *_containers(spec, status, "containers", "containerStatuses"),
        ),
        created=_time(meta, "creationTimestamp"),
        ending_since=_ending_since(meta),
        restarts=spec.string("restartPolicy") in (None, "Always"),
        scheduler=spec.string("schedulerName") or "",
        gates=tuple(gate.string("name") or "" for gate in spec.mappings("schedulingGates")),
        claims=frozenset(
            _part(volume, "persistentVolumeClaim").string("claimName") or ""
            for volume in spec.mappings("volumes")
        ),
        ports=_ports(spec),
        role=labels.string(ROLE) or "",
        has_rank=any(NODE_RANK in word for word in _words(spec)),
    )


def read_event(value: KubeObject) -> NamespaceEvent:
    """Return an event as the API gives it, from old reporters and new ones."""
    root = as_mapping(value)
    about, series = _part(root, "involvedObject"), _part(root, "series")
    first = _time(root, "firstTimestamp") or _time(root, "eventTime")
    path = about.string("fieldPath") or ""
    return NamespaceEvent(
        kind=about.string("kind") or "",
        name=about.string("name") or "",
        container=path.partition("{")[2].rstrip("}"),
        type=root.string("type") or "",
        reason=root.string("reason") or "",
        message=(root.string("message") or "").strip(),
        count=series.integer("count") or root.integer("count") or 1,
        first=first,
        last=_time(series, "lastObservedTime") or _time(root, "lastTimestamp") or first,
    )


def read_graph_status(value: KubeObject) -> GraphStatus:
    """Return the status of a graph of any API version."""
    root = as_mapping(value)
    meta, status = _part(root, "metadata"), _part(root, "status")
    conditions = {condition.type: condition for condition in _conditions(status)}
    return GraphStatus(
        name=meta.string("name") or "",
        created=_time(meta, "creationTimestamp"),
        is_ending="deletionTimestamp" in meta,
        state=status.string("state") or "",
        ready=conditions.get(READY),
        # The schema gives an empty status its first state, so a state alone means nothing.
        has_status=bool(conditions) or "observedGeneration" in status,
    )


def read_claim(value: KubeObject) -> VolumeClaim:
    """Return a PersistentVolumeClaim as the API gives it."""
    root = as_mapping(value)
    meta, spec, status = (_part(root, key) for key in ("metadata", "spec", "status"))
    notes = _part(meta, "annotations")
    return VolumeClaim(
        name=meta.string("name") or "",
        phase=status.string("phase") or PENDING,
        storage_class=spec.string("storageClassName") or "",
        provisioner=next(filter(None, map(notes.string, PROVISIONERS)), ""),
        node=notes.string(SELECTED_NODE) or "",
        created=_time(meta, "creationTimestamp"),
    )


def read_operator(
    deployment: KubeObject, *, pods: Iterable[KubeObject], leases: Iterable[KubeObject]
) -> OperatorState:
    """Return an operator as the API gives its Deployment, its pods and its namespace's leases."""
    root = as_mapping(deployment)
    meta, spec = (_part(root, key) for key in ("metadata", "spec"))
    own_pods = tuple(read_pod(item) for item in pods)
    lease_specs = (_part(as_mapping(lease), "spec") for lease in leases)
    # A holder is called after its pod, with something unique behind.
    renewed = [
        _time(item, "renewTime")
        for item in lease_specs
        if any((item.string("holderIdentity") or "").startswith(pod.name) for pod in own_pods)
    ]
    wanted = spec.integer("replicas")
    return OperatorState(
        name=meta.string("name") or "",
        namespace=meta.string("namespace") or "",
        wanted=1 if wanted is None else wanted,
        pods=own_pods,
        renewed=max(filter(None, renewed), default=None),
    )


def _containers(
    spec: Mapping, status: Mapping, plural: str, statuses: str
) -> tuple[PodContainer, ...]:
    known = {container.string("name"): container for container in status.mappings(statuses)}
    return tuple(
        _container(container, known.get(container.string("name"), Mapping()), plural=plural)
        for container in spec.mappings(plural)
    )


def _container(spec: Mapping, status: Mapping, *, plural: str) -> PodContainer:
    state = _part(status, "state")
    waiting = _part(state, "waiting")
    ready = status.get("ready")
    # An init container that is restarted for ever runs beside the others: a sidecar.
    is_init = plural == "initContainers" and spec.string("restartPolicy") != "Always"
    return PodContainer(
        name=spec.string("name") or "",
        image=spec.string("image") or "",
        is_init=is_init,
        ready=isinstance(ready, Scalar) and ready.value is True,
        restarts=status.integer("restartCount") or 0,
        waiting=waiting.string("reason") or "",
        waiting_message=waiting.string("message") or "",
        ended=_ended(state.mapping("terminated")),
        ended_before=_ended(_part(status, "lastState").mapping("terminated")),
        memory_limit=_part(_part(spec, "resources"), "limits").string("memory") or "",
        runs="running" in state,
    )


def _ended(terminated: Mapping | None) -> Ended | None:
    if terminated is None:
        return None
    return Ended(
        code=as_signal(terminated.integer("exitCode") or 0),
        reason=terminated.string("reason") or "",
        message=(terminated.string("message") or "").strip(),
        at=_time(terminated, "finishedAt"),
    )


def _conditions(status: Mapping) -> tuple[PodCondition, ...]:
    return tuple(
        PodCondition(
            type=condition.string("type") or "",
            status=condition.string("status") or "",
            reason=condition.string("reason") or "",
            message=condition.string("message") or "",
            since=_time(condition, "lastTransitionTime"),
        )
        for condition in status.mappings("conditions")
    )


def _maker(meta: Mapping) -> str:
    """Return what made an object that no component is named on, as people know it."""
    owner = next(iter(meta.mappings("ownerReferences")), Mapping())
    name = owner.string("name") or ""
    hashed = _part(meta, "labels").string("pod-template-hash")
    return name.removesuffix(f"-{hashed}") if hashed else name


def _ports(spec: Mapping) -> dict[str, int]:
    return {
        name: number
        for container in spec.mappings("containers")
        for port in container.mappings("ports")
        if (name := port.string("name")) and (number := port.integer("containerPort"))
    }


def _words(spec: Mapping) -> list[str]:
    return [
        word.text
        for container in spec.mappings("containers")
        for key in ("command", "args")
        for word in container.sequence(key)
        if isinstance(word, Scalar)
    ]


def _ending_since(meta: Mapping) -> datetime | None:
    """Return when the deletion was asked for: the timestamp says when its grace will be over."""
    due = _time(meta, "deletionTimestamp")
    grace = meta.integer("deletionGracePeriodSeconds") or 0
    return due - timedelta(seconds=grace) if due is not None else None


def _part(holder: Mapping, key: str) -> Mapping:
    return holder.mapping(key) or Mapping()


def _time(holder: Mapping, key: str) -> datetime | None:
    text = holder.string(key)
    if not text:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
