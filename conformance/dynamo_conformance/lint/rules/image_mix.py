"""All components of a graph run one release, and each engine runs in its own image.

Frontend, router and workers speak the protocols of their release; across releases they may find
each other and never understand one another. The image of one engine does not hold another engine:
its module fails to import.

Fix: give every component the same tag, and each worker the image of its engine: `vllm-runtime`,
`sglang-runtime` or `tensorrtllm-runtime`.

PASS:
    image: nvcr.io/nvidia/ai-dynamo/sglang-runtime:1.6.1
    command: [python3, -m, dynamo.sglang]

FAIL:
    image: nvcr.io/nvidia/ai-dynamo/sglang-runtime:1.6.1
    command: [python3, -m, dynamo.vllm]
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.engines.commandline import ENGINE_MODULES
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.role import Part
    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.node import Mark

SEVERITY = Severity.ERROR

_ENGINES = {"vllm-runtime": "vllm", "sglang-runtime": "sglang", "tensorrtllm-runtime": "trtllm"}
_OTHERS = ("dynamo-frontend", "dynamo-planner")
_REFERENCE = re.compile(
    r"(?P<folder>(?:[^@]*/)?)(?P<name>[^/:@]+)(?::(?P<tag>[^@]+))?(?:@.*)?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class _Image:
    """A Dynamo image that a component runs.

    Attributes:
        part: The component.
        mark: Where the image is written.
        folder: The registry and path, with the last slash.
        name: The repository's own name.
        release: The release that the tag, or the component, says; or None.
    """

    part: Part
    mark: Mark
    folder: str
    name: str
    release: str | None


def check(subject: Subject) -> Iterator[Problem]:
    """Yield images that do not hold the engine, and images of another release than most."""
    images = [image for part in subject.parts if (image := _image(part)) is not None]
    for image in images:
        yield from _wrong_engine(image)
    yield from _releases(images)


def _image(part: Part) -> _Image | None:
    main = part.component.main
    node = main.node.get("image") if main is not None else None
    match = _REFERENCE.fullmatch(main.image or "") if main is not None else None
    if node is None or match is None or match["name"] not in (*_ENGINES, *_OTHERS):
        return None
    return _Image(part, node.mark, match["folder"], match["name"], part.release.numbers)


def _wrong_engine(image: _Image) -> Iterator[Problem]:
    command = image.part.command
    runs = ENGINE_MODULES.get(command.module) if command is not None else None
    holds = _ENGINES.get(image.name)
    if command is None or runs is None or holds is None or runs == holds:
        return
    right = next(name for name, engine in _ENGINES.items() if engine == runs)
    here = f'component "{image.part.component.name}" runs {command.module} in {image.name}'
    message = f"{here}, which holds {holds} only; use {image.folder}{right}"
    yield Problem(image.mark, message)


def _releases(images: list[_Image]) -> Iterator[Problem]:
    dated = [image for image in images if image.release is not None]
    if not dated:
        return
    # Of equally many, the one that is written first counts as the graph's.
    most = Counter(image.release for image in dated).most_common(1)[0][0]
    for image in dated:
        if image.release != most:
            here = f'component "{image.part.component.name}" runs release {image.release}'
            message = f"{here}, but most of the graph {most}; give all components one release"
            yield Problem(image.mark, message, severity=Severity.WARNING)
