"""Pictures: everything is on the canvas, nothing covers another, and anyone can read it."""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from catalogue.pages import picture
from catalogue.pictures.drawing import Arrow, Box, Bracket, Label, fitting, text_width
from catalogue.pictures.layout import layout
from catalogue.pictures.scene import scene
from graph_builders import EVENTS, NIXL, frontend, graph, role, worker

if TYPE_CHECKING:
    from pathlib import Path

    from catalogue.pictures.drawing import Drawing
    from graph_builders import Component

LONG = "AVeryLongNameThatNobodyShouldChooseAndSomebodyCertainlyWillOneDayWhenInAHurry"
SVG = "{http://www.w3.org/2000/svg}"
PREFILL = role("prefill", *NIXL, *EVENTS)
DECODE = role("decode", *NIXL)
GRAPHS: dict[str, tuple[Component, ...]] = {
    "agg": (frontend(), worker("W")),
    "no entry": (worker("W", gpus=0, replicas=5),),
    "nothing": (frontend(),),
    "router": (frontend(router="kv", replicas=3), worker("W", *EVENTS, replicas=2)),
    "disagg": (
        frontend(router="kv"),
        worker("P", *PREFILL, replicas=3),
        worker("D", *DECODE, replicas=2, gpus=8),
    ),
    "two pools": (
        frontend(),
        worker("P", *PREFILL, gpus=16),
        worker("Q", *PREFILL),
        worker("D", *DECODE),
    ),
    "wide": (
        frontend(name=LONG),
        worker(
            LONG,
            *("--model", f"{LONG}/{LONG}", "--data-parallel-size", "72", "--enable-lora"),
            *("--enable-expert-parallel", "--speculative-config", '{"a":1}'),
            *("--dyn-tool-call-parser", "hermes", "--dyn-reasoning-parser", "qwen3"),
            gpus=4,
            nodes=18,
            replicas=2,
            rdma=True,
        ),
    ),
    "three nodes": (frontend(), worker("W", gpus=16, nodes=3)),
    "planner": (
        frontend(),
        worker("P", *PREFILL, replicas=3),
        worker("D", *DECODE, replicas=3),
        worker("Planner", module="dynamo.planner", kind="planner"),
        *(worker(f"{index}{LONG}", module="my.own", kind=None) for index in range(4)),
    ),
    "own code": (
        frontend(),
        worker("Mine", "--behind", "dyn://a.b.c", module="my.own", gpus=0, replicas=2),
        worker("W", "--endpoint", "dyn://a.b.c"),
    ),
    "multimodal": (
        frontend(),
        worker("E", *role("encode", "--enable-multimodal")),
        worker("P", *role("prefill", "--enable-multimodal", *NIXL)),
        worker("D", *role("decode", "--enable-multimodal", *NIXL)),
    ),
}
APART = 8
SIZES = {"title": 16.0, "name": 14.0, "many": 13.0, "small": 11.0}


@pytest.fixture(params=GRAPHS, ids=lambda name: name.replace(" ", "-"))
def drawing(request: pytest.FixtureRequest, tmp_path: Path) -> Drawing:
    return layout(scene(graph(tmp_path, *GRAPHS[request.param])))


def boxes(drawing: Drawing, *looks: str) -> list[Box]:
    return [one for one in drawing.shapes if isinstance(one, Box) and one.look in looks]


def extent(label: Label) -> tuple[float, float]:
    width = sum(
        text_width(text, size=SIZES.get(look, 12.0), bold=look in ("title", "name", "many"))
        for look, text in label.pieces
    )
    start = label.x - {"start": 0.0, "middle": width / 2, "end": width}[label.anchor]
    return start, start + width


def test_everything_is_on_the_canvas(drawing: Drawing) -> None:
    for shape in drawing.shapes:
        if isinstance(shape, Box):
            assert shape.x >= 0
            assert shape.y >= 0
            assert shape.right <= drawing.width
            assert shape.bottom <= drawing.height
        elif isinstance(shape, Label):
            left, right = extent(shape)
            assert left >= 0, shape
            assert right <= drawing.width, shape
            assert 12 <= shape.y <= drawing.height
        elif isinstance(shape, Bracket):
            assert shape.x < drawing.width


def test_no_part_covers_another(drawing: Drawing) -> None:
    parts = boxes(drawing, "entry", "plain", "agg", "prefill", "decode", "encode")
    apart = [one for one in parts if not _is_behind(one, parts)]
    for one, other in combinations(apart, 2):
        beside = one.right + APART <= other.x or other.right + APART <= one.x
        assert beside or one.bottom + APART <= other.y or other.bottom + APART <= one.y


def _is_behind(box: Box, parts: list[Box]) -> bool:
    """Whether a box peeps out behind another one of its size."""
    near = (one for one in parts if (one.width, one.height) == (box.width, box.height))
    return any(0 < box.x - one.x == box.y - one.y <= 10 for one in near)


def test_a_label_in_a_box_stays_in_it(drawing: Drawing) -> None:
    for box in boxes(drawing, "entry", "plain", "agg", "prefill", "decode", "encode", "node"):
        for label in drawing.shapes:
            if isinstance(label, Label) and box.y < label.y < box.bottom:
                left, right = extent(label)
                if box.x <= label.x <= box.right:
                    assert box.x <= left, (box, label)
                    assert right <= box.right, (box, label)


