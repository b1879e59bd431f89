"""An image that others cannot pull, or that moves, does not run as it was tested.

Internal registries are closed to the public, a renamed repository is not there any more, and
`latest` is another image tomorrow.

Fix: name a published repository, and the release as its tag.

PASS:
    image: nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1

FAIL:
    image: nvcr.io/nvidia/ai-dynamo/vllm-runtime:latest
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from dynamo_conformance.engines.image_release import parse_image, published
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.manifest.placeholder import is_image_placeholder
from dynamo_conformance.manifest.suggest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.image_release import ImageReference
    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.WARNING

_LIKELY = 0.8
"""How alike two names must be before one is taken for a slip of the other: releases add names."""


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each image that cannot be pulled by everyone, or that moves."""
    for path, mark, text in subject.texts:
        if path[-1] == "image" and text.strip() and not is_image_placeholder(text):
            image = parse_image(text)
            message = _source(image) or _tag(image)
            if message is not None:
                yield Problem(mark, message, path)


def _source(image: ImageReference) -> str | None:
    known = published()
    for registry in known["internal"]:
        if image.repository.startswith((f"{registry}/", f"{registry}:")):
            return f"{registry} is closed to the public; use {known['repository']}"
    folder, _, name = image.repository.rpartition("/")
    if folder != known["repository"] or image.is_published:
        return None
    right = known["renamed"].get(name) or _slip(name, known["published"])
    if right is None:
        return None
    return f'nothing is published as {image.repository}; did you mean "{folder}/{right}"?'


def _slip(name: str, names: list[str]) -> str | None:
    suggestion = nearest(name, names)
    if suggestion is None or SequenceMatcher(None, name, suggestion).ratio() < _LIKELY:
        return None
    return suggestion


def _tag(image: ImageReference) -> str | None:
    if image.digest or image.tag not in ("", "latest"):
        return None
    says = "tag latest moves" if image.tag else "without a tag it is latest, which moves"
    return f"{image.repository}: {says}; write the tag that you tested"
