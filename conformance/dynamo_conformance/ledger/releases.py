"""Releases: which Dynamo release a manifest's own images hold."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dynamo_conformance.engines.catalog import RELEASE
from dynamo_conformance.lint.image_reference import parse_image
from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.read import read_graphs

if TYPE_CHECKING:
    from pathlib import Path

    from dynamo_conformance.manifest.graph import Graph

_RELEASE = re.compile(r"v?(\d+\.\d+\.\d+)")


def image_releases(graph: Graph) -> tuple[str, ...]:
    """Return the releases of the published images that a graph's components run, each once.

    A tag that tells no release is passed over.
    """
    references = (one.main.image for one in graph.components if one.main is not None)
    images = (parse_image(reference) for reference in references if reference)
    found = (_RELEASE.match(image.tag) for image in images if image.is_published)
    return tuple(dict.fromkeys(match[1] for match in found if match is not None))


def other_release(path: Path, release: str = RELEASE) -> str:
    """Return the first release that a manifest's images hold and that is not `release`, if any."""
    try:
        graphs = read_graphs(path)
    except (ManifestError, OSError):
        return ""
    held = (one for graph in graphs for one in image_releases(graph))
    return next((one for one in held if one != release), "")
