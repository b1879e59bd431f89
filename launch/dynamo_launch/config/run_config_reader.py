"""Reading what one component is started with, from wherever parts of it are written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.node import Mapping, Scalar, Sequence
from dynamo_launch.config.keys import ARGS_KEYS, RUN_KEYS, unknown_key
from dynamo_launch.config.run_config import Option, RunConfig, Setting, Wiring
from dynamo_launch.config.wiring import SIDES, refuse_near_side, split_side, wire
from dynamo_launch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.manifest.node import Mark, Node
    from dynamo_launch.config.run_config import ConfigSource

SERVE = ("dynamo", "serve")
"""The command of a component that names none."""

PLANNER = "planner"

_OWN_MEANING = ("task", "model")
"""Keys that only Dynamo's own components understand."""


def read_run(sources: Iterable[ConfigSource]) -> RunConfig:
    """Return what a component is started with.

    Args:
        sources: The mappings that describe it, each with its run config in `run_config` or beside.

    Raises:
        UsageError: Something in them is wrong, or two of them contradict each other.
    """
    sources = tuple(sources)
    reading = _Reading(command=_command(sources))
    for source in sources:
        reading.add(source)
        run = source.node.get("run_config")
        if isinstance(run, Mapping):
            check_keys(source, run, RUN_KEYS, where="run_config")
            reading.add(replace(source, node=run))
        elif run is not None:
            text = f"run_config is a mapping of {', '.join(RUN_KEYS)}"
            raise source.error(run.mark, text)
    for source in sources:
        reading.add_role(source)
    return RunConfig(
        name=next((text for source in sources if (text := setting_text(source, "name"))), ""),
        wiring=reading.wiring,
        command=reading.command,
        args=tuple(reading.args),
        options=tuple(reading.options.values()),
    )


def setting(source: ConfigSource, key: str, value: Node) -> Setting:
    """Return a value as one word.

    Raises:
        UsageError: It is none.
    """
    if not isinstance(value, Scalar) or value.value is None:
        raise source.error(value.mark, f"{key} takes one word")
    return Setting(value.text, source.file, value.mark)


def setting_text(source: ConfigSource, key: str) -> str:
    """Return the word under a key, or an empty string."""
    value = source.node.get(key)
    return setting(source, key, value).text if value is not None else ""


def check_keys(source: ConfigSource, node: Mapping, known: Iterable[str], *, where: str) -> None:
    """Refuse keys that are not known.

    Raises:
        UsageError: For the first of them, with the nearest right word.
    """
    known = tuple(known)
    for entry in node:
        if entry.key not in known:
            raise source.error(entry.mark, unknown_key(entry, known, where))


@dataclass(slots=True)
class _Reading:
    """What the sources have set so far."""

    command: tuple[Setting, ...]
    wiring: Wiring = field(default_factory=Wiring)
    args: list[Setting] = field(default_factory=list)
    options: dict[str, Option] = field(default_factory=dict)

    def add(self, source: ConfigSource) -> None:
        """Take in what a component or its run_config says."""
        args = source.node.get("args")
        if self.command:
            self.args += _raw(source, args)
            self._refuse_wiring(source)
        else:
            for key, word in _args(source, args):
                self._wire(key, word)
        for key in ("engine", "task", "model", "component"):
            value = source.node.get(key)
            if value is not None:
                self._wire(key, setting(source, key, value))
        self._add_options(source)

    def add_role(self, source: ConfigSource) -> None:
        """Take a role for the task where that is what it means."""
        role = source.node.get("role")
        if role is None or self.command or self.wiring.component is not None:
            return
        word = setting(source, "role", role)
        if word.text == PLANNER:
            text = "serve starts no planner; write its command, cmd: [python3, -m, dynamo.planner]"
            raise UsageError(f"{text}", at=word)
        self._wire("task", word)

    def _wire(self, key: str, word: Setting) -> None:
        if key == "model":
            refuse_near_side(word)
        self.wiring = wire(self.wiring, key, word)

    def _refuse_wiring(self, source: ConfigSource) -> None:
        for key in (*_OWN_MEANING, "component"):
            if key in source.node:
                mark = source.node.key_mark(key)
                text = f"{key} means nothing to a command of your own; write it under args"
                raise source.error(mark, text)

    def _add_options(self, source: ConfigSource) -> None:
        node = source.node.get("options")
        if node is None or (isinstance(node, Scalar) and node.value is None):
            return
        if not isinstance(node, Mapping):
            text = "options is a mapping of option names to values"
            raise source.error(node.mark, text)
        for entry in node:
            before = self.options.get(entry.key)
            if before is not None:
                there = "" if before.file == source.file else f" of {before.file}"
                text = f'option "{entry.key}" is already set in line {before.mark.line}{there}'
                raise source.error(entry.mark, text)
            self.options[entry.key] = Option(entry.key, entry.value, source.file, entry.mark)


