"""Drawings: shapes that have a place, and the SVG that shows them."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TypeAlias

WIDE = frozenset("mwMW@%—…")
NARROW = frozenset("iIjlt1fr.,:;|!'()[] ·-/")

_HEAD, _HALF = 7, 4
"""How long an arrow's head is, and half as wide."""

_NAMED = 'role="img" aria-labelledby="title desc"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle; `look` is its class in the style sheet."""

    x: int
    y: int
    width: int
    height: int
    look: str
    radius: int = 8

    @property
    def right(self) -> int:
        """The right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The lower edge."""
        return self.y + self.height

    @property
    def middle(self) -> int:
        """The height of the centre."""
        return self.y + self.height // 2

    @property
    def centre(self) -> int:
        """How far right the centre is."""
        return self.x + self.width // 2

    def svg(self) -> str:
        """Return it as an element."""
        place = f'x="{self.x}" y="{self.y}" width="{self.width}" height="{self.height}"'
        return f'<rect class="{self.look}" {place} rx="{self.radius}"/>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A line of text, in pieces that look different; `anchor` as SVG has it."""

    x: int
    y: int
    pieces: tuple[tuple[str, str], ...]
    anchor: str = "start"

    def svg(self) -> str:
        """Return it as an element."""
        anchor = f' text-anchor="{self.anchor}"' if self.anchor != "start" else ""
        if len(self.pieces) == 1:
            look, text = self.pieces[0]
            return f'<text class="{look}" x="{self.x}" y="{self.y}"{anchor}>{_text(text)}</text>'
        spans = (f'<tspan class="{look}">{_text(text)}</tspan>' for look, text in self.pieces)
        return f'<text x="{self.x}" y="{self.y}"{anchor}>{"".join(spans)}</text>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """A straight arrow, level or upright; `look` is its class, `both` gives it two heads."""

    x1: int
    y1: int
    x2: int
    y2: int
    look: str
    both: bool = False

    def svg(self) -> str:
        """Return it as elements."""
        right, down = _sign(self.x2 - self.x1), _sign(self.y2 - self.y1)
        short_x, short_y = _HEAD * right, _HEAD * down
        start_x = self.x1 + (short_x if self.both else 0)
        start_y = self.y1 + (short_y if self.both else 0)
        line = f"M{start_x} {start_y}L{self.x2 - short_x} {self.y2 - short_y}"
        heads = _head(self.x2, self.y2, right, down)
        if self.both:
            heads += _head(self.x1, self.y1, -right, -down)
        return f'<path class="{self.look}" d="{line}"/><path class="{self.look} head" d="{heads}"/>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Bracket:
    """An arrow from one place over `x` to another below it; `look` is its class."""

    x1: int
    y1: int
    x: int
    x2: int
    y2: int
    look: str

    def svg(self) -> str:
        """Return it as elements."""
        side = _sign(self.x2 - self.x)
        line = f"M{self.x1} {self.y1}H{self.x}V{self.y2}H{self.x2 - side * _HEAD}"
        head = _head(self.x2, self.y2, side, 0)
        return f'<path class="{self.look}" d="{line}"/><path class="{self.look} head" d="{head}"/>'


Shape: TypeAlias = Box | Label | Arrow | Bracket


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """Shapes on a canvas, from the lowest to the topmost.

    Attributes:
        width: How wide the canvas is.
        height: How high it is.
        title: What it shows, in a few words.
        description: What it shows, in full.
        shapes: The shapes.
    """

    width: int
    height: int
    title: str
    description: str
    shapes: tuple[Shape, ...]

    def svg(self, style: str) -> str:
        """Return the drawing as an SVG document of its own."""
        size = f'width="{self.width}" height="{self.height}"'
        view = f'viewBox="0 0 {self.width} {self.height}"'
        return "\n".join(
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" {size} {view} {_NAMED}>',
                f'<title id="title">{_text(self.title)}</title>',
                f'<desc id="desc">{_text(self.description)}</desc>',
                f"<style>\n{style.strip()}\n</style>",
                *(shape.svg() for shape in self.shapes),
                "</svg>\n",
            )
        )


def text_width(text: str, *, size: float, bold: bool = False) -> float:
    """Return about how wide a text is in a sans-serif font; rather too much than too little."""
    return sum(_units(char) for char in text) * size * (1.12 if bold else 1.0)


def fitting(text: str, *, width: int, size: float, bold: bool = False) -> str:
    """Return a text, its end cut off where it would not fit."""
    if text_width(text, size=size, bold=bold) <= width:
        return text
    while text and text_width(f"{text}…", size=size, bold=bold) > width:
        text = text[:-1]
    return f"{text}…"


def _units(char: str) -> float:
    """Return the width of a character, its font's size being 1."""
    if char in NARROW:
        return 0.36
    if char in WIDE:
        return 0.92
    return 0.7 if char.isupper() else 0.6


def _head(x: int, y: int, right: int, down: int) -> str:
    """Return the path of an arrow's head whose point is at a place."""
    side_x, side_y = _HALF * down, _HALF * right
    back = f"l{-_HEAD * right - side_x} {-_HEAD * down - side_y}"
    return f"M{x} {y}{back}l{2 * side_x} {2 * side_y}z"


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def _text(text: str) -> str:
    return escape(text, quote=False)
