"""ObjectMeta: the part of an object that no CRD schema describes but the API server checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.api.schema import JsonObject

_STRING: JsonObject = {"type": "string"}
_STRINGS: JsonObject = {"type": "object", "additionalProperties": {"type": "string"}}


def schema() -> JsonObject:
    """Return the fields of `metadata` (k8s.io/apimachinery ObjectMeta) as a structural schema."""
    strings = ("name", "generateName", "namespace", "selfLink", "uid", "resourceVersion")
    times = ("creationTimestamp", "deletionTimestamp")
    integers = ("generation", "deletionGracePeriodSeconds")
    fields: JsonObject = dict.fromkeys(strings, _STRING)
    fields.update({name: {"type": "string"} for name in times})
    fields.update({name: {"type": "integer"} for name in integers})
    fields.update({"labels": _STRINGS, "annotations": _STRINGS})
    fields["finalizers"] = {"type": "array", "items": _STRING}
    free: JsonObject = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    fields["managedFields"] = {"type": "array", "items": free}
    fields["ownerReferences"] = {"type": "array", "items": free}
    return {"type": "object", "properties": fields}
