"""The picture of a graph."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from catalogue.pictures.layout import layout
from catalogue.pictures.scene import scene

if TYPE_CHECKING:
    from dynamo_conformance.manifest.graph import Graph

_STYLE = Path(__file__).with_name("style.css")


def picture(graph: Graph) -> str:
    """Return the picture of a graph as an SVG document.

    It brings its own background, so that it can be read on any page; both follow the reader's
    colour scheme.
    """
    return layout(scene(graph)).svg(_style())


@cache
def _style() -> str:
    return _STYLE.read_text(encoding="utf-8")
