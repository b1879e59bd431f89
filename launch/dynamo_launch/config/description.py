"""The components of a graph, each with all that the files say of it, matched by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.node import Mapping, Scalar
from dynamo_conformance.manifest.suggest import did_you_mean
from dynamo_launch.config.keys import DEPLOYMENT_KEYS
from dynamo_launch.config.runconfig import Setting
from dynamo_launch.config.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.manifest.node import Mark, Node
    from dynamo_launch.config.complaint import Complaints

LISTS = ("components", "deployments")
_ONCE = ("role", *DEPLOYMENT_KEYS)


@dataclass(frozen=True, slots=True)
class Value:
    """What stands under one key of a component.

    Attributes:
        node: The value.
        file: The file it is in.
        mark: Where the key is.
    """

    node: Node
    file: str
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A component as the files describe it.

    Attributes:
        name: Its name, where it is written first.
        sources: The mappings that describe it.
    """

    name: Setting
    sources: tuple[Source, ...]

    def value(self, key: str) -> Value | None:
        """Return what stands under a key, or None; null is the same as nothing."""
        return next(self.values(key), None)

    def values(self, key: str) -> Iterator[Value]:
        """Yield what stands under a key, wherever it does."""
        for source in self.sources:
            node = source.node.get(key)
            if node is not None and node != Scalar(None):
                yield Value(node, source.file, source.node.key_mark(key))


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A graph as the files describe it."""

    name: Setting
    components: tuple[Described, ...]


@dataclass(frozen=True, slots=True)
class _Listed:
    """One list of components."""

    source: Source
    key: str
    items: dict[str, Mapping]

    def __str__(self) -> str:
        return f"{self.key} of {self.source.file}"


def describe(files: Iterable[Source], complaints: Complaints) -> Description | None:
    """Return what several files say of one graph, or None when that cannot be told.

    Args:
        files: The files, those that hold run configs first.
        complaints: Is told what is missing, doubled or contradicts something else.
    """
    files = tuple(files)
    before = len(complaints.errors)
    lists = [_listed(file, key, complaints) for file in files for key in LISTS if key in file.node]
    name = _name(files, complaints)
    if not lists:
        text = "no components; list them below components:"
        complaints.error(files[0].file, files[0].node.mark, text)
    _match(lists, complaints)
    if len(complaints.errors) > before or name is None:
        return None
    components = tuple(_described(one, lists, complaints) for one in lists[0].items)
    return Description(name=name, components=components)


def _listed(source: Source, key: str, complaints: Complaints) -> _Listed:
    found: dict[str, Mapping] = {}
    folded: dict[str, str] = {}
    for item in source.node.mappings(key):
        name = item.string("name")
        if not name:
            continue  # The schema has said so.
        same = folded.setdefault(name.lower().replace("_", "-"), name)
        if same == name and name not in found:
            found[name] = item
            continue
        alike = "" if same == name else f', and Kubernetes does not tell it from "{same}"'
        text = f'a second component is named "{name}"{alike}; give it another name'
        complaints.error(source.file, _mark(item), text)
    return _Listed(source, key, found)


def _mark(item: Mapping) -> Mark:
    name = item.get("name")
    return name.mark if name is not None else item.mark


def _name(files: tuple[Source, ...], complaints: Complaints) -> Setting | None:
    found: list[Setting] = []
    for file in files:
        name = file.node.get("name")
        if isinstance(name, Scalar):
            found.append(Setting(name.text, file.file, name.mark))
    if not found:
        complaints.error(files[-1].file, files[-1].node.mark, "the graph has no name; write name:")
        return None
    for other in found[1:]:
        if other.text != found[0].text:
            text = (
                f'name is "{other.text}", and "{found[0].text}" in {found[0].file}; make them agree'
            )
            complaints.error(other.file, other.mark, text)
    return found[0]


def _match(lists: list[_Listed], complaints: Complaints) -> None:
    """Complain of each component that is in one list and not in another."""
    for one in lists:
        for other in lists:
            for name, item in one.items.items():
                if other is not one and name not in other.items:
                    missing = [known for known in other.items if known not in one.items]
                    hint = did_you_mean(name, missing) or f'; add "- name: {name}" there'
                    text = f'component "{name}" is not among the {other}{hint}'
                    complaints.error(one.source.file, _mark(item), text)


def _described(name: str, lists: list[_Listed], complaints: Complaints) -> Described:
    sources = tuple(Source(one.source.file, one.items[name]) for one in lists)
    first = sources[0].node.get("name")
    mark = first.mark if first is not None else sources[0].node.mark
    component = Described(name=Setting(name, sources[0].file, mark), sources=sources)
    for key in _ONCE:
        values = list(component.values(key))
        for other in values[1:]:
            if other.node != values[0].node:
                there = f"{values[0].file}, line {values[0].mark.line}"
                text = f"{key} says something else in {there}; keep one of them"
                complaints.error(other.file, other.mark, text)
    return component
