"""Reading a config file into run configs.

Three shapes are told apart by what is in them: `components:` with a run config each (deployment
keys beside them, or in `deployments:`), or one component's keys at the top of the file.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.manifest.errors import ManifestError
from conformance.manifest.node import Mapping, Mark, Scalar, Sequence
from conformance.manifest.suggest import nearest
from launch.config.keys import (
    ARGS_KEYS,
    COMPONENT_KEYS,
    GRAPH_KEYS,
    OTHER_WORDS,
    RUN_KEYS,
    VERSION,
)
from launch.config.runconfig import ConfigFile, Option, RunConfig, Setting, Wiring, place
from launch.config.wiring import SIDES, refuse_near_side, split_side, wire
from launch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from conformance.manifest.node import Entry, Node


def read_config_file(path: Path) -> ConfigFile:
    """Return what the config file at `path` describes.

    Raises:
        UsageError: The file cannot be read, or something in it is wrong; the message says where.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}:1:1: not UTF-8 text") from error
    return read_config(text, file=str(path))


def read_config(text: str, *, file: str) -> ConfigFile:
    """Return what the text of a config file describes.

    Args:
        text: YAML, one document.
        file: The name to use in errors.

    Raises:
        UsageError: Something in it is wrong; the message says where and what to write.
    """
    from conformance.manifest.yaml import parse

    try:
        documents = tuple(parse(text, file=file))
    except ManifestError as error:
        raise UsageError(str(error)) from error
    if len(documents) > 1:
        raise UsageError(f"{place(file, documents[1].mark)}a config file holds one document")
    root = documents[0] if documents else Scalar(None, Mark(1, 1))
    if not isinstance(root, Mapping):
        raise UsageError(
            f"{place(file, root.mark)}a config file is a mapping; "
            f"it holds {', '.join(GRAPH_KEYS)}, or one component's keys"
        )
    return _Reader(file).read(root)


