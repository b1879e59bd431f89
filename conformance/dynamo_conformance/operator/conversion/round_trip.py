"""Conversion without loss, as an API server needs it of the graph's conversion webhook.

What the other version has no place for is kept in notes on the object
(`manifest/conversion_annotations.py`), and taken from there on the way back: who creates v1alpha1
and reads v1alpha1 gets what they wrote. What was changed in the meantime in the other version wins
over what was saved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.conversion_annotations import (
    SPEC,
    STATUS,
    note,
    noted,
    without_notes,
)
from dynamo_conformance.manifest.document import GROUP, V1ALPHA1, V1BETA1, Document
from dynamo_conformance.manifest.node import Mapping, Scalar
from dynamo_conformance.manifest.to_v1alpha1 import refuse_namesakes
from dynamo_conformance.operator.conversion import layouts, lost_status, lost_v1alpha1, lost_v1beta1
from dynamo_conformance.operator.conversion.lost_fields import (
    OtherVersion,
    lost_fields,
    restored_fields,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynamo_conformance.manifest.node import Node

    Convert = Callable[[Mapping], Mapping]


def to_version(root: Mapping, version: str) -> Mapping:
    """Return a DynamoGraphDeployment in `version`; one that is in it already stays as it is.

    Raises:
        ManifestError: Two components have the same name, which v1alpha1 cannot express.
    """
    document = Document("", 0, root)
    if document.version == version:
        return root
    if version == V1BETA1:
        return _to_v1beta1(root)
    refuse_namesakes(document)
    return _to_v1alpha1(root)


def _to_v1beta1(root: Mapping) -> Mapping:
    converted = _in_version(without_notes(root), V1BETA1)
    if (spec := root.mapping("spec")) is not None:
        beta = lost_v1beta1.restored(layouts.upgraded(spec), note(root, SPEC), spec)
        converted = converted.replaced("spec", beta)
        converted = noted(converted, SPEC, lost_v1alpha1.lost(spec, layouts.downgraded(beta)))
    return _with_status(converted, root, lost_status.to_v1beta1, back=lost_status.to_v1alpha1)


def _to_v1alpha1(root: Mapping) -> Mapping:
    converted = _in_version(without_notes(root), V1ALPHA1)
    if (spec := root.mapping("spec")) is not None:
        saved = note(root, SPEC)
        alpha = lost_v1alpha1.restored(layouts.downgraded(spec), saved, spec)
        converted = converted.replaced("spec", alpha)
        # An object that was written as v1alpha1 and lost something by it needs no note of its own.
        kept = lost_v1beta1.lost(spec, layouts.upgraded(alpha), with_order=not len(saved))
        converted = noted(converted, SPEC, kept)
    return _with_status(converted, root, lost_status.to_v1alpha1, back=lost_status.to_v1beta1)


def _with_status(converted: Mapping, root: Mapping, there: Convert, *, back: Convert) -> Mapping:
    if (status := root.mapping("status")) is None:
        return converted
    other = OtherVersion(live=status, layout=lost_status.LAYOUT, made_from=back)
    made = restored_fields(there(status), note(root, STATUS), lost_status.LAYOUT, other)
    lost = lost_fields(status, back(made), lost_status.LAYOUT)
    return noted(converted.replaced("status", made), STATUS, lost)


def _in_version(root: Mapping, version: str) -> Mapping:
    text = f"{GROUP}/{version}"
    value: Node = Scalar(text, text=text)
    return root.replaced("apiVersion", value)
