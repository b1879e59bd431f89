"""An API server's part in an admission, as far as webhooks see it: reviews, patches, schemas."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.api import crd
from dynamo_conformance.api.cel import rule_violations
from dynamo_conformance.api.cluster_parts import Cluster
from dynamo_conformance.api.decoding import unknown_fields
from dynamo_conformance.api.defaulting import complete
from dynamo_conformance.api.metadata import metadata_violations
from dynamo_conformance.api.schema_validation import violations
from dynamo_conformance.kube.resources import table
from dynamo_conformance.manifest.document import V1ALPHA1, V1BETA1
from dynamo_conformance.manifest.node import Mapping, Scalar, from_plain
from dynamo_conformance.operator.webhook.conversion_webhook import convert
from dynamo_conformance.operator.webhook.mutating_webhook import mutate
from dynamo_conformance.operator.webhook.validating_webhook import validate

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain

Body = dict[str, "Plain"]


@dataclass(frozen=True)
class Answered:
    """What an API server answers to a request to create an object."""

    accepted: bool
    message: str = ""
    warnings: tuple[str, ...] = ()


class RefusedError(Exception):
    """A step on the way refuses the object."""


def review(
    body: Plain, *, old: Plain = None, version: str = V1BETA1, user: str = "somebody"
) -> Body:
    """Return the AdmissionReview of an object that is created, or updated when `old` is given."""
    request: Body = {
        "uid": "u-1",
        "operation": "CREATE" if old is None else "UPDATE",
        "kind": {"version": V1BETA1},
        "requestKind": {"version": version},
        "userInfo": {"username": user},
        "object": body,
        "oldObject": old,
    }
    return {"request": request}


def conversion_review(version: str, *objects: Plain) -> Body:
    wanted: Body = {
        "uid": "u-1", "desiredAPIVersion": f"nvidia.com/{version}", "objects": [*objects],
    }  # fmt: skip
    return {"request": wanted}


def response(answer: Body) -> Body:
    found = table(answer["response"])
    assert found["uid"] == "u-1"
    return found


def converted(body: Plain, version: str) -> Body:
    """Return an object in another version.

    Raises:
        RefusedError: The webhook cannot convert it.
    """
    found = response(convert(conversion_review(version, body)))
    result = table(found["result"])
    if result["status"] != "Success":
        raise RefusedError(f"conversion webhook failed: {result['message']}")
    objects = found["convertedObjects"]
    assert isinstance(objects, list)
    return table(objects[0])


def mutated(asked: Body) -> Body:
    """Return the object of a review with the webhook's defaults.

    Raises:
        RefusedError: The webhook refuses it.
    """
    found = response(mutate(asked))
    if found["allowed"] is not True:
        raise RefusedError(str(table(found["status"])["message"]))
    body = table(asked["request"])["object"]
    return table(patched(body, found.get("patch")))


def patched(body: Plain, patch: Plain) -> Plain:
    """Return an object with a JSON patch, in base64, applied to it."""
    made: Plain = json.loads(json.dumps(body))
    if patch is None:
        return made
    operations: list[Body] = json.loads(base64.b64decode(str(patch)))
    for one in operations:
        steps = [_unescaped(step) for step in str(one["path"]).split("/")[1:]]
        holder = made
        for step in steps[:-1]:
            holder = holder[int(step)] if isinstance(holder, list) else table(holder)[step]
        last = steps[-1]
        if isinstance(holder, list):
            assert one["op"] == "replace"
            holder[int(last)] = one["value"]
            continue
        assert isinstance(holder, dict)
        assert (last in holder) == (one["op"] != "add")
        if one["op"] == "remove":
            del holder[last]
        else:
            holder[last] = one["value"]
    return made


def create(body: Body) -> Answered:
    """Return what an API server with the webhooks answers to a strict request."""
    version = str(body.get("apiVersion")).rpartition("/")[2]
    warnings: list[str] = []
    schema = crd.load().versions.get(version)
    if schema is None:
        return Answered(accepted=False, message="no matches for kind")
    if version in crd.load().deprecations:
        warnings.append(crd.load().deprecations[version])
    root = from_plain(body)
    if unknown := [one.message for one in unknown_fields(root, schema)]:
        return Answered(accepted=False, message="; ".join(unknown))
    body = table(complete(root, schema).plain())
    try:
        admitted = _admitted(body, version)
        _check_schema(admitted, version)
        stored = converted(admitted, V1BETA1) if version == V1ALPHA1 else admitted
        found = response(validate(review(stored, version=version), cluster=Cluster()))
    except RefusedError as error:
        return Answered(accepted=False, message=str(error), warnings=tuple(warnings))
    said = found.get("warnings")
    warnings += [str(one) for one in (said if isinstance(said, list) else [])]
    message = str(table(found.get("status")).get("message", ""))
    return Answered(found["allowed"] is True, message, tuple(warnings))


def _admitted(body: Body, version: str) -> Body:
    """Return the object after the mutating webhook, in its own version."""
    if version == V1BETA1:
        return mutated(review(body))
    changed = mutated(review(converted(body, V1BETA1), version=version))
    return converted(changed, version)


def _check_schema(body: Body, version: str) -> None:
    schema = crd.load().versions[version]
    root = from_plain(body)
    assert isinstance(root, Mapping)
    root = root.replaced("status", None)
    completed = complete(root, schema)
    assert isinstance(completed, Mapping)
    meta = completed.mapping("metadata") or Mapping()
    found = [*violations(completed, schema), *metadata_violations(meta, ("metadata",))]
    if not isinstance(meta.get("name"), Scalar) and not isinstance(
        meta.get("generateName"), Scalar
    ):
        raise RefusedError("metadata.name: Required value: name or generateName is needed")
    found = found or list(rule_violations(completed, schema))
    if found:
        raise RefusedError("; ".join(one.message for one in found))


def _unescaped(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")
