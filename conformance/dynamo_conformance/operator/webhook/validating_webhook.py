"""The validating webhook: what the operator refuses, in the words and paths of who asked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dynamo_conformance.api import admission, crd
from dynamo_conformance.api.admission.request import Request
from dynamo_conformance.api.violation import DUPLICATE, FORBIDDEN, INVALID, REQUIRED, UNSUPPORTED
from dynamo_conformance.manifest import v1beta1
from dynamo_conformance.manifest.document import GROUP, KIND, V1ALPHA1
from dynamo_conformance.manifest.node import Mapping, path_text
from dynamo_conformance.operator.conversion.round_trip import to_version
from dynamo_conformance.operator.webhook.review import (
    UNPROCESSABLE,
    UPDATE,
    AdmissionRefusal,
    admission_request,
    admitted,
    refused,
)
from dynamo_conformance.operator.webhook.update_rules import (
    BACKEND_WARNING,
    GraphUpdate,
    changes_backend,
    same_images,
    violations,
)

if TYPE_CHECKING:
    from dynamo_conformance.api.cluster_parts import Cluster
    from dynamo_conformance.api.violation import Violation
    from dynamo_conformance.manifest.node import Plain
    from dynamo_conformance.operator.webhook.review import AdmissionRequest, Answer

_REASONS = {
    REQUIRED: "FieldValueRequired",
    INVALID: "FieldValueInvalid",
    FORBIDDEN: "FieldValueForbidden",
    UNSUPPORTED: "FieldValueNotSupported",
    DUPLICATE: "FieldValueDuplicate",
}


def validate(review: Plain, *, cluster: Cluster) -> Answer:
    """Return the answer to an AdmissionReview of a graph that is created or changed.

    Args:
        review: The review.
        cluster: What the cluster has that a graph may need.

    Raises:
        ReviewError: It is none.
    """
    api_request = admission_request(review)
    # The reference operator does not use Grove, whether or not it is installed.
    cluster = replace(cluster, grove=False)
    if (api_request.root.mapping("metadata") or Mapping()).get("deletionTimestamp") is not None:
        return admitted(api_request)
    update = _update(api_request)
    request = _request(api_request, cluster)
    warnings = [warning.text for warning in admission.warnings(request)]
    same = same_images(update) if update is not None else frozenset[str]()
    refusals = list(admission.refusals(request, same_images=same))
    if update is not None:
        refusals += violations(update)
        if changes_backend(update):
            warnings.append(BACKEND_WARNING)
    # Some hold only unless the cluster has a feature.
    refusals = [item for item in refusals if item.unless is None or not cluster.has(item.unless)]
    if refusals:
        return refused(api_request.uid, _refusal(api_request.root, refusals), warnings=warnings)
    return admitted(api_request, warnings=warnings)


def _request(api_request: AdmissionRequest, cluster: Cluster) -> Request:
    is_alpha = api_request.version == V1ALPHA1
    return Request(
        root=to_version(api_request.root, V1ALPHA1) if is_alpha else api_request.root,
        graph=v1beta1.read(api_request.root),
        version=api_request.version,
        operator=crd.load().operator,
        cluster=cluster,
    )


def _update(api_request: AdmissionRequest) -> GraphUpdate | None:
    if api_request.operation != UPDATE or api_request.old is None:
        return None
    old, new = v1beta1.read(api_request.old), v1beta1.read(api_request.root)
    return GraphUpdate(old=old, new=new, user=api_request.user)


def _refusal(root: Mapping, refusals: list[Violation]) -> AdmissionRefusal:
    name = (root.mapping("metadata") or Mapping()).string("name") or ""
    messages = [item.message for item in refusals]
    text = messages[0] if len(messages) == 1 else f"[{', '.join(messages)}]"
    return AdmissionRefusal(
        code=UNPROCESSABLE,
        reason="Invalid",
        message=f'{KIND}.{GROUP} "{name}" is invalid: {text}',
        causes=tuple(
            (_REASONS.get(item.kind, "FieldValueInvalid"), item.text, path_text(item.path))
            for item in refusals
        ),
    )
