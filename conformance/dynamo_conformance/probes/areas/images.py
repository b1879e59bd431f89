"""Images beside the text of a message."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING, Final

from dynamo_conformance.probes import judging
from dynamo_conformance.probes.exchange import Unjudged, expect, find
from dynamo_conformance.probes.probe import Feature, Profile, probe
from dynamo_conformance.probes.questions import CHAT, chat, user

if TYPE_CHECKING:
    from dynamo_conformance.probes.exchange import Exchange, Json

NEEDS = (Feature.TEXT, Feature.IMAGES)
SIDE: Final = 64
BAD: Final = (400, 415, 422)
QUESTION: Final = "Which one colour is this picture? Answer with the colour alone."


def red_square() -> str:
    """Return a red picture as a data URL, so that no server has to fetch anything."""
    rows = (b"\0" + b"\xff\0\0" * SIDE) * SIDE
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    parts = [_part(b"IHDR", header), _part(b"IDAT", zlib.compress(rows)), _part(b"IEND", b"")]
    data = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(parts)).decode()
    return f"data:image/png;base64,{data}"


def _part(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _seen(url: str) -> list[Json]:
    image: Json = {"type": "image_url", "image_url": {"url": url}}
    return [user([{"type": "text", "text": QUESTION}, image])]


DATA = chat("images-data", messages=_seen(red_square()), temperature=0)
BROKEN = chat("images-broken", messages=_seen("data:image/png;base64,AAAA"))
NO_IMAGE = chat("images-none", messages=[user([{"type": "text", "text": QUESTION}])])


@probe("images.data", DATA, profile=Profile.EXTENDED, needs=NEEDS)
def data(exchange: Exchange) -> None:
    """An image given as data is taken, and answered with text."""
    expect(judging.whole_text(CHAT, exchange).strip(), "a text", exchange.summary)


@probe("images.counted", NO_IMAGE, DATA, profile=Profile.EXTENDED, needs=NEEDS)
def counted(without: Exchange, exchange: Exchange) -> None:
    """An image costs tokens of the prompt."""
    counts = judging.prompt_tokens(without, exchange)
    expect(counts[1] > counts[0], f"more than {counts[0]} prompt_tokens", counts[1])


def _require_counted(without: Exchange, exchange: Exchange) -> None:
    """A server that passes over images has nothing more to show of them."""
    counts = judging.prompt_tokens(without, exchange)
    if counts[0] == counts[1]:
        raise Unjudged("an image is passed over, see images.counted")


@probe("images.broken", NO_IMAGE, DATA, BROKEN, profile=Profile.EXTENDED, needs=NEEDS)
def broken(without: Exchange, taken: Exchange, exchange: Exchange) -> None:
    """Data that is no image is refused with 400."""
    _require_counted(without, taken)
    expect(exchange.status in BAD, "HTTP 400", exchange.summary)


@probe(
    "images.understood", NO_IMAGE, DATA, profile=Profile.EXTENDED,
    needs=(*NEEDS, Feature.DETERMINED, Feature.TRAINED),
)  # fmt: skip
def understood(without: Exchange, exchange: Exchange) -> None:
    """The model names the colour of a picture of one colour."""
    _require_counted(without, exchange)
    text = str(find(exchange.answer, "choices", 0, "message", "content"))
    expect("red" in text.lower(), "red", text)