class _Reader:
    """Reads one file's nodes; it holds the name that errors start with."""

    def __init__(self, file: str) -> None:
        self._file = file

    def read(self, root: Mapping) -> ConfigFile:
        self._refuse_manifest(root)
        many = "components" in root
        known = GRAPH_KEYS if many else (*GRAPH_KEYS, *COMPONENT_KEYS)
        self._check_keys(root, known, where="the file" if many else "")
        self._check_version(root)
        components = self._components(root) if many else (self._component(root),)
        return ConfigFile(
            file=self._file,
            name=self._text(root, "name"),
            components=components,
            root=root,
        )

    def _components(self, root: Mapping) -> tuple[RunConfig, ...]:
        found: dict[str, RunConfig] = {}
        items = root.get("components")
        if not isinstance(items, Sequence) or not len(items):
            mark = items.mark if items is not None else root.key_mark("components")
            raise self._error(mark, "components is a list with one entry for each component")
        for item in items:
            if not isinstance(item, Mapping):
                raise self._error(item.mark, "a component is a mapping with name and run_config")
            self._check_keys(item, COMPONENT_KEYS, where="a component")
            component = self._component(item)
            if not component.name:
                raise self._error(item.mark, "a component without a name; give it one")
            if component.name in found:
                raise self._error(
                    item.key_mark("name"),
                    f'a second component is named "{component.name}"; give it another name',
                )
            found[component.name] = component
        return tuple(found.values())

    def _component(self, node: Mapping) -> RunConfig:
        run = node.get("run_config")
        sources = [node]
        if isinstance(run, Mapping):
            self._check_keys(run, RUN_KEYS, where="run_config")
            sources.append(run)
        elif run is not None:
            raise self._error(run.mark, f"run_config is a mapping of {', '.join(RUN_KEYS)}")
        wiring, options = Wiring(), dict[str, Option]()
        for source in sources:
            wiring = self._wiring(source, wiring)
            self._add_options(source, options)
        return RunConfig(
            name=self._text(node, "name"),
            wiring=wiring,
            options=tuple(options.values()),
            node=node,
        )

    def _wiring(self, source: Mapping, wiring: Wiring) -> Wiring:
        for key, word in (*self._args(source.get("args")), *self._words(source)):
            if key == "model":
                refuse_near_side(word)
            wiring = wire(wiring, key, word)
        return wiring

    def _words(self, source: Mapping) -> Iterator[tuple[str, Setting]]:
        for key in ("engine", "task", "model", "component"):
            value = source.get(key)
            if value is not None:
                yield key, self._setting(key, value)

    def _args(self, args: Node | None) -> Iterator[tuple[str, Setting]]:
        if args is None or (isinstance(args, Scalar) and args.value is None):
            return
        if isinstance(args, Mapping):
            self._check_keys(args, ARGS_KEYS, where="args")
            for entry in args:
                yield SIDES.get(entry.key, entry.key), self._setting(entry.key, entry.value)
        elif isinstance(args, Sequence):
            yield from map(self._arg, args)
        else:
            raise self._error(args.mark, "args is a list like [in=dyn, out=vllm], or a mapping")

    def _arg(self, node: Node) -> tuple[str, Setting]:
        word = self._setting("a word of args", node)
        side = split_side(word.text)
        if side is not None:
            return side[0], replace(word, text=side[1])
        if word.text.startswith("-"):
            raise self._error(node.mark, f'"{word.text}" does not belong here; use options:')
        return "model", word

    def _add_options(self, source: Mapping, options: dict[str, Option]) -> None:
        node = source.get("options")
        if node is None or (isinstance(node, Scalar) and node.value is None):
            return
        if not isinstance(node, Mapping):
            raise self._error(node.mark, "options is a mapping of option names to values")
        for entry in node:
            before = options.get(entry.key)
            if before is not None:
                raise self._error(
                    entry.mark, f'option "{entry.key}" is already set in line {before.mark.line}'
                )
            options[entry.key] = Option(entry.key, entry.value, self._file, entry.mark)

    def _setting(self, key: str, value: Node) -> Setting:
        if not isinstance(value, Scalar) or value.value is None:
            raise self._error(value.mark, f"{key} takes one word")
        return Setting(value.text, self._file, value.mark)

    def _text(self, node: Mapping, key: str) -> str:
        value = node.get(key)
        return self._setting(key, value).text if value is not None else ""

    def _check_version(self, root: Mapping) -> None:
        value = root.get("version")
        if value is not None and self._setting("version", value).text != VERSION:
            raise self._error(value.mark, f"unknown version; this release reads {VERSION}")

    def _check_keys(self, node: Mapping, known: Iterable[str], *, where: str) -> None:
        known = tuple(known)
        for entry in node:
            if entry.key not in known:
                raise self._error(entry.mark, _unknown_key(entry, known, where))

    def _refuse_manifest(self, root: Mapping) -> None:
        if "apiVersion" in root and "kind" in root:
            raise self._error(
                root.key_mark("kind"),
                f"a Kubernetes manifest, no config file; run it with: dynamo up {self._file}",
            )

    def _error(self, mark: Mark, reason: str) -> UsageError:
        return UsageError(f"{place(self._file, mark)}{reason}")


def _unknown_key(entry: Entry, known: tuple[str, ...], where: str) -> str:
    what = f'unknown key "{entry.key}"' + (f" in {where}" if where else "")
    if entry.key[:1].isupper() and isinstance(entry.value, Mapping):
        return (
            f"{what}; a service of a retired graph config is now an entry of components: "
            "(docs/migration.md#config-files)"
        )
    if entry.key in RUN_KEYS and "components" in known:
        return f"{what}; it belongs to one of the components"
    meant = OTHER_WORDS.get(entry.key)
    found = meant if meant in known else nearest(entry.key, known)
    return what + (f'; did you mean "{found}"?' if found else f"; known: {', '.join(known)}")
