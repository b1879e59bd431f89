"""ObjectMeta: the part of an object that no CRD schema describes but the API server checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.api.name_rules import key_violations, name_violations
from dynamo_conformance.api.violation import DUPLICATE, INVALID, PREFER, TOO_LONG, Violation
from dynamo_conformance.manifest.fields import is_true
from dynamo_conformance.manifest.node import Mapping, Scalar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.manifest.jsonschema import JsonObject
    from dynamo_conformance.manifest.node import Path

ANNOTATIONS_SIZE = 256 * 1024
"""Bytes that all keys and values of an object's annotations may have together."""

_FOREGROUND, _ORPHAN = "foregroundDeletion", "orphan"
_KUBERNETES_OWN = (_FOREGROUND, _ORPHAN, "kubernetes")
_OWNER = ("apiVersion", "kind", "name", "uid")

_STRING: JsonObject = {"type": "string"}
_TIME: JsonObject = {"type": "string", "format": "date-time"}
_INTEGER: JsonObject = {"type": "integer"}
_BOOLEAN: JsonObject = {"type": "boolean"}
_STRINGS: JsonObject = {"type": "object", "additionalProperties": {"type": "string"}}
_FREE: JsonObject = {"x-kubernetes-preserve-unknown-fields": True}


def schema() -> JsonObject:
    """Return the fields of `metadata` (k8s.io/apimachinery ObjectMeta) as a structural schema."""
    strings = ("name", "generateName", "namespace", "selfLink", "uid", "resourceVersion")
    fields: JsonObject = dict.fromkeys(strings, _STRING)
    fields.update(dict.fromkeys(("creationTimestamp", "deletionTimestamp"), _TIME))
    fields.update(dict.fromkeys(("generation", "deletionGracePeriodSeconds"), _INTEGER))
    fields.update({"labels": _STRINGS, "annotations": _STRINGS})
    fields["finalizers"] = {"type": "array", "items": _STRING}
    owner: JsonObject = dict.fromkeys(_OWNER, _STRING)
    owner.update(dict.fromkeys(("controller", "blockOwnerDeletion"), _BOOLEAN))
    managed: JsonObject = dict.fromkeys(
        ("manager", "operation", "apiVersion", "fieldsType", "subresource"), _STRING
    )
    managed.update({"time": _TIME, "fieldsV1": _FREE})
    for name, properties in (("ownerReferences", owner), ("managedFields", managed)):
        fields[name] = {"type": "array", "items": {"type": "object", "properties": properties}}
    return {"type": "object", "properties": fields}


def metadata_violations(metadata: Mapping, path: Path) -> Iterator[Violation]:
    """Yield what is wrong with an object's metadata, its kinds of values aside.

    Args:
        metadata: The object's `metadata`.
        path: Where it stands.
    """
    yield from name_violations(metadata, path)
    yield from _annotations_size(metadata, path)
    yield from _finalizers(metadata, (*path, "finalizers"))
    yield from _owners(metadata, (*path, "ownerReferences"))


def metadata_warnings(root: Mapping) -> Iterator[Violation]:
    """Yield what the API server warns of in an object's metadata."""
    metadata = root.mapping("metadata")
    if metadata is None:
        return
    for index, name in _texts(metadata, "finalizers"):
        value = str(name.value)
        if "/" not in value and value not in _KUBERNETES_OWN:
            text = (
                f'metadata.finalizers: "{value}": prefer a domain-qualified finalizer name '
                "including a path (/) to avoid accidental conflicts with other finalizer writers"
            )
            yield Violation(("metadata", "finalizers", index), name.mark, PREFER, text)
    seen: set[str] = set()
    for owner in metadata.mappings("ownerReferences"):
        uid = owner.string("uid") or ""
        if uid in seen:
            text = f"metadata.ownerReferences contains duplicate entries (uid {uid})"
            yield Violation(("metadata", "ownerReferences"), owner.mark, DUPLICATE, text)
            return
        seen.add(uid)


def _annotations_size(metadata: Mapping, path: Path) -> Iterator[Violation]:
    annotations = metadata.mapping("annotations")
    size = sum(
        len(entry.key.encode()) + len(str(entry.value.plain()).encode())
        for entry in annotations or ()
    )
    if annotations is not None and size > ANNOTATIONS_SIZE:
        text = f"{size} bytes; may not be more than {ANNOTATIONS_SIZE} bytes"
        yield Violation((*path, "annotations"), annotations.mark, TOO_LONG, text)


def _finalizers(metadata: Mapping, path: Path) -> Iterator[Violation]:
    names = list(_texts(metadata, "finalizers"))
    for _index, node in names:
        yield from key_violations(str(node.value), path, node.mark)
    both = {_FOREGROUND, _ORPHAN} <= {node.value for _index, node in names}
    if both:
        text = f"finalizer {_ORPHAN} and {_FOREGROUND} cannot be both set"
        yield Violation(path, names[0][1].mark, INVALID, text)


def _owners(metadata: Mapping, path: Path) -> Iterator[Violation]:
    controllers = 0
    for owner in metadata.mappings("ownerReferences"):
        for field in _OWNER:
            if not owner.string(field):
                yield Violation((*path, field), owner.mark, INVALID, '"": must not be empty')
        version = owner.string("apiVersion") or ""
        if version.count("/") > 1:
            text = f'"{version}": version must not be empty'
            yield Violation((*path, "apiVersion"), owner.mark, INVALID, text)
        if (version, owner.string("kind")) == ("v1", "Event"):
            text = "/v1, Kind=Event is disallowed from being an owner"
            yield Violation(path, owner.mark, INVALID, text)
        controller = owner.get("controller")
        controllers += is_true(controller)
        if controllers > 1:
            text = "only one reference can have controller set to true"
            yield Violation(path, owner.mark, INVALID, text)
            return


def _texts(metadata: Mapping, key: str) -> Iterator[tuple[int, Scalar]]:
    for index, node in enumerate(metadata.sequence(key)):
        if isinstance(node, Scalar) and isinstance(node.value, str):
            yield index, node
