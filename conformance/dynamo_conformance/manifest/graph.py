"""The one model of a graph: what every API version is read into, shaped like v1beta1.

A `Graph` is immutable and keeps the whole pod template of each component as nodes, so nothing that
the author wrote is lost, and everything still knows where it was written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.node import NOWHERE, Mapping, Mark, Scalar
from dynamo_conformance.manifest.quantity import parse_whole

if TYPE_CHECKING:
    from dynamo_conformance.manifest.config_maps import ConfigMaps
    from dynamo_conformance.manifest.document import Document
    from dynamo_conformance.manifest.node import Node

MAIN = "main"
GPU = "nvidia.com/gpu"
IPC_LOCK = "IPC_LOCK"
"""The capability to lock memory beyond the limit that containers have."""

ENABLE_GROVE = "nvidia.com/enable-grove"
"""The annotation of a graph that says `false` when Grove is not to run it."""

FRONTEND = "frontend"
WORKER_TYPES = ("worker", "prefill", "decode")
EPP = "epp"
"""The endpoint picker, a frontend's place in front of a gateway."""
TYPES = (FRONTEND, *WORKER_TYPES, "planner", EPP)


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a command line and where it was written.

    Attributes:
        text: The word; what a shell fills in that cannot be known here keeps its `$`.
        mark: Where it was written.
        many: Whether a shell may make no word of it, or several.
        file: The config file that it was read from; empty for what the command line itself says.
    """

    text: str
    mark: Mark = field(default=NOWHERE, compare=False)
    many: bool = False
    file: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvVar:
    """One environment variable: a value, or where the value comes from (`valueFrom`)."""

    name: str
    value: str | None = None
    source: Mapping | None = None
    mark: Mark = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Container:
    """A container of a pod template, read from its node on demand, and once."""

    node: Mapping

    @property
    def name(self) -> str:
        """The container's name, or an empty string."""
        return self.node.string("name") or ""

    @property
    def image(self) -> str | None:
        """The image reference as written."""
        return self.node.string("image")

    @cached_property
    def command(self) -> tuple[Word, ...]:
        """The entry point's words; empty when the image's or the operator's own is used."""
        return words(self.node.sequence("command"))

    @cached_property
    def args(self) -> tuple[Word, ...]:
        """The argument words."""
        return words(self.node.sequence("args"))

    @cached_property
    def env(self) -> tuple[EnvVar, ...]:
        """The environment variables as written, without what the operator adds."""
        return env_vars(self.node.sequence("env"))

    @property
    def gpus(self) -> int:
        """How many `nvidia.com/gpu` the container is limited to; 0 when it says none."""
        resources = self.node.mapping("resources")
        limits = resources.mapping("limits") if resources is not None else None
        value = limits.get(GPU) if limits is not None else None
        count = parse_whole(str(value.value)) if isinstance(value, Scalar) else None
        return max(count or 0, 0)


@dataclass(frozen=True, kw_only=True)
class Component:
    """One component of a graph.

    Attributes:
        name: Its name, case kept.
        type: What the API calls it (frontend, worker, prefill, ...), or None.
        replicas: How many copies run; 1 when nothing is written.
        node_count: Over how many nodes one replica spans; 1 when not multinode.
        pod_template: The pod template as written, or None.
        node: The whole v1beta1-shaped component.
        mark: Where the component begins.
    """

    name: str
    type: str | None
    replicas: int
    node_count: int
    pod_template: Mapping | None
    node: Mapping
    mark: Mark = field(default=NOWHERE, compare=False)

    @property
    def pod_spec(self) -> Mapping | None:
        """The pod template's spec, or None."""
        return self.pod_template.mapping("spec") if self.pod_template is not None else None

    @cached_property
    def containers(self) -> tuple[Container, ...]:
        """All containers, in the order in which they are written."""
        spec = self.pod_spec
        return tuple(Container(node) for node in spec.mappings("containers")) if spec else ()

    @cached_property
    def main(self) -> Container | None:
        """The container that the component's work happens in, or None when it is left out."""
        return next((container for container in self.containers if container.name == MAIN), None)

    @property
    def pod_count(self) -> int:
        """How many pods it has: one for each node of each replica."""
        return self.replicas * self.node_count

    @property
    def is_worker(self) -> bool:
        """Whether the operator treats it as a worker (worker, prefill, decode)."""
        return self.type in WORKER_TYPES


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A DynamoGraphDeployment.

    Attributes:
        name: `metadata.name`.
        namespace: `metadata.namespace`, or None.
        backend_framework: `spec.backendFramework` (vllm, sglang, trtllm), or None.
        env: Environment that every component gets beneath its own.
        components: In the order of the manifest (v1alpha1: by name, as the operator converts).
        root: The whole object in v1beta1 shape.
        document: What was read; None when the graph was made by code.
        config_maps: The ConfigMaps that its file brings along.
    """

    name: str
    namespace: str | None
    backend_framework: str | None
    env: tuple[EnvVar, ...]
    components: tuple[Component, ...]
    root: Mapping = field(compare=False)
    document: Document | None = field(default=None, compare=False)
    config_maps: ConfigMaps = field(default_factory=dict, compare=False, repr=False)

    @property
    def declines_grove(self) -> bool:
        """Whether the graph itself says that it wants no Grove."""
        metadata = self.root.mapping("metadata")
        annotations = metadata.mapping("annotations") if metadata is not None else None
        value = annotations.string(ENABLE_GROVE) if annotations is not None else None
        return value is not None and value.lower() == "false"

    @property
    def frontend(self) -> Component | None:
        """The first component of type frontend, or None."""
        return next(
            (component for component in self.components if component.type == FRONTEND), None
        )

    def component(self, name: str) -> Component:
        """Return the component called `name`.

        Raises:
            KeyError: There is none.
        """
        for component in self.components:
            if component.name == name:
                return component
        raise KeyError(name)


def is_rdma(resource: str) -> bool:
    """Whether a resource of a container, such as `rdma/ib`, is an RDMA device."""
    return "rdma" in resource.lower()


def words(nodes: tuple[Node, ...]) -> tuple[Word, ...]:
    """Return scalar nodes as command line words."""
    return tuple(
        Word(node.value if isinstance(node.value, str) else node.text, node.mark)
        for node in nodes
        if isinstance(node, Scalar)
    )


def env_vars(nodes: tuple[Node, ...]) -> tuple[EnvVar, ...]:
    """Return a list of `{name, value | valueFrom}` nodes as environment variables."""
    variables = []
    for node in nodes:
        if isinstance(node, Mapping) and (name := node.string("name")) is not None:
            value = node.get("value")
            text = value.text if isinstance(value, Scalar) and value.value is not None else None
            source = node.mapping("valueFrom")
            variables.append(EnvVar(name=name, value=text, source=source, mark=node.mark))
    return tuple(variables)
