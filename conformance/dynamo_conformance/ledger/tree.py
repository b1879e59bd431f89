"""An examples tree: engine folders, and in each the examples in all their forms.

Everything is found by being where it is: what lies in ENGINE/launch/k8s is a manifest, and what has
the same name in ENGINE/launch/local or ENGINE/launch/compose is the same graph in another form.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING

from dynamo_conformance.engines.catalog import RELEASE
from dynamo_conformance.ledger.content import LAUNCH, Content, content_of, other_release
from dynamo_conformance.ledger.row import Level
from dynamo_conformance.manifest.document import V1ALPHA1, read_file
from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.read import read_graph

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dynamo_conformance.manifest.graph import Graph

README = "README.md"
LEDGER = "ledger.json"
YAML = (".yaml", ".yml")


class Kind(Enum):
    """In which form a graph is written: its folder, suffixes, and what can be proven about it."""

    MANIFEST = (
        "k8s",
        YAML,
        (Level.LINT, Level.LOCAL, Level.KIND, Level.CPU, Level.CLUSTER, Level.REAL),
    )
    # At level cpu a script starts what its manifest does, which is asked everything.
    SCRIPT = ("local", (".sh",), (Level.SCRIPT, Level.REAL))
    COMPOSE = ("compose", YAML, (Level.COMPOSE, Level.REAL))

    def __init__(self, folder: str, suffixes: tuple[str, ...], levels: tuple[Level, ...]) -> None:
        self.folder = folder
        self.suffixes = suffixes
        self.levels = levels


@dataclass(frozen=True)
class Form:
    """One file of an example.

    Attributes:
        path: The file.
        key: What the ledger calls it: its path in the tree.
        kind: What kind of file it is.
        old: Whether it is the manifest for operators before v1beta1, beside a newer one.
    """

    path: Path
    key: str
    kind: Kind
    old: bool = False

    @cached_property
    def content(self) -> Content:
        """The file with what it is made of."""
        return content_of(self.path)

    @cached_property
    def releases(self) -> tuple[str, ...]:
        """The Dynamo releases of which a proof counts: today's, and the one that it is for."""
        other = other_release(self.path)
        return (RELEASE, other) if other else (RELEASE,)

    @cached_property
    def graphs(self) -> tuple[Graph, ...]:
        """The graphs in it; none when it is no manifest, or one that cannot be read."""
        return _graphs(self.path) if self.kind is Kind.MANIFEST else ()


@dataclass(frozen=True)
class Example:
    """One graph of the tree.

    Attributes:
        name: Its name in its engine's folder, such as `disagg` or `deepseek_r1/agg_dp`.
        forms: Its files: manifests first, the newest API version before older ones.
    """

    name: str
    forms: tuple[Form, ...]

    @property
    def manifest(self) -> Form | None:
        """The manifest that stands for the example, or None when it has none."""
        return next((form for form in self.forms if form.kind is Kind.MANIFEST), None)

    @property
    def graph(self) -> Graph | None:
        """The graph that its manifest describes."""
        graphs = self.manifest.graphs if self.manifest is not None else ()
        return graphs[0] if graphs else None

    @property
    def shows(self) -> str:
        """What the comment at the head of its manifest says."""
        return head_comment(self.manifest.path) if self.manifest is not None else ""


@dataclass(frozen=True)
class EngineFolder:
    """The examples of one engine.

    Attributes:
        path: The folder.
        examples: Its examples by name.
    """

    path: Path
    examples: tuple[Example, ...]

    @property
    def title(self) -> str:
        """What its README calls it, else the folder's name."""
        readme = self.path / README
        if readme.is_file():
            for line in readme.read_text(encoding="utf-8").splitlines():
                if line.startswith("# "):
                    return line[2:].strip()
        return self.path.name


@dataclass(frozen=True)
class Tree:
    """An examples tree.

    Attributes:
        root: Its folder.
        engines: Its engine folders, by their path.
    """

    root: Path
    engines: tuple[EngineFolder, ...]

    @property
    def forms(self) -> tuple[Form, ...]:
        """Every file of every example."""
        examples = (example for engine in self.engines for example in engine.examples)
        return tuple(form for example in examples for form in example.forms)


def read_tree(root: Path) -> Tree:
    """Return the examples below a folder."""
    launch = sorted(folder for folder in root.rglob(LAUNCH) if folder.is_dir())
    engines = (EngineFolder(folder.parent, _examples(root, folder)) for folder in launch)
    return Tree(root, tuple(engine for engine in engines if engine.examples))


def head_comment(path: Path) -> str:
    """Return the comment that a YAML file begins with, as one line of prose."""
    words: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        words += line.lstrip("#").split()
    return " ".join(words)


def _examples(root: Path, launch: Path) -> tuple[Example, ...]:
    forms: dict[str, list[Form]] = {}
    for kind in Kind:
        for name, form in _forms(root, launch / kind.folder, kind):
            forms.setdefault(name, []).append(form)
    return tuple(
        Example(name, tuple(sorted(group, key=lambda form: form.old)))
        for name, group in sorted(forms.items(), key=_small_first)
    )


def _small_first(item: tuple[str, list[Form]]) -> tuple[int, str]:
    """Put what lies in folders of its own last: it is the larger graph."""
    return item[0].count("/"), item[0]


def _forms(root: Path, folder: Path, kind: Kind) -> Iterator[tuple[str, Form]]:
    for path in sorted(folder.rglob("*")):
        if path.suffix not in kind.suffixes or not path.is_file():
            continue
        if kind is Kind.MANIFEST and not _graphs(path):
            continue
        parts = path.relative_to(folder).with_suffix("").parts
        old = kind is Kind.MANIFEST and parts[0] == V1ALPHA1 and len(parts) > 1
        name = "/".join(parts[1:] if old else parts)
        yield name, Form(path, path.relative_to(root).as_posix(), kind, old=old)


def _graphs(path: Path) -> tuple[Graph, ...]:
    try:
        documents = read_file(path)
        return tuple(read_graph(document) for document in documents if document.version is not None)
    except ManifestError:
        return ()
