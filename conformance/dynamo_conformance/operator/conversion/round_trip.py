"""Conversion without loss, as an API server needs it of the graph's conversion webhook.

What the other version has no place for is kept in notes on the object (`manifest/notes.py`), and
taken from there on the way back: who creates v1alpha1 and reads v1alpha1 gets what they wrote. What
was changed in the meantime in the other version wins over what is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.document import GROUP, V1ALPHA1, V1BETA1, Document
from dynamo_conformance.manifest.downgrade import refuse_namesakes
from dynamo_conformance.manifest.node import Mapping, Scalar
from dynamo_conformance.manifest.notes import SPEC, STATUS, note, noted, without_notes
from dynamo_conformance.operator.conversion import layouts, lost_status, lost_v1alpha1, lost_v1beta1

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Node


def to_version(root: Mapping, version: str) -> Mapping:
    """Return a DynamoGraphDeployment in `version`; one that is in it already stays as it is.

    Raises:
        ManifestError: Two components have the same name, which v1alpha1 cannot say.
    """
    document = Document("", 0, root)
    if document.version == version:
        return root
    if version == V1BETA1:
        return _to_v1beta1(root)
    refuse_namesakes(document)
    return _to_v1alpha1(root)


def _to_v1beta1(root: Mapping) -> Mapping:
    found = _in_version(without_notes(root), V1BETA1)
    if (spec := root.mapping("spec")) is not None:
        beta = lost_v1beta1.restored(layouts.upgraded(spec), note(root, SPEC), spec)
        found = found.replaced("spec", beta)
        found = noted(found, SPEC, lost_v1alpha1.lost(spec, layouts.downgraded(beta)))
    if (said := root.mapping("status")) is not None:
        made = lost_status.to_v1beta1(said)
        beta = lost_status.restored(
            made, note(root, STATUS), said, made_from=lost_status.to_v1alpha1
        )
        found = found.replaced("status", beta)
        found = noted(found, STATUS, lost_status.lost(said, lost_status.to_v1alpha1(beta)))
    return found


def _to_v1alpha1(root: Mapping) -> Mapping:
    found = _in_version(without_notes(root), V1ALPHA1)
    if (spec := root.mapping("spec")) is not None:
        memory = note(root, SPEC)
        alpha = lost_v1alpha1.restored(layouts.downgraded(spec), memory, spec)
        found = found.replaced("spec", alpha)
        # An object that was written as v1alpha1 and lost something by it needs no note of its own.
        kept = lost_v1beta1.lost(spec, layouts.upgraded(alpha), with_order=not len(memory))
        found = noted(found, SPEC, kept)
    if (said := root.mapping("status")) is not None:
        made = lost_status.to_v1alpha1(said)
        alpha = lost_status.restored(
            made, note(root, STATUS), said, made_from=lost_status.to_v1beta1
        )
        found = found.replaced("status", alpha)
        found = noted(found, STATUS, lost_status.lost(said, lost_status.to_v1beta1(alpha)))
    return found


def _in_version(root: Mapping, version: str) -> Mapping:
    text = f"{GROUP}/{version}"
    value: Node = Scalar(text, text=text)
    return root.replaced("apiVersion", value)