def _command(sources: tuple[ConfigSource, ...]) -> tuple[Setting, ...]:
    """Return the program of a component's own and its first words; nothing for `dynamo serve`."""
    for source in sources:
        node = source.node.get("cmd")
        if node is None:
            continue
        if not isinstance(node, Sequence):
            text = "cmd is a list of words, such as [python3, -m, a.b]"
            raise source.error(node.mark, text)
        words = tuple(setting(source, "a word of cmd", item) for item in node)
        texts = tuple(word.text for word in words)
        if words and texts != SERVE:
            _refuse_joined(words[0])
            _refuse_retired(words)
            return words
    return ()


def _refuse_joined(word: Setting) -> None:
    """Refuse a program with a space in it: no shell splits the words."""
    pieces = word.text.split()
    if len(pieces) > 1:
        text = f'no program is called "{word.text}"; write [{", ".join(pieces)}]'
        raise UsageError(f"{text}", at=word)


def _refuse_retired(words: tuple[Setting, ...]) -> None:
    """Refuse other commands of `dynamo`: no image has them, and `serve` takes no words of cmd."""
    if words[0].text == SERVE[0]:
        line = " ".join(word.text for word in words)
        text = f'cmd is "{line}"; write [dynamo, serve], or leave it out, and its words under args'
        raise UsageError(text, at=words[0])


def _raw(source: ConfigSource, args: Node | None) -> Iterator[Setting]:
    """Yield words for a command of one's own: as they are, or `key=value`."""
    if isinstance(args, Sequence):
        yield from (setting(source, "a word of args", item) for item in args)
    elif isinstance(args, Mapping):
        for entry in args:
            word = setting(source, entry.key, entry.value)
            yield replace(word, text=f"{entry.key}={word.text}")
    elif args is not None and args != Scalar(None):
        raise _no_args(source, args.mark)


def _args(source: ConfigSource, args: Node | None) -> Iterator[tuple[str, Setting]]:
    if args is None or (isinstance(args, Scalar) and args.value is None):
        return
    if isinstance(args, Mapping):
        check_keys(source, args, ARGS_KEYS, where="args")
        for entry in args:
            yield SIDES.get(entry.key, entry.key), setting(source, entry.key, entry.value)
    elif isinstance(args, Sequence):
        yield from (_arg(source, item) for item in args)
    else:
        raise _no_args(source, args.mark)


def _no_args(source: ConfigSource, mark: Mark) -> UsageError:
    text = "args is a list like [in=dyn, out=vllm], or a mapping"
    return source.error(mark, text)


def _arg(source: ConfigSource, node: Node) -> tuple[str, Setting]:
    word = setting(source, "a word of args", node)
    side = split_side(word.text)
    if side is not None:
        return side[0], replace(word, text=side[1])
    if word.text.startswith("-"):
        raise UsageError(f'"{word.text}" does not belong here; use options:', at=word)
    return "model", word
