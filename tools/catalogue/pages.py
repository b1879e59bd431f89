"""Pages: everything that is made from an examples tree and its ledger, and where it belongs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from catalogue.markdown import has_block, image, link, table, with_block
from catalogue.pictures.layout import layout
from catalogue.pictures.scene import scene
from catalogue.releases import not_on_releases, on_release, releases_of
from catalogue.standing import (
    gaps,
    is_shown,
    mock_engines,
    served_releases,
    standing,
    unsupported,
)
from catalogue.traits import graph_traits
from dynamo_conformance.engines.catalog import RELEASE
from dynamo_conformance.ledger.content import PICTURES
from dynamo_conformance.ledger.row import Level
from dynamo_conformance.ledger.tree import LEDGER, README, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from catalogue.pictures.scene import Scene
    from dynamo_conformance.ledger.ledger import Ledger
    from dynamo_conformance.ledger.tree import EngineFolder, Example, Tree
    from dynamo_conformance.manifest.graph import Graph

MAKE = "python tools/make_pages.py"
_RELEASES = """What `tox run -e releases` has shown, on one machine with the mock engine: `yes`, the
file as it is; `so told`, a manifest of the same graph in that release's words, in
[tests/data/releases](../tests/data/releases); `-`, for a reason below."""
_LEDGER, _GRAPHS, _PICTURES = "ledger", "graphs", "pictures"
_SENTENCE = re.compile(r"(.+?[.:!?])(?=\s|$)")

_HEAD = f"""# Examples

Graphs to copy, each as a manifest for `kubectl apply -f` and, where one machine can hold it, as a
script or a compose file with the same components. This page is made from the files by
`{MAKE}`; change them, not this page.

*Proven* names the levels at which every file of an example has passed. *lint* ran nothing; *local*
served the manifest's pods as processes, *script* and *compose* ran those files as published, and
*kind* applied the manifest in a cluster without GPUs, all on the real Dynamo runtime with the mock
engine (a graph of an older release on the runtime of that, with a stand-in for its engine). *cpu*
is the engine itself on a CPU with random weights, *cluster* and *real* are on GPUs. A feature in
*italics* stands in the manifest, and no run has shown it so far. *GPUs* counts those of all
replicas and nodes; *GPU* is the product that the graph names (`dynamo-conformance/gpu`), and *each*
the memory that its driver reports: that it suffices is counted, not tried. [The
ledger]({LEDGER}) has the day of each proof, and the reason where there is none.
"""


@dataclass(frozen=True, slots=True)
class Page:
    """A file that is made.

    Attributes:
        path: The file.
        text: What it must hold.
    """

    path: Path
    text: str


def pages(tree: Tree, ledger: Ledger) -> tuple[Page, ...]:
    """Return every page of a tree.

    Raises:
        BlockError: A README has no place for its table.
    """
    return tuple(_pages(tree, ledger))


def picture(graph: Graph) -> str:
    """Return the picture of a graph as an SVG document.

    It brings its own background, so that it can be read on any page; both follow the reader's
    colour scheme.
    """
    return layout(scene(graph)).svg(_style())


@cache
def _style() -> str:
    return (Path(__file__).parent / "pictures" / "style.css").read_text(encoding="utf-8")


def unused_pictures(tree: Tree, made: Sequence[Page]) -> tuple[Path, ...]:
    """Return pictures of graphs that are not there."""
    known = {page.path for page in made}
    pictures = (path for engine in tree.engines for path in _picture_folder(engine).rglob("*.svg"))
    return tuple(sorted(path for path in pictures if path not in known))


def _pages(tree: Tree, ledger: Ledger) -> Iterator[Page]:
    for engine in tree.engines:
        for example in engine.examples:
            if example.graph is not None:
                yield Page(_picture_of(engine, example), picture(example.graph))
        readme = engine.path / README
        if readme.is_file():
            yield Page(readme, _engine_page(engine, ledger, readme))
    yield Page(tree.root / README, _catalogue(tree, ledger))
    front = tree.root.parent / README
    if front.is_file() and has_block(text := front.read_text(encoding="utf-8"), _LEDGER):
        body = _overview(tree, ledger, front)
        yield Page(front, with_block(text, _LEDGER, body, page=str(front)))


def _engine_page(engine: EngineFolder, ledger: Ledger, readme: Path) -> str:
    text = readme.read_text(encoding="utf-8")
    text = with_block(text, _LEDGER, _proven(engine, ledger), page=str(readme))
    if has_block(text, _GRAPHS):
        text = with_block(text, _GRAPHS, _graphs(engine, readme), page=str(readme))
    if has_block(text, _PICTURES):
        text = with_block(text, _PICTURES, _gallery(engine, readme), page=str(readme))
    return text


def _graphs(engine: EngineFolder, readme: Path) -> str:
    """Return the table of an engine's graphs: what each shows, and its files."""
    return table(
        ("graph", "shows", "GPUs", "GPU", *(kind.name.lower() for kind in Kind)),
        (
            (
                example.name,
                _first_sentence(example.shows),
                _gpus(example),
                _gpu(example),
                *(_files(example, kind, readme) for kind in Kind),
            )
            for example in engine.examples
        ),
    )


def _gallery(engine: EngineFolder, readme: Path) -> str:
    """Return the pictures of an engine's graphs, with their descriptions from the manifests."""
    parts: list[str] = []
    for example in engine.examples:
        if example.graph is not None:
            described = scene(example.graph).describe()
            shown = image(described, _picture_of(engine, example), page=readme)
            parts += [f"### {example.name}", *([example.shows] if example.shows else []), shown]
    return "\n\n".join(parts)


