"""Images: the parts of an image reference, and the repositories that Dynamo publishes."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from conformance.engines.catalog import RELEASE
from conformance.manifest.release import runtime_version

if TYPE_CHECKING:
    from conformance.manifest.graph import Component

_DATA = Path(__file__).parent / "data" / "images.json"
_VERSION = re.compile(r"[vV]?(\d{1,9})\.(\d{1,9})\.\d+(?:[-+.].*)?")
_FIRST_COVERED = (1, 0)
"""Earlier releases were another program; what is known here says nothing of them."""


class Published(TypedDict):
    """The published repositories, as the data file holds them."""

    repository: str
    published: list[str]
    renamed: dict[str, str]
    internal: list[str]


@dataclass(frozen=True, slots=True)
class Image:
    """An image reference in parts; what is absent is empty."""

    repository: str
    tag: str
    digest: str

    @property
    def name(self) -> str:
        """The last part of the repository."""
        return self.repository.rpartition("/")[2]

    @property
    def is_published(self) -> bool:
        """Whether it is one that Dynamo publishes, also when a mirror serves it."""
        return self.name.startswith(tuple(published()["published"]))

    @property
    def is_covered(self) -> bool:
        """Whether what is known of the release says something of it; an unreadable tag counts."""
        found = _VERSION.fullmatch(self.tag)
        if found is None:
            return True
        major, minor = (int(part) for part in RELEASE.split(".")[:2])
        return _FIRST_COVERED <= (int(found[1]), int(found[2])) <= (major, minor)


def other_release(component: Component) -> str | None:
    """Return the release of a component's image, when it is known and another minor one."""
    image = component.main.image if component.main is not None else None
    known = component.node.string("runtimeVersionOverride") or runtime_version(image or "")
    same = known is None or known.split(".")[:2] == RELEASE.split(".")[:2]
    return None if same else known


def parse_image(reference: str) -> Image:
    """Return the parts of an image reference."""
    name, _, digest = reference.strip().partition("@")
    path, _, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    return Image(f"{path}/{last}" if path else last, tag, digest)


@cache
def published() -> Published:
    """Return what is known of the published repositories."""
    data: Published = json.loads(_DATA.read_text(encoding="utf-8"))
    return data