def test_arrows_touch_what_they_join(drawing: Drawing) -> None:
    parts = boxes(drawing, "entry", "plain", "agg", "prefill", "decode", "encode", "scope")
    for arrow in drawing.shapes:
        if isinstance(arrow, Arrow):
            for x, y in ((arrow.x1, arrow.y1), (arrow.x2, arrow.y2)):
                assert any(_touches(box, x, y) for box in parts), arrow


def _touches(box: Box, x: int, y: int) -> bool:
    upright = x in (box.x, box.right) and box.y <= y <= box.bottom
    level = y in (box.y, box.bottom) and box.x <= x <= box.right
    return upright or level


def test_what_is_drawn_of_a_disaggregated_graph(tmp_path: Path) -> None:
    drawn = layout(scene(graph(tmp_path, *GRAPHS["disagg"])))
    arrows = [one for one in drawn.shapes if isinstance(one, Arrow)]
    looks = sorted(one.look for one in arrows)
    assert looks == ["events", "handoff", "request", "request", "request"]
    # As long as its label is high.
    assert [one.y2 - one.y1 >= 30 for one in arrows if one.look == "handoff"] == [True]
    assert len(boxes(drawn, "prefill")) == 3
    assert len(boxes(drawn, "decode")) == 2
    assert len(boxes(drawn, "gpu")) == 1 + 8
    texts = {text for one in drawn.shapes if isinstance(one, Label) for _, text in one.pieces}
    assert {
        "KV events",
        "KV blocks by NIXL",
        "prompt",
        "answer",
        "KV router",
        "8 GPUs each",
    } <= texts


def test_a_worker_further_below_is_reached_around_the_others(tmp_path: Path) -> None:
    drawn = layout(scene(graph(tmp_path, *GRAPHS["two pools"])))
    (around,) = [one for one in drawn.shapes if isinstance(one, Bracket)]
    assert around.x > max(one.right for one in boxes(drawn, "prefill", "decode"))


def test_more_nodes_than_fit_are_counted(tmp_path: Path) -> None:
    drawn = layout(scene(graph(tmp_path, *GRAPHS["wide"])))
    assert len(boxes(drawn, "node")) == 4
    texts = {text for one in drawn.shapes if isinstance(one, Label) for _, text in one.pieces}
    assert "… 18 nodes in all" in texts


def test_the_same_graph_is_the_same_picture_and_a_document_of_its_own(tmp_path: Path) -> None:
    text = picture(graph(tmp_path, *GRAPHS["planner"], name="a&b<c"))
    assert text == picture(graph(tmp_path, *GRAPHS["planner"], name="a&b<c"))
    root = ET.fromstring(text)  # noqa: S314 - our own
    assert root.findtext(f"{SVG}title") == "a&b<c"
    assert "Planner scales the workers." in (root.findtext(f"{SVG}desc") or "")
    assert root.get("aria-labelledby") == "title desc"
    assert not re.search(r"(?i)url\(|@import|@font-face|<script|href", text)
    assert len(text) < 12_000


def test_many_replicas_are_told_and_few_are_drawn(tmp_path: Path) -> None:
    drawn = layout(scene(graph(tmp_path, *GRAPHS["no entry"])))
    assert len(boxes(drawn, "agg")) == 3
    times = [one.pieces for one in drawn.shapes if isinstance(one, Label) and one.anchor == "end"]
    assert times == [(("many", "\N{MULTIPLICATION SIGN} 5"),)]


def test_every_look_has_a_style(drawing: Drawing, tmp_path: Path) -> None:
    style = picture(graph(tmp_path, *GRAPHS["agg"])).partition("@media")[0]
    looks = {look for one in drawing.shapes if isinstance(one, Label) for look, _ in one.pieces}
    looks |= {one.look for one in drawing.shapes if not isinstance(one, Label)}
    arrows = {one.look for one in drawing.shapes if isinstance(one, Arrow | Bracket)}
    looks |= {f"{look}.head" for look in arrows}
    used = (look for look in sorted(looks) if not re.search(rf"\.{re.escape(look)}\b", style))
    assert list(used) == []


def test_both_colour_schemes_can_be_read(tmp_path: Path) -> None:
    """Text has the contrast of 4.5 to 1 that WCAG asks for, on everything that it stands on."""
    style = picture(graph(tmp_path, *GRAPHS["agg"]))
    light, _, dark = style.partition("@media")
    for css in (light, dark):
        grounds = [
            _fill(css, name)
            for name in ("panel", "entry", "plain", "node", "prefill", "decode", "encode")
        ]
        for name in ("muted", "text"):
            assert min(_contrast(_fill(css, name), ground) for ground in grounds) >= 4.5, name
        for name in ("says-events", "says-handoff"):
            assert _contrast(_fill(css, name), _fill(css, "panel")) >= 4.5, name


def _fill(css: str, name: str) -> str:
    rules = re.findall(rf"(?m)^[^\n{{]*(?:\.|\b){name}\b[^\n{{]*{{[^}}]*?fill:#(\w+)", css)
    (value,) = rules[:1]
    return value if len(value) == 6 else "".join(2 * digit for digit in value)


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_what_does_not_fit_is_cut() -> None:
    assert fitting("short", width=100, size=12) == "short"
    cut = fitting(LONG, width=100, size=12)
    assert cut.endswith("…")
    assert 80 < text_width(cut, size=12) <= 100
