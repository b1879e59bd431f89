"""Graphs of releases before the one-module-per-component form, which nothing here can simulate."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dynamo_conformance.manifest.graph import Graph

FIRST = (0, 4)
"""The first release whose components are started as `python3 -m dynamo.<component>`."""

_TAG = re.compile(r":v?(\d{1,6})\.(\d{1,6})\.\d{1,6}(?![^-+@]*/)")


def legacy_release(graph: Graph) -> str | None:
    """Return the release of a graph whose images are all older than `FIRST`, or None.

    What its words mean is in the release's own code, and its images are all that runs it.
    """
    images = [component.main.image or "" for component in graph.components if component.main]
    tags = [_TAG.search(image) for image in images]
    if not tags or not all(tag and (int(tag[1]), int(tag[2])) < FIRST for tag in tags):
        return None
    newest = max(images, key=lambda image: image.rpartition(":")[2])
    return newest.rpartition(":")[2]
