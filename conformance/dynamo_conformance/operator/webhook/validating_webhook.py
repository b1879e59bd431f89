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
    asked = admission_request(review)
    # The reference operator has no way with Grove, whether or not it is there.
    cluster = replace(cluster, grove=False)
    if (asked.root.mapping("metadata") or Mapping()).get("deletionTimestamp") is not None:
        return admitted(asked)
    update = _update(asked)
    request = _request(asked, cluster)
    warnings = [one.text for one in admission.warnings(request)]
    same = same_images(update) if update is not None else frozenset[str]()
    found = list(admission.refusals(request, same_images=same))
    if update is not None:
        found += violations(update)
        if changes_backend(update):
            warnings.append(BACKEND_WARNING)
    # What depends on the cluster was decided by the cluster that is asked.
    found = [one for one in found if one.unless is None or not cluster.has(one.unless)]
    if found:
        return refused(asked.uid, _refusal(asked.root, found), warnings=warnings)
    return admitted(asked, warnings=warnings)


def _request(asked: AdmissionRequest, cluster: Cluster) -> Request:
    is_alpha = asked.version == V1ALPHA1
    return Request(
        root=to_version(asked.root, V1ALPHA1) if is_alpha else asked.root,
        graph=v1beta1.read(asked.root),
        version=asked.version,
        operator=crd.load().operator,
        cluster=cluster,
    )


def _update(asked: AdmissionRequest) -> GraphUpdate | None:
    if asked.operation != UPDATE or asked.old is None:
        return None
    old, new = v1beta1.read(asked.old), v1beta1.read(asked.root)
    return GraphUpdate(old=old, new=new, user=asked.user)


def _refusal(root: Mapping, found: list[Violation]) -> AdmissionRefusal:
    name = (root.mapping("metadata") or Mapping()).string("name") or ""
    messages = [one.message for one in found]
    text = messages[0] if len(messages) == 1 else f"[{', '.join(messages)}]"
    return AdmissionRefusal(
        code=UNPROCESSABLE,
        reason="Invalid",
        message=f'{KIND}.{GROUP} "{name}" is invalid: {text}',
        causes=tuple(
            (_REASONS.get(one.kind, "FieldValueInvalid"), one.text, path_text(one.path))
            for one in found
        ),
    )
