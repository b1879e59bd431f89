"""The components of a graph, each with all that the config files set for it, matched by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.fields import is_null, mark_of
from dynamo_conformance.manifest.node import Mapping, Scalar, Sequence
from dynamo_conformance.manifest.quantity import parse_whole
from dynamo_conformance.manifest.suggest import did_you_mean
from dynamo_launch.config.keys import DEPLOYMENT_KEYS
from dynamo_launch.config.run_config import ConfigSource, Setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.manifest.node import Mark, Node
    from dynamo_launch.config.config_error import ConfigErrors
    from dynamo_launch.errors import Place

LISTS = ("components", "deployments")
_ONCE = ("role", *DEPLOYMENT_KEYS)


@dataclass(frozen=True, slots=True)
class ValueOrigin:
    """Where a value was written.

    Attributes:
        file: The file's name as the caller gave it.
        mark: Where in it.
        what: What its author called it: `replicas`, `options.router_mode`.
    """

    file: str
    mark: Mark
    what: str

    @property
    def place(self) -> str:
        """The file's own name and the line, for comments: no folder of this machine."""
        return f"{self.file_name}:{self.mark.line}"

    @property
    def file_name(self) -> str:
        """The file's own name."""
        return PurePath(self.file).name


@dataclass(frozen=True, slots=True)
class ConfigValue:
    """A value of a component, and where it was written.

    Attributes:
        key: The key that it stands under.
        node: The value.
        origin: Where it was written.
    """

    key: str
    node: Node
    origin: ValueOrigin

    @property
    def text(self) -> str:
        """The value as text, spelled as its author did."""
        if not isinstance(self.node, Scalar):
            return ""
        return self.node.value if isinstance(self.node.value, str) else self.node.text

    @property
    def whole(self) -> int:
        """The value as a whole number; 0 where it is none, which is an error of the schema's."""
        return parse_whole(self.text) or 0

    @property
    def is_true(self) -> bool:
        """Whether the value is `true`."""
        return isinstance(self.node, Scalar) and self.node.value is True

    def inner(self, key: str) -> ConfigValue | None:
        """Return the value under a key of this mapping, or None."""
        return next((field for field in self.fields() if field.key == key), None)

    def fields(self) -> Iterator[ConfigValue]:
        """Yield the values of this mapping."""
        for entry in self.node if isinstance(self.node, Mapping) else ():
            what = f"{self.origin.what}.{entry.key}"
            origin = ValueOrigin(self.origin.file, _pointed_at(entry.value, entry.mark), what)
            yield ConfigValue(entry.key, entry.value, origin)

    def items(self) -> Iterator[ConfigValue]:
        """Yield the values of this list."""
        for item in self.node if isinstance(self.node, Sequence) else ():
            origin = ValueOrigin(self.origin.file, item.mark, self.origin.what)
            yield ConfigValue(self.key, item, origin)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentConfig:
    """A component as the files describe it.

    Attributes:
        name: Its name, where it is written first.
        sources: The mappings that describe it.
    """

    name: Setting
    sources: tuple[ConfigSource, ...]

    def value(self, key: str) -> ConfigValue | None:
        """Return what stands under a key, or None; null is the same as nothing."""
        place, node = next(self._written(key), (None, None))
        if place is None or node is None:
            return None
        return ConfigValue(key, node, ValueOrigin(place.file, _pointed_at(node, place.mark), key))

    def check_agreement(self, errors: ConfigErrors) -> None:
        """Add an error for each key that says different things in different places."""
        for key in _ONCE:
            written = tuple(self._written(key))
            for place, node in written[1:]:
                first, wanted = written[0]
                if node != wanted:
                    there = f"{first.file}, line {first.mark.line}"
                    errors.error(place, f"{key} says something else in {there}; keep one of them")

    def _written(self, key: str) -> Iterator[tuple[Place, Node]]:
        """Yield where a key is written, and its value."""
        for source in self.sources:
            node = source.node.get(key)
            if node is not None and not is_null(node):
                yield source.at(source.node.key_mark(key)), node


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphConfig:
    """A graph as the files describe it."""

    name: Setting
    components: tuple[ComponentConfig, ...]


@dataclass(frozen=True, slots=True)
class _ComponentList:
    """One list of components."""

    source: ConfigSource
    key: str
    items: dict[str, Mapping]

    def __str__(self) -> str:
        return f"{self.key} of {self.source.file}"


def read_graph_config(files: Iterable[ConfigSource], errors: ConfigErrors) -> GraphConfig | None:
    """Return what several files set for one graph, or None when they do not describe one.

    Args:
        files: The files, those that hold run configs first.
        errors: Gets what is missing, doubled or contradicts something else.
    """
    files = tuple(files)
    before = len(errors.fatal)
    lists = [
        _component_list(file, key, errors) for file in files for key in LISTS if key in file.node
    ]
    name = _name(files, errors)
    if not lists:
        errors.error(files[0], "no components; list them below components:")
    _match(lists, errors)
    if len(errors.fatal) > before or name is None:
        return None
    components = tuple(_component_config(name, lists) for name in lists[0].items)
    for component in components:
        component.check_agreement(errors)
    return GraphConfig(name=name, components=components)


def _component_list(source: ConfigSource, key: str, errors: ConfigErrors) -> _ComponentList:
    items: dict[str, Mapping] = {}
    folded: dict[str, str] = {}
    for item in source.node.mappings(key):
        name = item.string("name")
        if not name:
            continue  # An error of the schema's.
        same = folded.setdefault(name.lower().replace("_", "-"), name)
        if same == name and name not in items:
            items[name] = item
            continue
        alike = "" if same == name else f', and Kubernetes does not tell it from "{same}"'
        text = f'a second component is named "{name}"{alike}; give it another name'
        errors.error(source.at(mark_of(item, "name")), text)
    return _ComponentList(source, key, items)


def _name(files: tuple[ConfigSource, ...], errors: ConfigErrors) -> Setting | None:
    names: list[Setting] = []
    for file in files:
        name = file.node.get("name")
        if isinstance(name, Scalar):
            names.append(Setting(name.text, file.file, name.mark))
    if not names:
        errors.error(files[-1], "the graph has no name; write name:")
        return None
    first, *others = names
    for other in others:
        if other.text != first.text:
            text = f'name is "{other.text}", and "{first.text}" in {first.file}; make them agree'
            errors.error(other, text)
    return first


def _match(lists: list[_ComponentList], errors: ConfigErrors) -> None:
    """Add an error for each component that is in one list and not in another."""
    for component_list in lists:
        for other in lists:
            for name, item in component_list.items.items():
                if other is not component_list and name not in other.items:
                    missing = [known for known in other.items if known not in component_list.items]
                    hint = did_you_mean(name, missing) or f'; add "- name: {name}" there'
                    text = f'component "{name}" is not among the {other}{hint}'
                    errors.error(component_list.source.at(mark_of(item, "name")), text)


def _component_config(name: str, lists: list[_ComponentList]) -> ComponentConfig:
    sources = tuple(
        ConfigSource(component_list.source.file, component_list.items[name])
        for component_list in lists
    )
    mark = mark_of(sources[0].node, "name")
    return ComponentConfig(name=Setting(name, sources[0].file, mark), sources=sources)


def _pointed_at(node: Node, key: Mark) -> Mark:
    """Return where a value is pointed at: at itself, or at its key when it has several lines."""
    return node.mark if isinstance(node, Scalar) else key
