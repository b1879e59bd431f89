"""What the operator notes on objects it wrote, to see later whether they must be written again.

The operator's own hash needs Go's JSON to the byte. This one has its shape and its use: it is
stable, and other when anything else is to be written.
"""

from __future__ import annotations

import hashlib
import json

from dynamo_conformance.kube.resources import KubeObject

LAST_HASH = "nvidia.com/last-applied-hash"
LAST_GENERATION = "nvidia.com/last-applied-generation"

FIRST = "1"
"""The generation of an object that was just made."""


def noted(made: KubeObject, *, generation: str = FIRST) -> KubeObject:
    """Return an object with the notes on it.

    Args:
        made: The object.
        generation: The number of the generation that this will be.
    """
    notes = {LAST_GENERATION: generation, LAST_HASH: digest(made)}
    return made.with_metadata(annotations=notes)


def digest(made: KubeObject) -> str:
    """Return 64 digits that change with anything in the object, its notes aside."""
    text = json.dumps(without_notes(made), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def without_notes(made: KubeObject) -> KubeObject:
    """Return an object without the notes."""
    notes = (LAST_GENERATION, LAST_HASH)
    annotations = {key: value for key, value in made.annotations.items() if key not in notes}
    return KubeObject({**made, "metadata": {**made.metadata, "annotations": {**annotations}}})
