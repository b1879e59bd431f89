"""The release that a component runs, by its image or its own word, and what it is judged by.

Tags say it in many ways: `1.4.2`, `v1.4.2-cuda13`, `dynamo-1.4.1-vllm0.26.0`; a mirror keeps the
published repository's name. The tag of somebody's own image may be a number of its own.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from dynamo_conformance.engines import releases
from dynamo_conformance.engines.releases import NEWEST, STUDIED, Release

if TYPE_CHECKING:
    from dynamo_conformance.manifest.graph import Component

_DATA = Path(__file__).parent / "data" / "images.json"
_VERSION = re.compile(
    r"[vV]?(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6})(?P<more>[-+._]?[A-Za-z0-9].*)?)?", re.ASCII
)
_NAMED = re.compile(r"(?:.*[-+._])?dynamo[-+._]?([vV]?\d{1,6}\.\d.*)")
"""A tag that names the release behind the program: `dynamo-1.4.1-vllm0.26.0`."""
_BUILD = re.compile(r"(?:^|[-+._\d])(?:dev|nightly)(?:[-+._\d]|$)", re.IGNORECASE)
"""A build between releases, whose engine may be another than the release pins."""


class Published(TypedDict):
    """The published repositories, as the data file holds them."""

    repository: str
    published: list[str]
    renamed: dict[str, str]
    internal: list[str]


@dataclass(frozen=True, slots=True)
class ImageReference:
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


class Fit(StrEnum):
    """How well a known release speaks for what a component runs."""

    SAME = "same"
    """It is of the same minor release, or nothing says another."""
    LIKELY = "likely"
    """The tag of somebody's own image says so, which may be a number of its own."""
    NEAREST = "nearest"
    """The component's release, or build, is not known; an older one speaks for it."""
    NONE = "none"
    """The component's release is older than all that are known, and nothing speaks for it."""


@dataclass(frozen=True, kw_only=True)
class ComponentRelease:
    """By which release a component is judged.

    Attributes:
        said: Its release as image or component say it; empty when neither does.
        known: The known release that it is judged by.
        fit: How well that fits.
    """

    said: str
    known: Release
    fit: Fit

    @property
    def numbers(self) -> str | None:
        """The release that is said as X.Y.Z, or None where nothing says one in full."""
        match = _VERSION.fullmatch(self.said)
        return f"{match[1]}.{match[2]}.{match[3]}" if match is not None and match[3] else None

    @property
    def is_known(self) -> bool:
        """Whether the component is taken to run the known release's minor."""
        return self.fit in (Fit.SAME, Fit.LIKELY)

    @property
    def is_studied(self) -> bool:
        """Whether the engines' sources of the component's release were read."""
        return self.known == STUDIED and self.is_known

    @property
    def is_certain(self) -> bool:
        """Whether what the known release refuses is refused for sure."""
        return self.fit is Fit.SAME


def release_of(component: Component, default: Release = NEWEST) -> ComponentRelease:
    """Return the release of a component.

    Args:
        component: The component; its `runtimeVersionOverride` comes before its image's tag.
        default: The release of one that says none.
    """
    given = component.node.string("runtimeVersionOverride") or ""
    if _VERSION.fullmatch(given):
        return _judged(given, default, own=False)
    main = component.main
    return image_release((main.image or "") if main is not None else "", default)


@lru_cache(maxsize=1024)
def image_release(reference: str, default: Release = NEWEST) -> ComponentRelease:
    """Return the release of what an image holds, `default` where its tag says none."""
    image = parse_image(reference)
    named = _NAMED.fullmatch(image.tag)
    said = named[1] if named is not None else image.tag
    if _VERSION.fullmatch(said) is None:
        return ComponentRelease(said="", known=default, fit=Fit.SAME)
    return _judged(said, default, own=named is None and not image.is_published)


def _judged(said: str, default: Release, *, own: bool) -> ComponentRelease:
    """Return how a release that is said is judged.

    Args:
        said: The release, as `_VERSION` has it.
        default: What holds where the number is an image's own.
        own: Whether the number may be one that the author gave an image.
    """
    match = _VERSION.fullmatch(said)
    assert match is not None  # noqa: S101 - narrows for the type checker
    release = Release(int(match[1]), int(match[2]), int(match[3] or 0))
    known = releases.nearest(release)
    if own and not releases.is_known(release):
        return ComponentRelease(said="", known=default, fit=Fit.LIKELY)
    if release.line < releases.known()[0].line:
        fit = Fit.NONE
    elif not releases.is_known(release) or _BUILD.search(match["more"] or ""):
        fit = Fit.NEAREST
    else:
        fit = Fit.LIKELY if own and known.line != default.line else Fit.SAME
    return ComponentRelease(said=said, known=known, fit=fit)


def parse_image(reference: str) -> ImageReference:
    """Return the parts of an image reference."""
    name, _, digest = reference.strip().partition("@")
    path, _, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    return ImageReference(f"{path}/{last}" if path else last, tag, digest)


@cache
def published() -> Published:
    """Return what is known of the published repositories."""
    data: Published = json.loads(_DATA.read_text(encoding="utf-8"))
    return data
