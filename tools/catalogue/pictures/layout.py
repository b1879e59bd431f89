"""The layout: client, entry and workers from left to right, a stage of workers below the other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from catalogue.pictures.drawing import (
    Arrow,
    Box,
    Bracket,
    Drawing,
    Label,
    fitting,
    text_width,
)
from catalogue.pictures.scene import counted
from dynamo_conformance.engines.role import Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from catalogue.pictures.drawing import Shape
    from catalogue.pictures.scene import Scene, Worker

WIDTH, EDGE = 760, 20
TOP = 74
"""Where the graph begins, below the title."""

CLIENT = (EDGE, 76)
ENTRY = (164, 158)
WORKERS = (464, 268)
"""Left edge and width of each column."""

INSET, LINE, NAME_SIZE, TEXT_SIZE = 12, 17, 14, 12
BEHIND, MOST_BEHIND = 5, 2
"""How far a replica peeps out behind another, and how many do."""

LEAST = 72
"""The height of an entry that has little beside it."""

APART, HANDOFF = 22, 50
"""Between two workers that have nothing to do with each other, and two that hand something on."""

HANDED = "handoff"
ROUND = 16
"""How far an arrow to a worker further below goes around those between."""

CHIP, CHIP_GAP, MOST_CHIPS = 12, 3, 8
NODE = (118, 42)
NODES_ACROSS, MOST_NODES = 2, 4
BELOW, ACROSS = 46, 3
"""The height of what stands below a request's way, planners and parts that nobody knows, and how
many of the latter stand in a row."""

TIMES = "\N{MULTIPLICATION SIGN}"

_ASKED = {Role.PREFILL: "prompt", Role.DECODE: "answer"}
_SILENT = (Role.PREFILL,)
"""The roles of workers that are asked and whose answer is not for the client."""


def layout(scene: Scene) -> Drawing:
    """Return a scene with everything in its place."""
    boxes = _worker_boxes(scene)
    bottom = max([TOP + LEAST, *(box.bottom for box in boxes)])
    shapes: list[Shape] = []
    below = bottom + MOST_BEHIND * BEHIND + APART
    planners = [_aside(row, 0, below) for row, _ in enumerate(scene.planners)]
    below = planners[-1].bottom + APART if planners else below
    others = [_aside(*divmod(index, ACROSS), below) for index, _ in enumerate(scene.others)]
    if planners and boxes:
        shapes += _scope(boxes, planners)
    shapes += _way_in(scene, boxes, bottom)
    for worker, box in zip(scene.workers, boxes, strict=True):
        shapes += _worker(worker, box)
    shapes += _handoffs(scene, boxes)
    for name, box in zip((*scene.planners, *scene.others), (*planners, *others), strict=True):
        shapes += (box, _named(name, box))
    lowest = max([bottom + MOST_BEHIND * BEHIND, *(box.bottom for box in (*planners, *others))])
    height = lowest + EDGE
    # Half of an edge lies outside of it, and would be cut off at the canvas.
    panel = Box(x=1, y=1, width=WIDTH - 2, height=height - 2, look="panel", radius=10)
    return Drawing(
        width=WIDTH,
        height=height,
        title=scene.name,
        description=scene.describe(),
        shapes=(panel, *_header(scene), *shapes),
    )


def _header(scene: Scene) -> Iterator[Shape]:
    room = WIDTH - 2 * EDGE
    title = fitting(scene.name, width=room, size=16, bold=True)
    yield Label(x=EDGE, y=32, pieces=(("title", title),))
    subtitle = fitting(scene.subtitle, width=room, size=TEXT_SIZE)
    yield Label(x=EDGE, y=52, pieces=(("muted", subtitle),))


def _worker_boxes(scene: Scene) -> tuple[Box, ...]:
    boxes: list[Box] = []
    y = TOP
    joined = {(handoff.giver, handoff.taker) for handoff in scene.handoffs}
    for index, worker in enumerate(scene.workers):
        if index:
            y += HANDOFF if (index - 1, index) in joined else APART
        x, width = WORKERS
        box = Box(x=x, y=y, width=width, height=_height(worker), look=_look(worker))
        boxes.append(box)
        y = box.bottom + _behind(worker.replicas) * BEHIND
    return tuple(boxes)


def _way_in(scene: Scene, boxes: Sequence[Box], bottom: int) -> Iterator[Shape]:
    """Yield the client, the entry, and the arrows from there to the workers."""
    if scene.entry is None:
        return
    x, width = ENTRY
    entry = Box(x=x, y=TOP, width=width, height=bottom - TOP, look="entry")
    client = Box(x=CLIENT[0], y=entry.middle - 20, width=CLIENT[1], height=40, look="plain")
    yield client
    yield Label(x=client.centre, y=client.middle + 5, pieces=(("name", "client"),), anchor="middle")
    yield _arrow(client.right, entry.x, client.middle, "request", both=True)
    yield _over(client.right, entry.x, client.middle, "OpenAI", "muted")
    yield from _stack(entry, scene.entry.replicas)
    name = fitting(scene.entry.name, width=width - 2 * INSET, size=NAME_SIZE, bold=True)
    times = f"  {TIMES} {scene.entry.replicas}" if scene.entry.replicas > 1 else ""
    yield Label(
        x=entry.centre, y=entry.middle - 4, pieces=(("name", f"{name}{times}"),), anchor="middle"
    )
    router = fitting(scene.entry.router, width=width - 2 * INSET, size=TEXT_SIZE)
    yield Label(x=entry.centre, y=entry.middle + 14, pieces=(("muted", router),), anchor="middle")
    edge = entry.right + _behind(scene.entry.replicas) * BEHIND
    for worker, box in zip(scene.workers, boxes, strict=True):
        upper = box.y + (28 if worker.kv_events else box.height // 2)
        if worker.asked:
            both = worker.role not in _SILENT
            yield _arrow(edge, box.x, upper, "request", both=both)
            yield _over(edge, box.x, upper, _asked(worker), "muted")
        if worker.kv_events:
            lower = upper + 32
            yield _arrow(box.x, edge, lower, "events")
            yield _over(edge, box.x, lower, "KV events", "says-events")


def _worker(worker: Worker, box: Box) -> Iterator[Shape]:
    yield from _stack(box, worker.replicas)
    left, y = box.x + INSET, box.y + 24
    times = f"{TIMES} {worker.replicas}" if worker.replicas > 1 else ""
    room = box.width - 2 * INSET - (44 if times else 0)
    name = fitting(worker.name, width=room, size=NAME_SIZE, bold=True)
    yield Label(x=left, y=y, pieces=(("name", name),))
    if times:
        yield Label(x=box.right - INSET, y=y, pieces=(("many", times),), anchor="end")
    for index, line in enumerate(_lines(worker)):
        y += LINE
        role = worker.part if not index else ""
        pieces = (("role", role), ("muted", line.removeprefix(role)))
        yield Label(x=left, y=y, pieces=tuple(piece for piece in pieces if piece[1]))
    yield from _nodes(worker, left, y + 10) if worker.nodes > 1 else _gpus(worker, left, y + 10)


def _gpus(worker: Worker, x: int, y: int) -> Iterator[Shape]:
    chips = list(_chips(worker.gpus, x, y))
    yield from chips
    text = counted(worker.gpus, "GPU") + (" each" if worker.gpus and worker.replicas > 1 else "")
    after = x + len(chips) * (CHIP + CHIP_GAP) + (4 if chips else 0)
    yield Label(x=after, y=y + 10, pieces=(("small", text),))


def _nodes(worker: Worker, x: int, y: int) -> Iterator[Shape]:
    shown = worker.nodes if worker.nodes <= MOST_NODES else MOST_NODES - 1
    for index in range(min(worker.nodes, MOST_NODES)):
        across, down = index % NODES_ACROSS, index // NODES_ACROSS
        width, height = NODE
        node = Box(
            x=x + across * (width + 8),
            y=y + down * (height + 8),
            width=width,
            height=height,
            look="node",
            radius=5,
        )
        yield node
        text = f"node {index}" if index < shown else f"… {worker.nodes} nodes in all"
        if index < shown and worker.gpus > MOST_CHIPS:
            text += f", {worker.gpus} GPUs"
        yield Label(x=node.x + 7, y=node.y + 15, pieces=(("small", text),))
        if index < shown:
            yield from _chips(worker.gpus, node.x + 7, node.y + 22, size=10)


def _chips(count: int, x: int, y: int, *, size: int = CHIP) -> Iterator[Box]:
    if count <= MOST_CHIPS:
        for index in range(count):
            place = x + index * (size + CHIP_GAP)
            yield Box(x=place, y=y, width=size, height=size, look="gpu", radius=2)


def _handoffs(scene: Scene, boxes: Sequence[Box]) -> Iterator[Shape]:
    """Yield an arrow for each two workers of which one hands something to the other."""
    for handoff in scene.handoffs:
        giver, taker = boxes[handoff.giver], boxes[handoff.taker]
        if handoff.taker != handoff.giver + 1:
            bend = giver.right + ROUND
            yield Bracket(
                x1=giver.right,
                y1=giver.middle,
                x=bend,
                x2=taker.right,
                y2=taker.y + 20,
                look=HANDED,
            )
            continue
        top = giver.bottom + _behind(scene.workers[handoff.giver].replicas) * BEHIND
        x = giver.x + 44
        yield Arrow(x1=x, y1=top, x2=x, y2=taker.y, look=HANDED)
        middle = (top + taker.y) // 2 + 4
        yield Label(x=x + 14, y=middle, pieces=(("says-handoff", handoff.what),))


def _scope(boxes: Sequence[Box], planners: Sequence[Box]) -> Iterator[Shape]:
    """Yield a frame around what planners scale, and their arrows to it."""
    x, y = boxes[0].x - 12, boxes[0].y - 10
    yield Box(
        x=x,
        y=y,
        width=boxes[0].width + 24 + BEHIND,
        height=planners[-1].bottom - y,
        look="scope",
    )
    for planner in planners:
        yield _arrow(planner.right, x, planner.middle, "request")
        yield _over(planner.right, x, planner.middle, "scales replicas", "muted")


def _aside(row: int, column: int, y: int) -> Box:
    """Return the place of a part that is not on a request's way."""
    x, width = ENTRY
    return Box(
        x=x + column * (width + APART),
        y=y + row * (BELOW + APART),
        width=width,
        height=BELOW,
        look="plain",
    )


