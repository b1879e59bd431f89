"""Reviews: what an API server asks of a webhook, and what it is answered."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.kube.resources import table
from dynamo_conformance.manifest.node import DEEPEST, Mapping, depth, from_plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dynamo_conformance.manifest.node import Plain

Answer = dict[str, "Plain"]

CREATE, UPDATE = "CREATE", "UPDATE"
ADMISSION = "admission.k8s.io/v1"
BAD_REQUEST, UNPROCESSABLE = 400, 422


class ReviewError(Exception):
    """The request is no review, or not one of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionRequest:
    """The request to an admission webhook.

    Attributes:
        uid: By which the answer is recognised.
        operation: CREATE or UPDATE.
        version: The API version that the client wrote, which need not be the object's.
        user: Who asks.
        root: The object.
        old: What is there already, or None.
    """

    uid: str
    operation: str
    version: str
    user: str
    root: Mapping
    old: Mapping | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionRefusal:
    """Why a request is refused, as the status of an API server.

    Attributes:
        code: The HTTP code.
        reason: The API's word for the kind of error.
        message: What is wrong.
        causes: Each thing that is wrong: reason, message, field.
    """

    code: int
    reason: str
    message: str
    causes: tuple[tuple[str, str, str], ...] = ()


def request_of(review: Plain) -> Answer:
    """Return the request of a review.

    Raises:
        ReviewError: It has none, or nests deeper than any object.
    """
    if depth(review) > DEEPEST:
        raise ReviewError(f"nests deeper than {DEEPEST} levels")
    request = table(review).get("request")
    if not isinstance(request, dict) or not isinstance(request.get("uid"), str):
        raise ReviewError("no request with a uid in it")
    return request


def admission_request(review: Plain) -> AdmissionRequest:
    """Return what an AdmissionReview asks.

    Raises:
        ReviewError: It asks nothing that can be answered.
    """
    request = request_of(review)
    root, old = (from_plain(request.get(key)) for key in ("object", "oldObject"))
    if not isinstance(root, Mapping):
        raise ReviewError("the request has no object")
    kind = table(request.get("requestKind")) or table(request.get("kind"))
    return AdmissionRequest(
        uid=_text(request, "uid"),
        operation=_text(request, "operation"),
        version=_text(kind, "version"),
        user=_text(table(request.get("userInfo")), "username"),
        root=root,
        old=old if isinstance(old, Mapping) else None,
    )


def admitted(
    request: AdmissionRequest, *, patch: Sequence[Answer] = (), warnings: Sequence[str] = ()
) -> Answer:
    """Return the answer that lets a request pass, with what is to be changed in its object."""
    answer: Answer = {"uid": request.uid, "allowed": True}
    if warnings:
        answer["warnings"] = [*warnings]
    if patch:
        text = json.dumps([*patch], separators=(",", ":"))
        answer["patchType"] = "JSONPatch"
        answer["patch"] = base64.b64encode(text.encode()).decode()
    return _review(answer)


def refused(uid: str, why: AdmissionRefusal, *, warnings: Sequence[str] = ()) -> Answer:
    """Return the answer that refuses a request."""
    status: Answer = {
        "status": "Failure",
        "code": why.code,
        "reason": why.reason,
        "message": why.message,
    }
    if why.causes:
        causes: list[Plain] = [
            {"reason": reason, "message": message, "field": field}
            for reason, message, field in why.causes
        ]
        status["details"] = {"causes": causes}
    answer: Answer = {"uid": uid, "allowed": False, "status": status}
    if warnings:
        answer["warnings"] = [*warnings]
    return _review(answer)


def refusal_of(review: Answer) -> str | None:
    """Return why an answer refuses its request; None when it does not."""
    response = table(review.get("response"))
    status = table(response.get("status")) or table(response.get("result"))
    is_refused = response.get("allowed") is False or status.get("status") == "Failure"
    return _text(status, "message") if is_refused else None


def _review(answer: Answer) -> Answer:
    return {"apiVersion": ADMISSION, "kind": "AdmissionReview", "response": answer}


def _text(mapping: Answer, key: str) -> str:
    value = mapping.get(key)
    return value if isinstance(value, str) else ""
