"""Pages with everything in them that can be odd."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dynamo_conformance.probes.exchange import Chunk, Exchange
from dynamo_conformance.probes.page import Box, Section, page

if TYPE_CHECKING:
    from dynamo_conformance.probes.exchange import JsonObject

MARKUP = "<script>document.title='taken'</script><img src=http://leak.invalid/ onerror=alert(1)>"
HOSTILE = f"</pre></details>{MARKUP}'\"&amp;\x1b[2J\u202edeyalp\ud800\x00"
LONG = "x" * 10_000_000
RECORD: JsonObject = {"version": "0.1.0", "date": "2026-11-30T00:00:00+00:00"}


def an_exchange(name: str, *, chunks: tuple[Chunk, ...], error: str = "") -> JsonObject:
    exchange = Exchange(
        name=name, method="POST", url="http://host/v1/chat/completions", key_name=None,
        request_headers=(("content-type", "application/json"),), request_body=HOSTILE.encode(
            errors="surrogatepass"
        ), began=1.0, seconds=1.0, status=200, headers=(("x-odd", HOSTILE),), chunks=chunks,
        error=error,
    )  # fmt: skip
    return exchange.record()


def a_result(name: str, outcome: str, **texts: str) -> JsonObject:
    return {
        "id": name, "area": name.partition(".")[0], "profile": "core", "outcome": outcome,
        "sentence": f"What {name} says is so.", "source": "OpenAI API reference", **texts,
        "seconds": 0.25,
    }  # fmt: skip


FRAMES = tuple(Chunk(0.01 * place, b"data: {%d}\n\n" % place) for place in range(200))
EXCHANGES = {
    "odd one@worker": an_exchange(
        "odd one@worker", chunks=(Chunk(0.1, b"\xff\x00<b>bold</b>\r\n"),)
    ),
    "long": an_exchange("long", chunks=(Chunk(0.1, LONG.encode()),), error="more than it takes"),
    "frames": an_exchange("frames", chunks=FRAMES),
}
RESULTS: tuple[JsonObject, ...] = (
    a_result("models.list", "PASS"),
    a_result("chat.text", "PASS"),
    a_result("chat.id", "FAIL", expected="an id", got=HOSTILE, curl="curl " + "a" * 400)
    | {"exchanges": [*EXCHANGES]},
    a_result("chat.usage", "DEVIATION", reason=f"known {HOSTILE}", got="nothing"),
    a_result("tools.called", "UNSUPPORTED", reason="no tool was called"),
    a_result("streaming.done", "NOT RUN", reason="chat has no answer, see chat.id"),
)
PICTURE = (
    Box(name="Frontend", place="entry", replicas=2, words="frontend"),
    Box(name="Prefill" * 9, place="worker", replicas=1, words="prefill, 8 GPUs"),
    Box(name=MARKUP, place="worker", replicas=3, words="decode"),
    Box(name="Planner", place="other", replicas=1),
)
SECTION = Section(
    name=f"examples/agg.yaml {HOSTILE}",
    level="local",
    about=(("address", "http://" + "h" * 300), ("model", HOSTILE)),
    results=RESULTS,
    exchanges=EXCHANGES,
    picture=PICTURE,
    changes=("image: another",),
)


def single() -> str:
    return page((replace(SECTION, level=""),), title=HOSTILE, record=RECORD)


def several() -> str:
    good = Section(name="examples/good.yaml", level="kind", results=RESULTS[:2])
    return page((SECTION, good), title="Dynamo conformance", record=RECORD)
