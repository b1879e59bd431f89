"""A placeholder that was never filled in cannot work.

The API server takes `<image>`, `my-registry/...:my-tag` and `YOUR_TOKEN` as they stand; the pods
then cannot pull, mount or log in. What else is wrong with such a value is not reported.

Fix: write the real value; nothing expands `${NAME}` in an image, a name or a path.

PASS:
    image: nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1

FAIL:
    image: my-registry/vllm-runtime:my-tag
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem, WrittenText
from dynamo_conformance.manifest.node import Mapping, Scalar
from dynamo_conformance.manifest.placeholder import (
    is_image_placeholder,
    is_placeholder,
    is_unfilled,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.node import Path

SEVERITY = Severity.ERROR

_FREE_TEXT = frozenset({"annotations", "labels"})
_WORDS = frozenset({"args", "command", "env", "envs"})
"""What programs read, with syntax of their own."""

_SHOWN = 60


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each value that still has to be filled in."""
    for path, mark, text in (*_names(subject), *subject.texts):
        if _FREE_TEXT.isdisjoint(path) and _is_left_over(path, text):
            shown = " ".join(text.split())
            shown = shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 3]}..."
            yield Problem(mark, f'"{shown}" is a placeholder; write the real value', path)


def _names(subject: Subject) -> Iterator[WrittenText]:
    """Yield what the graph is called; a placeholder there was not replaced either."""
    metadata = subject.document.root.mapping("metadata") or Mapping()
    for key in ("name", "generateName", "namespace"):
        node = metadata.get(key)
        if isinstance(node, Scalar) and isinstance(node.value, str):
            yield WrittenText(("metadata", key), node.mark, node.value)


def _is_left_over(path: Path, text: str) -> bool:
    if path[-1] == "image":
        return is_image_placeholder(text)
    return is_unfilled(text) if _WORDS.isdisjoint(path) else is_placeholder(text)
