"""Images in a chat: they are taken, and go the way that the graph promises."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING

from dynamo_conformance.engines.features import GraphFeature
from dynamo_conformance.engines.role import COMPONENTS, Role
from dynamo_conformance.probes.graph_probe import (
    Endpoint,
    GraphProbe,
    Unsupported,
    expect,
    promised,
)
from dynamo_conformance.probes.metrics import requests_served
from dynamo_conformance.probes.mock_workers import mock_workers
from dynamo_conformance.probes.openai_client import openai_client
from dynamo_conformance.probes.text_answers import check_usage

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion

    from dynamo_conformance.engines.serving import Serving

MAX_TOKENS = 8
ENCODE = COMPONENTS[Role.ENCODE]
SIDE = 64
QUESTION = "Which one colour is this picture? Answer with the colour alone."


def image(endpoint: Endpoint) -> None:
    """A picture beside the text is taken, and costs an encode worker a request if there is one."""
    served = _encoded(endpoint) if _has_encoder(endpoint.serving) else None
    answer = _ask(endpoint)
    expect(answer.choices[0].message.content, "the answer has no text")
    check_usage(answer.usage)
    if served is not None:
        more = _encoded(endpoint) - served
        expect(more > 0, "no encode worker was asked for the image of a request that was answered")


def image_content(endpoint: Endpoint) -> None:
    """The model says which colour a picture of one colour has."""
    if mock_workers(endpoint) is not None:
        raise Unsupported(
            "the mock engine looks at no image; that images are understood is not shown"
        )
    text = _ask(endpoint).choices[0].message.content or ""
    expect("red" in text.lower(), f"a red picture is described as {text!r}")


def _ask(endpoint: Endpoint) -> ChatCompletion:
    with openai_client(endpoint) as client:
        return client.chat.completions.create(
            model=endpoint.model,
            max_tokens=MAX_TOKENS,
            messages=[
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": QUESTION},
                        {"type": "image_url", "image_url": {"url": red_picture()}},
                    ],
                }
            ],
        )


def _encoded(endpoint: Endpoint) -> int:
    return sum(requests_served(endpoint).get(ENCODE, {}).values())


def red_picture() -> str:
    """Return a red square as a data URL, so that no worker has to fetch anything."""
    rows = (b"\0" + b"\xff\0\0" * SIDE) * SIDE
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    parts = (_part(b"IHDR", header), _part(b"IDAT", zlib.compress(rows)), _part(b"IEND", b""))
    return (
        "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(parts)).decode()
    )


def _part(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _has_encoder(serving: Serving | None) -> bool:
    return serving is not None and Role.ENCODE in serving.roles


_takes_images = promised(lambda serving: GraphFeature.IMAGES in serving.features)
PROBES = (
    GraphProbe(id="image", run=image, applies=_takes_images),
    GraphProbe(id="image-content", run=image_content, applies=_takes_images),
)
