"""Content: the files that a file of an examples tree is made of, and the releases it names."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.engines.catalog import RELEASE
from dynamo_conformance.engines.image_release import parse_image
from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.read import read_graphs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from dynamo_conformance.manifest.graph import Graph

LAUNCH, COMPONENTS, K8S = "launch", "components", "k8s"
STANDS_FOR = "dynamo-conformance/stands-for"
"""The annotation with the path of the example that a manifest states in another release's words."""

PICTURES = "graphs"
"""The folder of an engine that holds the pictures of its graphs."""

_WORD = re.compile(r"[\w./-]+\.\w+")
_COMPONENT = re.compile(rf"\b{COMPONENTS}[/.]\w")
_SDK_GRAPH = re.compile(rf"\b{PICTURES}\.\w+:\w")
"""A graph as `dynamo serve` of 0.3 took it: modules beside the pictures, made of components."""
_MADE_BY_PYTHON = "__pycache__"
_RELEASE = re.compile(r"v?(\d+\.\d+\.\d+)")
_SUITE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Content:
    """A file, and what it cannot do without.

    Attributes:
        path: The file.
        files: All of its files, itself first.
    """

    path: Path
    files: tuple[Path, ...]

    @property
    def sha256(self) -> str:
        """The digest of every file's name and bytes, in hex."""
        base = engine_folder(self.path)
        digest = hashlib.sha256()
        for file in sorted(self.files):
            name = file.relative_to(base).as_posix() if file.is_relative_to(base) else file.name
            data = file.read_bytes()
            digest.update(f"{name}\0{len(data)}\0".encode())
            digest.update(data)
        return digest.hexdigest()


def content_of(path: Path) -> Content:
    """Return a file with the files that it names, that these name, and so on.

    Whoever names one component may import another, so that all of them are counted.
    """
    base = engine_folder(path)
    files = [path]
    for file in files:  # It grows while it is read.
        named = [*named_in(file, base)]
        if _COMPONENT.search(_text(file)):
            named += components_of(base)
        if _SDK_GRAPH.search(_text(file)):
            named += [*sorted((base / PICTURES).glob("*.py")), *components_of(base)]
        files += [other for other in dict.fromkeys(named) if other not in files]
    return Content(path, tuple(files))


def engine_folder(path: Path) -> Path:
    """Return the folder above `launch` that a file lies in, or its own folder."""
    launch = next((folder for folder in path.parents if folder.name == LAUNCH), None)
    return launch.parent if launch is not None else path.parent


def components_of(folder: Path) -> tuple[Path, ...]:
    """Return the files of an engine folder's components."""
    files = (file for file in (folder / COMPONENTS).rglob("*") if file.is_file())
    return tuple(sorted(file for file in files if _MADE_BY_PYTHON not in file.parts))


def named_in(path: Path, folder: Path) -> Iterator[Path]:
    """Yield the files that a text names, comments aside.

    Those are files beside it, files by their path from a folder, and files of that folder's own by
    their name: a script has a variable where the rest of the path would be.
    """
    words = sorted(set(_WORD.findall(_without_comments(_text(path)))))
    for word in words:
        for base in (path.parent, folder):
            named = Path(os.path.normpath(base / word))
            if named.is_file():
                yield named
    names = {word.rpartition("/")[2] for word in words}
    yield from (file for file in _own_files(folder) if file.name in names)


def _own_files(folder: Path) -> Iterator[Path]:
    """Yield what lies in an engine's folder besides examples, components, pages and pictures."""
    if not (folder / LAUNCH).is_dir():
        return
    for part in sorted(folder.iterdir()):
        if part.is_dir() and part.name not in (LAUNCH, COMPONENTS, PICTURES):
            yield from (file for file in sorted(part.rglob("*")) if file.is_file())


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def image_releases(graph: Graph) -> tuple[str, ...]:
    """Return the releases of the published images that a graph's components run, each once.

    A tag that names no release is passed over.
    """
    references = (
        component.main.image for component in graph.components if component.main is not None
    )
    images = (parse_image(reference) for reference in references if reference)
    matches = (_RELEASE.match(image.tag) for image in images if image.is_published)
    return tuple(dict.fromkeys(match[1] for match in matches if match is not None))


def other_release(path: Path, release: str = RELEASE) -> str:
    """Return the first release that a file's images hold and that is not `release`, if any.

    Args:
        path: A manifest, or a script or compose file: then its manifest's images are meant.
        release: The release that ran.
    """
    is_launched = path.parent.parent.name == LAUNCH and path.parent.name != K8S
    try:
        graphs = read_graphs(path.parents[1] / K8S / f"{path.stem}.yaml" if is_launched else path)
    except (ManifestError, OSError):
        return ""
    held = (tag for graph in graphs for tag in image_releases(graph))
    return next((tag for tag in held if tag != release), "")


def stands_for(path: Path) -> str:
    """Return the example that a manifest outside of the tree states in another release's words."""
    try:
        graphs = read_graphs(path)
    except (ManifestError, OSError):
        return ""
    return next(filter(None, map(_stated, graphs)), "")


def _stated(graph: Graph) -> str:
    metadata = graph.root.mapping("metadata")
    annotations = metadata.mapping("annotations") if metadata is not None else None
    return (annotations.string(STANDS_FOR) if annotations is not None else None) or ""


def is_affected(path: Path, changed: AbstractSet[Path]) -> bool:
    """Whether a manifest or a script, or anything its example is made of, is among `changed`.

    An example is its manifest, the script of the same name, the components beside them, and the
    files that any of these name. A change of the suite itself concerns every example.

    Args:
        path: The manifest or the script.
        changed: Real paths of the files that changed.
    """
    if any(file.is_relative_to(_SUITE) for file in changed):
        return True
    files = set(_files_of(path.resolve()))
    return not files.isdisjoint(changed)


def _files_of(path: Path) -> Iterator[Path]:
    """Yield every file that an example is made of, as real paths."""
    folder = engine_folder(path)
    own = [path]
    if folder != path.parent:
        own += sorted((folder / LAUNCH).rglob(f"{path.stem}.*"))
        own += components_of(folder)
    for file in own:
        yield file.resolve()
        for named in named_in(file, folder):
            yield named.resolve()
