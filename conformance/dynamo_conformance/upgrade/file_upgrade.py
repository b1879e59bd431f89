"""A file on its way to the target: its changes, and its text with the safe ones made.

Edits come first, image tags after them, the API version last. The images of a graph move together,
and only when nothing that breaks is left for people: until then they say where it comes from.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.config_maps import usable_config_maps
from dynamo_conformance.manifest.document import JSON, KIND, V1ALPHA1, V1BETA1, sources
from dynamo_conformance.manifest.node import Mark, walk
from dynamo_conformance.manifest.read import read_graph
from dynamo_conformance.upgrade import first_releases, images, operator_changes, release_ways, words
from dynamo_conformance.upgrade.change import Area, Change, Kind
from dynamo_conformance.upgrade.linting import lint_changes
from dynamo_conformance.upgrade.move import Move, release_of
from dynamo_conformance.upgrade.text_edits import EditError, Insert, apply

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.engines.releases import Release
    from dynamo_conformance.manifest.document import Document
    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.upgrade.change import Line, Target
    from dynamo_conformance.upgrade.text_edits import Edit

_V1BETA1_SINCE = (1, 2)
"""The first operator that serves v1beta1."""

_MOST_ROUNDS = 10
"""An edit can show another one; nothing has needed three rounds."""


class CannotMoveError(Exception):
    """A graph of which nobody says where it comes from, or that would go back; says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradedGraph:
    """One graph of a file.

    Attributes:
        index: Which document of the file it is, from 0.
        name: The graph's name.
        changes: What it meets on its way, by place in the text as it was.
        safe: Those of `changes` that the edited text has made.
        left: What is left for people, by place in the edited text.
    """

    index: int
    name: str
    changes: tuple[Change, ...]
    safe: frozenset[Change]
    left: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """A file with its graphs on the way to the target.

    Attributes:
        text: The text with every safe change made.
        graphs: Its graphs, in order.
    """

    text: str
    graphs: tuple[UpgradedGraph, ...]


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where a graph comes from, which its images no longer say afterwards."""

    releases: dict[str, Release]
    operator: Line


@dataclass(frozen=True, slots=True)
class _Route:
    """Where the graphs of a file come from and go to.

    Attributes:
        file: The name of the file.
        target: Where they go.
        origins: Where each graph comes from.
        already: What the linter says of each graph as it is, by the releases that it names.
    """

    file: str
    target: Target
    origins: tuple[_Origin, ...]
    already: tuple[frozenset[str], ...]


def upgrade_text(text: str, *, file: str, target: Target, old: Release | None = None) -> Upgrade:
    """Return what the graphs of a file meet on their way to the target.

    Args:
        text: The file's text.
        file: The name to use in errors.
        target: Where they are to go.
        old: Where they come from; by default what each image says.

    Raises:
        ManifestError: It cannot be read.
        CannotMoveError: A graph's images say no release, or a newer one than the target.
    """
    graphs = _graphs(text, file)
    already = lint_changes(text, target, file=file, graphs=len(graphs))
    route = _Route(
        file,
        target,
        tuple(_origin(graph, old, target) for graph in graphs),
        # Whether a comment for the linter is idle by the target's rules alone is not looked at.
        tuple(
            frozenset(change.what for change in changes if change.area is not Area.COMMENT)
            for changes in already
        ),
    )
    edited = _edited(text, route)
    remaining = _all_changes(edited, route)
    waiting = {number for number, changes in enumerate(remaining) if any(map(_waits, changes))}
    moved = _with_images(edited, route, set())
    final, lost = _converted(_with_images(edited, route, waiting), route)
    final = _without_idle(final, _with_images(final, route, set()), route)
    listed = _listed(text, moved, route, remaining)
    left = _left(final, route)
    return Upgrade(
        text=final,
        graphs=tuple(
            _upgraded(graph, changes, after, _api_changes(graph, moved_to, route, api))
            for graph, moved_to, changes, after, api in zip(
                graphs, _graphs(final, file), listed, left, lost, strict=True
            )
        ),
    )


def _waits(change: Change) -> bool:
    """Whether the images of a graph stay until somebody has seen to a change."""
    return change.kind is Kind.BREAKS and change.area is not Area.IMAGE


def _listed(
    text: str, moved: str, route: _Route, remaining: list[tuple[Change, ...]]
) -> list[tuple[Change, ...]]:
    """Return all changes of each graph by place in the text as it was.

    What shows only after other edits is at the place that was edited, and so is what the linter
    finds in the edited text.
    """
    lines = _LineMap(moved, text)
    listed = []
    found = _linted(moved, route)
    for before, after, net in zip(_all_changes(text, route), remaining, found, strict=True):
        known = {(change.area, change.what) for change in before}
        own = [*before]
        own += [
            replace(change, mark=lines.before(change.mark))
            for change in after
            if (change.area, change.what) not in known
        ]
        listed.append((*own, *_unnamed(net, own, lines)))
    return listed


def _left(final: str, route: _Route) -> list[tuple[Change, ...]]:
    """Return what is left for people in each graph, by place in the edited text."""
    moved = _with_images(final, route, set())
    found = _linted(moved, route)
    return [
        (*after, *_unnamed(net, after, _LineMap(moved, final)))
        for after, net in zip(_all_changes(final, route), found, strict=True)
    ]


def _linted(text: str, route: _Route) -> list[tuple[Change, ...]]:
    """Return what the linter finds in each graph of a text whose images are the target's.

    What it found before is no change; that it breaks is still worth saying.
    """
    found = lint_changes(text, route.target, file=route.file, graphs=len(route.origins))
    return [
        tuple(_new_or_old(change, already) for change in changes if _is_said(change, already))
        for changes, already in zip(found, route.already, strict=True)
    ]


def _is_said(change: Change, already: frozenset[str]) -> bool:
    return change.kind is Kind.BREAKS or change.what not in already


def _new_or_old(change: Change, already: frozenset[str]) -> Change:
    if change.what not in already:
        return change
    return replace(change, kind=Kind.WORTH, fix="it was so before")


def _without_idle(final: str, moved: str, route: _Route) -> str:
    """Return the text without suppressions of the linter that have nothing to suppress any more.

    Those on a line of their own; with the images of the target.
    """
    found = _linted(moved, route)
    lines = final.splitlines(keepends=True)
    idle = {change.mark.line for net in found for change in net if change.area is Area.COMMENT}
    kept = [
        line
        for number, line in enumerate(lines, 1)
        if number not in idle or not line.lstrip().startswith("#")
    ]
    return "".join(kept)


def _unnamed(net: Iterable[Change], named: Iterable[Change], lines: _LineMap) -> Iterator[Change]:
    """Yield what the linter finds in lines that no change names."""
    known = {change.mark.line for change in named}
    for change in net:
        mark = lines.before(change.mark)
        if mark.line not in known:
            yield replace(change, mark=mark)


def _upgraded(
    graph: Graph,
    listed: tuple[Change, ...],
    left: tuple[Change, ...],
    api: tuple[Change, ...],
) -> UpgradedGraph:
    known = {(change.area, change.what) for change in left}
    safe = {change for change in listed if (change.area, change.what) not in known}
    if any(map(_waits, left)):
        listed, left = tuple(map(_later, listed)), tuple(map(_later, left))
        safe = set(map(_later, safe))
    return UpgradedGraph(
        index=_document(graph).index,
        name=graph.name,
        changes=_in_order([*api, *listed]),
        safe=frozenset({*safe, *(change for change in api if change.converts)}),
        left=_in_order([*(change for change in api if not change.converts), *left]),
    )


def _later(change: Change) -> Change:
    """Return a change of an image as it is when that has to wait."""
    is_image = change.area is Area.IMAGE and bool(change.edits)
    return (
        replace(change, fix=f"{change.fix} once nothing is left that breaks")
        if is_image
        else change
    )


def _document(graph: Graph) -> Document:
    assert graph.document is not None  # noqa: S101 - it was read from a file
    return graph.document


def _in_order(changes: Iterable[Change]) -> tuple[Change, ...]:
    return tuple(sorted(dict.fromkeys(changes), key=lambda change: (change.mark, change.what)))


def _graphs(text: str, file: str) -> tuple[Graph, ...]:
    """Return the graphs of a text, each with the ConfigMaps of the file.

    Raises:
        ManifestError: It cannot be read.
    """
    bare = text.removeprefix("\ufeff")
    documents = [each for source in sources(bare, file=file) for each in source.documents()]
    beside = usable_config_maps(documents)
    return tuple(
        replace(read_graph(document), config_maps=beside)
        for document in documents
        if document.kind == KIND
    )


def _origin(graph: Graph, old: Release | None, target: Target) -> _Origin:
    said = {each.name: release_of(each) for each in graph.components}
    given = [release for release in said.values() if release is not None]
    if old is None and not given and graph.components:
        raise CannotMoveError(
            f'graph "{graph.name}": no image says a release; say with --from X.Y.Z what it runs'
        )
    if newer := [each for each in (old, *given) if each is not None and each > target.release]:
        raise CannotMoveError(
            f'graph "{graph.name}" is for {max(newer)}, which is newer than {target.release}; this '
            "goes up only"
        )
    oldest = old or min(given, default=target.release)
    releases = {name: old or release or oldest for name, release in said.items()}
    return _Origin(releases, min(oldest.line, target.operator))


def _all_changes(text: str, route: _Route) -> list[tuple[Change, ...]]:
    """Return the changes of each graph of a text."""
    return [
        tuple(_changes(graph, origin, route.target))
        for graph, origin in zip(_graphs(text, route.file), route.origins, strict=True)
    ]


def _changes(graph: Graph, origin: _Origin, target: Target) -> Iterator[Change]:
    document = _document(graph)
    moves = tuple(
        Move(component, graph, origin.releases[component.name], target.release)
        for component in graph.components
    )
    scene = operator_changes.Scene(document, graph, moves)
    met = [
        *(change for move in moves for change in words.changes(move)),
        *first_releases.changes(moves),
        *release_ways.changes(moves),
        *operator_changes.changes(scene, old=origin.operator, new=target.operator),
        *images.changes(document, target.release),
    ]
    # What stands in one place for several components is changed when all of them want that.
    wanted = Counter(edit for change in met for edit in change.edits)
    places = Counter(node.mark for _path, node in walk(document.root))
    seen: set[tuple[Area, Mark, str]] = set()
    for change in met:
        place = (change.area, change.mark, change.fix)
        if place not in seen:
            seen.add(place)
            alone = all(places[edit.mark] <= max(wanted[edit], 1) for edit in change.edits)
            yield change if alone else replace(change, edits=())


def _edited(text: str, route: _Route) -> str:
    """Return the text with every safe change but images and the API version."""
    for _round in range(_MOST_ROUNDS):
        wanted = [
            change
            for changes in _all_changes(text, route)
            for change in changes
            if change.area is not Area.IMAGE
        ]
        now = _applied(text, wanted)
        if now == text:
            break
        text = now
    return text


def _with_images(text: str, route: _Route, waiting: set[int]) -> str:
    """Return the text with the images of all graphs moved but of those that wait."""
    wanted = [
        change
        for number, changes in enumerate(_all_changes(text, route))
        for change in changes
        if change.area is Area.IMAGE and number not in waiting
    ]
    return _applied(text, wanted)


def _applied(text: str, wanted: Iterable[Change]) -> str:
    """Return the text after the edits of changes, but those that it does not allow."""
    ready = [change for change in wanted if change.edits]
    try:
        return apply(text, _in_turn(edit for change in ready for edit in change.edits))
    except EditError:
        pass
    accepted: list[Change] = []
    for change in ready:
        with suppress(EditError):
            apply(text, _in_turn(edit for each in (*accepted, change) for edit in each.edits))
            accepted.append(change)
    return apply(text, _in_turn(edit for change in accepted for edit in change.edits))


def _in_turn(edits: Iterable[Edit]) -> list[Edit]:
    """Return the edits, texts behind the same value as one: they come in the order of changes."""
    others: list[Edit] = []
    behind: dict[Mark, tuple[str, ...]] = {}
    for edit in edits:
        if isinstance(edit, Insert) and not edit.is_key:
            behind[edit.mark] = behind.get(edit.mark, ()) + edit.items
        else:
            others.append(edit)
    return [*others, *(Insert(mark, items) for mark, items in behind.items())]


def _converted(text: str, route: _Route) -> tuple[str, list[tuple[Change, ...]]]:
    """Return the text in v1beta1, and what keeps each graph from that; then it stays as it is."""
    from dynamo_conformance.convert.converter import convert
    from dynamo_conformance.convert.file_conversion import convert_text
    from dynamo_conformance.convert.reasons import reason
    from dynamo_conformance.manifest.node import path_text

    graphs = _graphs(text, route.file)
    nothing: list[tuple[Change, ...]] = [() for _graph in graphs]
    if route.target.operator < _V1BETA1_SINCE or route.file.endswith(JSON):
        return text, nothing
    lost = []
    for graph in graphs:
        document = _document(graph)
        conversion = convert(document, V1BETA1) if document.version == V1ALPHA1 else None
        lost.append(
            tuple(
                Change(
                    area=Area.API,
                    kind=Kind.WORTH,
                    mark=value.mark,
                    what=f"{path_text(value.path)} has no place in v1beta1",
                    fix=reason(value.path, V1BETA1),
                )
                for value in (conversion.left_behind if conversion is not None else ())
            )
        )
    if any(lost):
        return text, lost
    return convert_text(text, file=route.file, version=V1BETA1).text, lost


def _api_changes(
    graph: Graph, moved_to: Graph, route: _Route, lost: tuple[Change, ...]
) -> tuple[Change, ...]:
    """Return the change of the API version, and what keeps the graph from that.

    Args:
        graph: The graph as it was.
        moved_to: The graph in the edited text.
        route: Where it goes.
        lost: What v1beta1 has no place for.
    """
    document = _document(graph)
    if document.version != V1ALPHA1 or route.target.operator < _V1BETA1_SINCE:
        return ()
    converts = _document(moved_to).version == V1BETA1
    change = Change(
        area=Area.API,
        kind=Kind.WORTH,
        mark=document.root.entries["apiVersion"].value.mark,
        what="nvidia.com/v1alpha1 is deprecated",
        since=f"operator {_V1BETA1_SINCE[0]}.{_V1BETA1_SINCE[1]}",
        fix="write v1beta1, as `dynamo convert --to v1beta1` does"
        if converts
        else "see to what v1beta1 has no place for, then run `dynamo convert --to v1beta1`"
        if lost
        else "write it as YAML and no List, and run `dynamo convert --to v1beta1`",
        converts=converts,
    )
    return (change, *lost)


class _LineMap:
    """Places of an edited text, in the text before."""

    def __init__(self, edited: str, text: str) -> None:
        matcher = SequenceMatcher(a=edited.splitlines(), b=text.splitlines(), autojunk=False)
        self._blocks = matcher.get_matching_blocks()

    def before(self, mark: Mark) -> Mark:
        """Return where what stands at `mark` stood, or what it was made of."""
        line = mark.line - 1
        for block in self._blocks:
            if block.a <= line < block.a + block.size:
                return Mark(block.b + line - block.a + 1, mark.column)
            if line < block.a:
                return Mark(max(block.b, 1), mark.column)
        return mark
