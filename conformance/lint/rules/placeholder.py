"""A placeholder that was never filled in cannot work.

The API server takes `<image>`, `my-registry/...:my-tag` and `YOUR_TOKEN` as they stand; the pods
then cannot pull, mount or log in.

Mend: write the real value; nothing expands variables in an image.

PASS:
    image: nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1

FAIL:
    image: my-registry/vllm-runtime:my-tag
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.lint.finding import Severity
from conformance.lint.rule import Problem
from conformance.manifest.placeholder import is_image_placeholder, is_placeholder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.lint.rule import Subject
    from conformance.manifest.node import Path

ID = "placeholder"
SEVERITY = Severity.ERROR

_FREE_TEXT = frozenset({"annotations", "labels"})
_SHOWN = 60


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each value that still has to be filled in."""
    for path, mark, text in subject.texts:
        if _FREE_TEXT.isdisjoint(path) and _is_left_over(path, text):
            shown = " ".join(text.split())
            shown = shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 3]}..."
            yield Problem(mark, f'"{shown}" is a placeholder; write the real value', path)


def _is_left_over(path: Path, text: str) -> bool:
    return is_image_placeholder(text) if path[-1] == "image" else is_placeholder(text)
