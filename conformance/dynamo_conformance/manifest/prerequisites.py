"""Prerequisites: what must be in the cluster already for a graph to run.

That is no mistake of the manifest, so it is no finding; it is a list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.document import KIND, V1ALPHA1, VERSIONS, sources
from dynamo_conformance.manifest.fields import is_true
from dynamo_conformance.manifest.graph import MAIN
from dynamo_conformance.manifest.node import Mapping, Scalar
from dynamo_conformance.manifest.read import read_graph

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.manifest.document import Document
    from dynamo_conformance.manifest.graph import Component, Graph

SECRET, CONFIG_MAP, CLAIM = "Secret", "ConfigMap", "PersistentVolumeClaim"
SERVICE_ACCOUNT, PRIORITY_CLASS = "ServiceAccount", "PriorityClass"
RUNTIME_CLASS, CLAIM_TEMPLATE = "RuntimeClass", "ResourceClaimTemplate"
TOPOLOGY, SNAPSHOT = "ClusterTopologyBinding", "PodSnapshot"

_VOLUME_SOURCES = (
    (CONFIG_MAP, "configMap", "name"),
    (SECRET, "secret", "secretName"),
    (CLAIM, "persistentVolumeClaim", "claimName"),
)
_REFERENCES = (
    (CONFIG_MAP, "configMapKeyRef"),
    (SECRET, "secretKeyRef"),
    (CONFIG_MAP, "configMapRef"),
    (SECRET, "secretRef"),
)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Prerequisite:
    """One object that must exist.

    Attributes:
        kind: Its kind.
        name: Its name.
        key: The entry of it that is used; empty when all of it is.
        optional: Whether the graph says that it runs without.
        file: The file that needs it.
        graph: The graph that needs it.
        line: Where it is named, from 1.
        column: Where it is named, from 1.
    """

    kind: str
    name: str
    key: str
    optional: bool
    file: str
    graph: str
    line: int
    column: int


def prerequisites(documents: Iterable[Document]) -> tuple[Prerequisite, ...]:
    """Return what the graphs among `documents` need and none of `documents` is, in order."""
    listed = list(documents)
    given = {(prerequisite.kind, prerequisite.name) for prerequisite in listed}
    needed: set[Prerequisite] = set()
    for document in graphs_in(listed):
        needed.update(_of_graph(document, read_graph(document)))
    return tuple(
        sorted(
            prerequisite
            for prerequisite in needed
            if (prerequisite.kind, prerequisite.name) not in given
        )
    )


def graphs_in(documents: Iterable[Document]) -> tuple[Document, ...]:
    """Return those of the documents that are graphs of a version known here."""
    return tuple(
        document for document in documents if document.kind == KIND and document.version in VERSIONS
    )


def documents_in(text: str, *, file: str) -> tuple[Document, ...]:
    """Return the documents of a file, of every kind, and each object of a `List`.

    Raises:
        ManifestError: The file cannot be read as YAML manifests.
    """
    return tuple(document for source in sources(text, file=file) for document in source.documents())


def _of_graph(document: Document, graph: Graph) -> Iterator[Prerequisite]:
    """Yield what a graph needs, without the claims that the operator makes for it."""
    made = {claim.string("name") for claim in _listed_claims(document) if _is_made(claim)}
    for prerequisite in _named_by(document, graph):
        if prerequisite.kind != CLAIM or prerequisite.name not in made:
            yield prerequisite


def _named_by(document: Document, graph: Graph) -> Iterator[Prerequisite]:
    needs = _Needs(document, graph)
    spec = graph.root.mapping("spec") or Mapping()
    yield from needs.named(PRIORITY_CLASS, spec, "priorityClassName")
    for env in spec.mappings("env"):
        yield from needs.references(env.mapping("valueFrom"))
    for holder in (spec.mapping("topologyConstraint"), _policy(spec)):
        yield from needs.named(TOPOLOGY, holder, "clusterTopologyName")
    yield from _claims(needs, document)
    for component in graph.components:
        yield from _of_component(needs, component)


def _policy(spec: Mapping) -> Mapping | None:
    experimental = spec.mapping("experimental")
    return experimental.mapping("kvTransferPolicy") if experimental is not None else None


def _claims(needs: _Needs, document: Document) -> Iterator[Prerequisite]:
    """Yield the claims that a v1alpha1 graph lists."""
    for claim in _listed_claims(document):
        yield from needs.named(CLAIM, claim, "name")


def _listed_claims(document: Document) -> tuple[Mapping, ...]:
    spec = document.root.mapping("spec") or Mapping()
    return spec.mappings("pvcs") if document.version == V1ALPHA1 else ()


def _is_made(claim: Mapping) -> bool:
    create = claim.get("create")
    return is_true(create)


def _of_component(needs: _Needs, component: Component) -> Iterator[Prerequisite]:
    node = component.node
    yield from needs.named(CLAIM, node.mapping("compilationCache"), "pvcName")
    if (config := node.mapping("eppConfig")) is not None:
        yield from needs.references(config)
    experimental = node.mapping("experimental") or Mapping()
    yield from needs.named(SNAPSHOT, experimental.mapping("checkpoint"), "checkpointRef")
    pod = component.pod_spec
    if pod is None:
        return
    yield from needs.named(SERVICE_ACCOUNT, pod, "serviceAccountName")
    yield from needs.named(PRIORITY_CLASS, pod, "priorityClassName")
    yield from needs.named(RUNTIME_CLASS, pod, "runtimeClassName")
    for secret in pod.mappings("imagePullSecrets"):
        yield from needs.named(SECRET, secret, "name")
    for claim in pod.mappings("resourceClaims"):
        yield from needs.named(CLAIM_TEMPLATE, claim, "resourceClaimTemplateName")
    for volume in pod.mappings("volumes"):
        yield from _of_volume(needs, volume)
    volumes = {entry.string("name") for entry in pod.mappings("volumes")}
    for container in (*pod.mappings("containers"), *pod.mappings("initContainers")):
        yield from _of_container(needs, container, volumes)


def _of_volume(needs: _Needs, volume: Mapping) -> Iterator[Prerequisite]:
    projected = volume.mapping("projected")
    sources = projected.mappings("sources") if projected is not None else ()
    for holder in (volume, *sources):
        for kind, field, name in _VOLUME_SOURCES:
            source = holder.mapping(field)
            # A projected source calls a secret's name `name`, a volume calls it `secretName`.
            word = name if source is not None and name in source else "name"
            yield from needs.named(kind, source, word)


def _of_container(
    needs: _Needs, container: Mapping, volumes: set[str | None]
) -> Iterator[Prerequisite]:
    for env in container.mappings("env"):
        yield from needs.references(env.mapping("valueFrom"))
    for source in container.mappings("envFrom"):
        yield from needs.references(source)
    if container.string("name") == MAIN:
        # The operator takes a mount of no volume for the claim of that name.
        for mount in container.mappings("volumeMounts"):
            if mount.string("name") not in volumes:
                yield from needs.named(CLAIM, mount, "name")


@dataclass(frozen=True, slots=True)
class _Needs:
    """Makes prerequisites of one graph."""

    document: Document
    graph: Graph

    def named(
        self, kind: str, holder: Mapping | None, field: str, *, key: str = ""
    ) -> Iterator[Prerequisite]:
        """Yield the object that `holder` names in `field`, if it does."""
        value = holder.get(field) if holder is not None else None
        if holder is None or not isinstance(value, Scalar) or not isinstance(value.value, str):
            return
        optional = holder.get("optional")
        if value.value:
            yield Prerequisite(
                kind=kind,
                name=value.value,
                key=key,
                optional=is_true(optional),
                file=self.document.file,
                graph=self.graph.name,
                line=value.mark.line,
                column=value.mark.column,
            )

    def references(self, holder: Mapping | None) -> Iterator[Prerequisite]:
        """Yield the ConfigMaps and Secrets that a source of environment names."""
        for kind, field in _REFERENCES:
            reference = holder.mapping(field) if holder is not None else None
            if reference is not None:
                key = reference.string("key") or ""
                yield from self.named(kind, reference, "name", key=key)