def _proven(engine: EngineFolder, ledger: Ledger) -> str:
    """Return the table of what is proven of an engine's graphs, and what is not and why."""
    examples = engine.examples
    rows = (
        (example.name, *(str(standing(ledger, example, level)) for level in Level))
        for example in examples
    )
    releases = " and ".join(served_releases(ledger, examples)) or RELEASE
    mocks = " and ".join(f"`{version}`" for version in mock_engines(ledger, examples))
    played = f", and mock engine {mocks} at the levels without a GPU" if mocks else ""
    legend = (
        "A date is the day since which every file of the graph is proven as it is, with Dynamo "
        f"{releases}{played}."
    )
    lists = (
        ("Not proven:", gaps(ledger, examples)),
        ("Checks that show nothing here:", unsupported(ledger, examples)),
    )
    notes = (
        "\n".join((head, "", *(f"* {line}" for line in lines))) for head, lines in lists if lines
    )
    return "\n\n".join((table(("graph", *Level), rows), legend, *notes))


def _overview(tree: Tree, ledger: Ledger, front: Path) -> str:
    """Return the table of all engines: of how many graphs each level is proven."""
    return table(
        ("examples", "graphs", *Level),
        (
            (
                link(engine.title, _home(engine), page=front),
                str(len(engine.examples)),
                *(_share(engine, ledger, level) for level in Level),
            )
            for engine in tree.engines
        ),
    )


def _share(engine: EngineFolder, ledger: Ledger, level: Level) -> str:
    standings = [standing(ledger, example, level) for example in engine.examples]
    possible = sum(item.forms > 0 for item in standings)
    proven = sum(item.proven for item in standings)
    return f"{proven} of {possible}" if possible else ""


def _catalogue(tree: Tree, ledger: Ledger) -> str:
    page = tree.root / README
    parts = [_HEAD]
    for engine in tree.engines:
        rows = (_entry(engine, example, ledger, page) for example in engine.examples)
        header = ("graph", "topology", "model", "GPUs", "GPU", "each", "features", "proven", "")
        parts += [f"## {link(engine.title, _home(engine), page=page)}\n", table(header, rows), ""]
    return "\n".join((*parts, *_by_release(tree, ledger)))


def _by_release(tree: Tree, ledger: Ledger) -> Iterator[str]:
    """Yield the table of examples and releases, and why an example has none of a release."""
    releases = releases_of(ledger)
    if not releases:
        return
    shown = [
        (f"{engine.title}: {example.name}", example.manifest)
        for engine in tree.engines
        for example in engine.examples
        if example.manifest is not None and example.manifest.key in ledger.elsewhere
    ]
    rows = (
        (name, *(on_release(ledger, form.key, release) for release in releases))
        for name, form in shown
    )
    yield "## On earlier releases\n"
    yield table(("graph", *releases), rows)
    yield f"\n{_RELEASES}\n"
    yield from (f"* {line}" for line in not_on_releases(ledger, releases))


def _entry(engine: EngineFolder, example: Example, ledger: Ledger, page: Path) -> tuple[str, ...]:
    graph = example.graph
    proven = (str(level) for level in Level if standing(ledger, example, level).proven)
    first = example.forms[0]
    if graph is None:
        name = link(example.name, first.path, page=page)
        return name, "", "", "", "", "", "", ", ".join(proven), ""
    traits = (
        trait.label if is_shown(ledger, example, trait) else f"*{trait.label}*"
        for trait in graph_traits(graph)
    )
    return (
        link(example.name, first.path, page=page),
        _topology(scene(graph)),
        ", ".join(scene(graph).models),
        _gpus(example),
        _gpu(example),
        ", ".join(scene(graph).memory),
        ", ".join(traits),
        ", ".join(proven),
        link("picture", _picture_of(engine, example), page=page),
    )


def _topology(graph_scene: Scene) -> str:
    """Return the workers of a graph in words, as `2 prefill + 2 decode`."""
    roles = (
        f"{worker.replicas} {worker.part}"
        + (f" over {worker.nodes} nodes" if worker.nodes > 1 else "")
        for worker in graph_scene.workers
    )
    return " + ".join((*roles, *(name for name in (*graph_scene.planners, *graph_scene.others))))


def _gpus(example: Example) -> str:
    return str(scene(example.graph).gpus) if example.graph is not None else ""


def _gpu(example: Example) -> str:
    return ", ".join(scene(example.graph).products) if example.graph is not None else ""


def _files(example: Example, kind: Kind, page: Path) -> str:
    forms = [form for form in example.forms if form.kind is kind]
    newest = [form for form in forms if not form.old]
    return ", ".join(link(form.path.name, form.path, page=page) for form in newest or forms)


def _first_sentence(text: str) -> str:
    match = _SENTENCE.match(text)
    sentence = match[1] if match is not None else text
    return sentence.rstrip(".:")


def _picture_folder(engine: EngineFolder) -> Path:
    return engine.path / PICTURES


def _picture_of(engine: EngineFolder, example: Example) -> Path:
    return _picture_folder(engine) / f"{example.name}.svg"


def _home(engine: EngineFolder) -> Path:
    readme = engine.path / README
    return readme if readme.is_file() else engine.path
