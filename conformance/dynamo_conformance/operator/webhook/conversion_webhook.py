"""The conversion webhook: graphs in the version that a client asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.api import crd
from dynamo_conformance.manifest.document import GROUP, KIND, V1ALPHA1, VERSIONS, Document
from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.node import Mapping, from_plain
from dynamo_conformance.operator.conversion.round_trip import to_version
from dynamo_conformance.operator.webhook.go_encoding import undecodable
from dynamo_conformance.operator.webhook.review import ReviewError, request_of

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain
    from dynamo_conformance.operator.webhook.review import Answer

REVIEW = "apiextensions.k8s.io/v1"


class _NotConvertibleError(Exception):
    """An object cannot be converted; the text goes to the client."""


def convert(review: Plain) -> Answer:
    """Return the answer to a ConversionReview.

    Raises:
        ReviewError: It is none.
    """
    request = request_of(review)
    objects = request.get("objects")
    if not isinstance(objects, list):
        raise ReviewError("the request has no objects")
    response: Answer = {"uid": request["uid"]}
    try:
        version = _version(request.get("desiredAPIVersion"))
        response["convertedObjects"] = [_converted(item, version) for item in objects]
        response["result"] = {"status": "Success"}
    except (_NotConvertibleError, ManifestError) as error:
        reason = error.reason if isinstance(error, ManifestError) else str(error)
        response["result"] = {"status": "Failure", "message": reason}
    return {"apiVersion": REVIEW, "kind": "ConversionReview", "response": response}


def _version(wanted: Plain) -> str:
    group, _, version = wanted.partition("/") if isinstance(wanted, str) else ("", "", "")
    if group != GROUP or version not in VERSIONS:
        raise _NotConvertibleError(f"cannot convert to {wanted}; there is {_known()}")
    return version


def _converted(plain: Plain, version: str) -> Plain:
    root = from_plain(plain)
    own = Document("", 0, root).version if isinstance(root, Mapping) else None
    if not isinstance(root, Mapping) or own not in VERSIONS:
        raise _NotConvertibleError(f"cannot convert what is no {KIND} of {_known()}")
    if own == V1ALPHA1 and version != own:
        # A client writes it. What is stored was checked when it was written.
        schema = crd.load().versions[own]
        if wrong := undecodable(root, schema):
            raise _NotConvertibleError("; ".join(wrong))
    return to_version(root, version).plain()


def _known() -> str:
    return " and ".join(f"{GROUP}/{version}" for version in VERSIONS)
