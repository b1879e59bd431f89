"""Notes: the annotations in which the conversion webhook keeps what a version has no place for.

An object has them in the version it is stored or read in, about the other one; what is in them has
that other version's shape: `{"version":1,"spec":{"pvcs":[...]}}` on a v1beta1 object. The operator
strips them when it converts, and writes them again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.node import DEEPEST, Mapping, Scalar, depth, from_plain

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain

PREFIX = "nvidia.com/dgd-"
"""What the names of all such annotations begin with."""

SPEC, STATUS = "spec", "status"
"""What of the object a note is about; it ends the annotation's name."""

_FORM = 1


def note(root: Mapping, part: str) -> Mapping:
    """Return what the note on a part of the object says; empty when there is none to be read.

    Args:
        root: The object.
        part: `SPEC` or `STATUS`.
    """
    metadata = root.mapping("metadata") or Mapping()
    annotations = metadata.mapping("annotations") or Mapping()
    text = annotations.string(PREFIX + part)
    if text is None:
        return Mapping()
    try:
        data: Plain = json.loads(text)
    except (ValueError, RecursionError):
        return Mapping()
    if not isinstance(data, dict) or data.get("version") != _FORM or depth(data) > DEEPEST:
        return Mapping()
    content = from_plain(data.get(part))
    return content if isinstance(content, Mapping) else Mapping()


def noted(root: Mapping, part: str, content: Mapping) -> Mapping:
    """Return the object with a note on a part of it; with none when `content` is empty."""
    metadata = root.mapping("metadata") or Mapping()
    annotations = metadata.mapping("annotations") or Mapping()
    text: Scalar | None = None
    if len(content):
        data = {"version": _FORM, part: content.plain()}
        words = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        text = Scalar(words, text=words)
    changed = annotations.replaced(PREFIX + part, text)
    kept = changed if len(changed) or "annotations" in metadata else None
    if kept is None and "metadata" not in root:
        return root
    return root.replaced("metadata", metadata.replaced("annotations", kept))


def without_notes(root: Mapping) -> Mapping:
    """Return the object without notes, and without annotations when there were no others."""
    metadata = root.mapping("metadata")
    annotations = metadata.mapping("annotations") if metadata is not None else None
    if metadata is None or annotations is None:
        return root
    kept = [annotation for annotation in annotations if not annotation.key.startswith(PREFIX)]
    if len(kept) == len(annotations):
        return root
    left = Mapping({entry.key: entry for entry in kept}, annotations.mark) if kept else None
    return root.replaced("metadata", metadata.replaced("annotations", left))