def _named(name: str, box: Box) -> Label:
    text = fitting(name, width=box.width - 2 * INSET, size=NAME_SIZE, bold=True)
    return Label(x=box.centre, y=box.middle + 5, pieces=(("name", text),), anchor="middle")


def _height(worker: Worker) -> int:
    text = 24 + LINE * len(_lines(worker)) + 10
    if worker.nodes == 1:
        return text + CHIP + INSET
    rows = -(-min(worker.nodes, MOST_NODES) // NODES_ACROSS)
    return text + rows * (NODE[1] + 8) - 8 + INSET


def _look(worker: Worker) -> str:
    return "plain" if worker.role is None else str(worker.role)


def _asked(worker: Worker) -> str:
    """Return what the entry sends to a worker."""
    return "requests" if worker.role is None else _ASKED.get(worker.role, "requests")


def _lines(worker: Worker) -> list[str]:
    """Return the role and the notes of a worker, broken into lines."""
    lines = [worker.part]
    for note in worker.notes:
        longer = f"{lines[-1]} · {note}"
        if text_width(longer, size=TEXT_SIZE) <= WORKERS[1] - 2 * INSET:
            lines[-1] = longer
        else:
            lines.append(note)
    return lines


def _behind(replicas: int) -> int:
    return min(max(replicas - 1, 0), MOST_BEHIND)


def _stack(box: Box, replicas: int) -> Iterator[Box]:
    """Yield a box, with others peeping out behind it when there are several of it."""
    for back in range(_behind(replicas), 0, -1):
        x, y = box.x + back * BEHIND, box.y + back * BEHIND
        yield replace(box, x=x, y=y)
    yield box


def _arrow(x1: int, x2: int, y: int, look: str, *, both: bool = False) -> Arrow:
    return Arrow(x1=x1, y1=y, x2=x2, y2=y, look=look, both=both)


def _over(left: int, right: int, y: int, text: str, look: str) -> Label:
    """Return a label over the middle of a level arrow."""
    return Label(x=(left + right) // 2, y=y - 6, pieces=((look, text),), anchor="middle")
