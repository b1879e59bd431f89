"""Wholes: which files are no manifests by themselves, but parts of something.

`kustomize build` merges patches into the resources of a kustomization, and `helm template` fills
templates in. What these print is a manifest; a patch, which leaves out what it does not change, is
none.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.document import MAX_BYTES, read_text
from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.files import read_file, real
from dynamo_conformance.manifest.node import Mapping, Scalar
from dynamo_conformance.manifest.yaml import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from dynamo_conformance.manifest.node import Node

PATCH = "a part of a kustomization; check what `kustomize build` prints"
TEMPLATE = "a Helm template; check what `helm template` prints"

_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_CHART, _TEMPLATES, _OPENING = "Chart.yaml", "templates", b"{{"
_LEVELS = 5
"""How many folders above a file may hold the kustomization that names it."""
_FIELDS = ("patches", "patchesStrategicMerge", "patchesJson6902", "replacements", "components",
           "transformers", "generators", "validators", "configurations", "crds")  # fmt: skip
_PLUGINS = ("transformers", "components")
_RESOURCES = ("resources", "bases")


class Fragments:
    """What kustomizations and charts say of files; each is read once."""

    def __init__(self) -> None:
        self._named: dict[Path, frozenset[Path]] = {}
        self._below: set[Path] = set()
        self._around: dict[Path, tuple[frozenset[Path], bool]] = {}

    def look_at(self, files: Iterable[Path]) -> None:
        """Take note of every kustomization among `files`, wherever what it names may be."""
        for file in files:
            if file.name in _KUSTOMIZATIONS:
                self._below |= self._named_in(real(file.parent))

    def part_of(self, file: Path) -> str | None:
        """Return what a file is a part of, with what to do instead; None when it is whole.

        Args:
            file: The file, with every link on the way to it followed.
        """
        named, in_chart = self._known_of(file.parent)
        if file in self._below or file in named:
            return PATCH
        return TEMPLATE if in_chart and _has_opening(file) else None

    def _known_of(self, folder: Path) -> tuple[frozenset[Path], bool]:
        """Return what the kustomizations around a folder name, and whether it is in a chart."""
        if folder not in self._around:
            levels = (folder, *folder.parents)
            named = frozenset(chain.from_iterable(map(self._named_in, levels[:_LEVELS])))
            self._around[folder] = named, any(map(_holds_templates, levels))
        return self._around[folder]

    def _named_in(self, folder: Path) -> frozenset[Path]:
        if folder not in self._named:
            self._named[folder] = frozenset()  # Kustomizations that name each other end here.
            self._named[folder] = frozenset(self._read(folder))
        return self._named[folder]

    def _read(self, folder: Path) -> set[Path]:
        root = next(filter(None, (_root(folder / name) for name in _KUSTOMIZATIONS)), None)
        if root is None:
            return set()
        paths = {folder / name for field in _FIELDS for name in _files(root, field)}
        for name in (name for field in _PLUGINS for name in _files(root, field)):
            plugin = _root(folder / name)
            paths |= {folder / file for file in _plugin_files(plugin)} if plugin else set()
        whole = {folder / name for field in _RESOURCES for name in _files(root, field)}
        return {real(path) for path in paths} - {real(path) for path in whole}


def _holds_templates(folder: Path) -> bool:
    """Whether a folder is that of a chart's templates."""
    return folder.name == _TEMPLATES and (folder.parent / _CHART).is_file()


def _has_opening(file: Path) -> bool:
    try:
        return _OPENING in read_file(file, most=MAX_BYTES)
    except OSError:
        return False


def _root(file: Path) -> Mapping | None:
    """Return the first mapping of a YAML file; None when it is no such file."""
    try:
        if not file.is_file():
            return None
        documents = parse(read_text(file), file=str(file))
        return next((document for document in documents if isinstance(document, Mapping)), None)
    except (OSError, ManifestError):
        return None


def _files(root: Mapping, field: str) -> Iterator[str]:
    """Yield the words of a list that may be files; inline patches are several lines."""
    for item in root.sequence(field):
        word = item.get("path") if isinstance(item, Mapping) else item
        yield from _word(word)


def _plugin_files(plugin: Mapping) -> Iterator[str]:
    """Yield the patches that a transformer's own file names."""
    for item in (plugin.get("path"), *plugin.sequence("paths")):
        yield from _word(item)


def _word(node: Node | None) -> Iterator[str]:
    if isinstance(node, Scalar) and isinstance(node.value, str):
        word = node.value.strip()
        if word and "\n" not in word and "\0" not in word and "://" not in word:
            yield word
