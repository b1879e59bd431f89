"""An object as it is sent to an API server, and who owns it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from dynamo_conformance.manifest.document import GROUP, KIND, V1BETA1

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain

LAST_HASH = "nvidia.com/last-applied-hash"
LAST_GENERATION = "nvidia.com/last-applied-generation"


class Key(NamedTuple):
    """What tells an object from the others of its namespace."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The graph that an object belongs to, and with which it is deleted.

    Attributes:
        name: The graph's name.
        uid: What its API server calls it.
    """

    name: str
    uid: str

    def reference(self) -> dict[str, Plain]:
        """Return the entry of `ownerReferences`."""
        return {
            "apiVersion": f"{GROUP}/{V1BETA1}",
            "kind": KIND,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }


@dataclass(frozen=True, slots=True)
class KubeObject:
    """One object.

    Attributes:
        body: The whole of it, as JSON would hold it. It is not to be changed.
    """

    body: dict[str, Plain]

    @property
    def api_version(self) -> str:
        """Its `apiVersion`, or an empty string."""
        return _text(self.body.get("apiVersion"))

    @property
    def kind(self) -> str:
        """Its kind, or an empty string."""
        return _text(self.body.get("kind"))

    @property
    def name(self) -> str:
        """Its name, or an empty string."""
        return _text(self.metadata.get("name"))

    @property
    def namespace(self) -> str | None:
        """Its namespace, or None."""
        return _text(self.metadata.get("namespace")) or None

    @property
    def key(self) -> Key:
        """Its kind and name."""
        return Key(self.kind, self.name)

    @property
    def metadata(self) -> dict[str, Plain]:
        """Its metadata; empty when there is none."""
        return table(self.body.get("metadata"))

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return _texts(self.metadata.get("labels"))

    @property
    def annotations(self) -> dict[str, str]:
        """Its annotations."""
        return _texts(self.metadata.get("annotations"))

    @property
    def spec(self) -> dict[str, Plain]:
        """Its spec; empty when there is none."""
        return table(self.body.get("spec"))

    def with_metadata(
        self, *, labels: dict[str, str] | None = None, annotations: dict[str, str] | None = None
    ) -> KubeObject:
        """Return the object with these labels and annotations beside its own."""
        metadata = {**self.metadata}
        for field, added in (("labels", labels), ("annotations", annotations)):
            if added:
                metadata[field] = {**table(metadata.get(field)), **added}
        return KubeObject({**self.body, "metadata": metadata})

    def with_spec(self, **fields: Plain) -> KubeObject:
        """Return the object with these fields of its spec replaced."""
        return KubeObject({**self.body, "spec": {**self.spec, **fields}})


def kube_object(
    api_version: str,
    kind: str,
    name: str,
    *,
    namespace: str,
    owner: Owner | None,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    **content: Plain,
) -> KubeObject:
    """Return an object of a graph.

    Args:
        api_version: Its `apiVersion`.
        kind: Its kind.
        name: Its name.
        namespace: The namespace it is in.
        owner: The graph with which it goes away, or None when it stays.
        labels: Its labels.
        annotations: Its annotations.
        content: What stands beside `metadata`: spec, data, rules, ...
    """
    metadata: dict[str, Plain] = {"name": name, "namespace": namespace}
    if labels:
        metadata["labels"] = {**labels}
    if annotations:
        metadata["annotations"] = {**annotations}
    if owner is not None:
        metadata["ownerReferences"] = [owner.reference()]
    return KubeObject({"apiVersion": api_version, "kind": kind, "metadata": metadata, **content})


def table(value: Plain) -> dict[str, Plain]:
    """Return a value that should be a mapping; empty when it is none."""
    return value if isinstance(value, dict) else {}


def _text(value: Plain) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Plain) -> dict[str, str]:
    return {key: _text(item) for key, item in table(value).items()}
