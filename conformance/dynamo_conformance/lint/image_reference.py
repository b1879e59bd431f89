"""Images: the parts of an image reference, and the repositories that Dynamo publishes."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from dynamo_conformance.engines.catalog import RELEASE

if TYPE_CHECKING:
    from dynamo_conformance.manifest.graph import Component


_DATA = Path(__file__).parent / "data" / "images.json"
_VERSION = re.compile(r"[vV]?(\d{1,9})\.(\d{1,9})(?:\.\d+(?P<more>[-+._]?[A-Za-z0-9].*)?)?")
_NAMED = re.compile(r"(?:.*[-+._])?dynamo[-+._]?([vV]?\d{1,9}\.\d.*)")
"""A tag that names the release behind the program: `dynamo-1.4.1-vllm0.26.0`."""
_BUILD = re.compile(r"(?:^|[-+._\d])(?:dev|nightly)(?:[-+._\d]|$)", re.IGNORECASE)
"""A build between releases, whose engine may be another than the release pins."""
_DYNAMO_MAJORS = (0, 1)
"""Releases of Dynamo there are; another number in the tag of somebody's own image is their own."""


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

    @property
    def other_release(self) -> str | None:
        """The release of the tag, when it is not the minor release that is known here."""
        named = _NAMED.fullmatch(self.tag)
        version = named[1] if named is not None else self.tag
        match = _VERSION.fullmatch(version)
        if match is None or _is_known(version):
            return None
        is_own = not self.is_published and int(match[1]) not in _DYNAMO_MAJORS
        return None if is_own else self.tag


def parse_image(reference: str) -> ImageReference:
    """Return the parts of an image reference."""
    name, _, digest = reference.strip().partition("@")
    path, _, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    return ImageReference(f"{path}/{last}" if path else last, tag, digest)


def other_release(component: Component) -> str | None:
    """Return the release that a component's main container runs, when it is not known here.

    What is known of flags, modules, roles and variables is known of one minor release. An image
    whose tag has no release is taken to hold that one.
    """
    given = component.node.string("runtimeVersionOverride")
    if given:
        return None if _is_known(given) else given
    return _other_release(component.main.image or "") if component.main is not None else None


@lru_cache(maxsize=1024)
def _other_release(reference: str) -> str | None:
    return parse_image(reference).other_release


def _is_known(version: str) -> bool:
    match = _VERSION.fullmatch(version)
    return (
        match is not None
        and RELEASE.split(".")[:2] == [str(int(match[1])), str(int(match[2]))]
        and _BUILD.search(match["more"] or "") is None
    )


@cache
def published() -> Published:
    """Return what is known of the published repositories."""
    data: Published = json.loads(_DATA.read_text(encoding="utf-8"))
    return data


_LONGEST = 255

_DOMAIN = re.compile(
    r"(\[[0-9a-fA-F:]+\]"
    r"|[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*)"
    r"(:[0-9]+)?"
)
_PATH = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*([-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_SCHEME = re.compile(r"[a-z]+://")
_FILLED_IN = re.compile(r"\$|\{\{")
"""What a template language replaces before Kubernetes sees it."""


def image_fault(text: str) -> str | None:
    """Return what is wrong with an image reference and how to fix it, or None."""
    if not text or _FILLED_IN.search(text):
        return None
    if text != text.strip() or any(char.isspace() for char in text):
        return "there is a space in it; write it without"
    if (scheme := _SCHEME.match(text)) is not None:
        return f'a reference has no scheme; write it without "{scheme[0]}"'
    if any(char in text for char in "\"'"):
        return "there is a quote in it; write it without"
    name, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        return "what follows @ is no digest; write @sha256: and 64 digits"
    return _name_fault(name)


def _name_fault(name: str) -> str | None:
    head, _, last = name.rpartition("/")
    last, colon, tag = last.partition(":")
    if colon and not _TAG.fullmatch(tag):
        return f'"{tag}" is no tag; letters, digits, "_", "." and "-" only, at most 128'
    path = f"{head}/{last}" if head else last
    domain, slash, rest = path.partition("/")
    # The first part is a registry when it looks like one; a capital letter makes it look so.
    if slash and (any(char in domain for char in ".:") or domain.lower() != domain):
        if not _DOMAIN.fullmatch(domain):
            return f'"{domain}" is no registry; write registry/repository:tag'
        path = rest
    if path.lower() != path:
        return f'the repository has capital letters; write it "{path.lower()}"'
    if not _PATH.fullmatch(path):
        return f'"{path}" is no repository; write registry/repository:tag'
    return f"longer than {_LONGEST} characters" if len(path) > _LONGEST else None
