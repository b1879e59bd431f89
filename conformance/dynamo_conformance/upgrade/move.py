"""Moves: a component on its way from the release of its image to the target's."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from dynamo_conformance.engines import catalog, image_release
from dynamo_conformance.engines.commandline import command_line, environment_of
from dynamo_conformance.engines.releases import Release, Ways, known, nearest, ways
from dynamo_conformance.manifest.node import NOWHERE
from dynamo_conformance.upgrade.text_edits import Insert, Remove, Replace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dynamo_conformance.engines.catalog import Arguments, Catalog
    from dynamo_conformance.engines.commandline import CommandLine
    from dynamo_conformance.manifest.graph import Component, EnvVar, Graph, Word
    from dynamo_conformance.manifest.node import Mark
    from dynamo_conformance.upgrade.text_edits import Edit


def release_of(component: Component) -> Release | None:
    """Return the release that a component runs, as its override or its image's tag says."""
    judged = image_release.release_of(component)
    if not judged.said:
        return None
    return Release.parse(judged.numbers or "") or judged.known


def changed_in(holds: Callable[[Release], bool], new: Release) -> Release | None:
    """Return the first release since which something no longer holds, up to `new`.

    None when it holds there, or when it never did in a known release.
    """
    after: Release | None = None
    for release in reversed([each for each in known() if each <= nearest(new)]):
        if holds(release):
            return after
        after = release
    return None


def said(release: Release | None) -> str:
    """Return a release as reports name it."""
    return f"Dynamo {release}" if release is not None else ""


@dataclass(frozen=True)
class Move:
    """One component with the releases that it moves between.

    Attributes:
        component: The component.
        graph: Its graph.
        old: The release that it comes from.
        new: The release that it goes to.
    """

    component: Component
    graph: Graph
    old: Release
    new: Release

    @property
    def name(self) -> str:
        """The component as messages call it."""
        return f'component "{self.component.name}"'

    @cached_property
    def command(self) -> CommandLine | None:
        """The module that it starts, with its words, or None."""
        main = self.component.main
        if main is None:
            return None
        environment = environment_of(main, self.graph.env, self.graph.config_maps)
        return command_line(self.component, environment)

    @property
    def module(self) -> str:
        """The module that it starts, or an empty string."""
        return self.command.module if self.command is not None else ""

    @cached_property
    def env(self) -> dict[str, EnvVar]:
        """Its variables, the graph's own beneath them."""
        own = self.component.main.env if self.component.main is not None else ()
        return {variable.name: variable for variable in (*self.graph.env, *own)}

    @property
    def old_ways(self) -> Ways:
        """How the release that it comes from does things."""
        return ways(self.old)

    @property
    def new_ways(self) -> Ways:
        """How the release that it goes to does things."""
        return ways(self.new)

    @cached_property
    def old_catalog(self) -> Catalog | None:
        """What its module takes where it comes from, or None when that is not known."""
        return catalog_of(self.module, self.old)

    @cached_property
    def new_catalog(self) -> Catalog | None:
        """What its module takes where it goes to, or None when that is not known."""
        return catalog_of(self.module, self.new)

    @cached_property
    def texts(self) -> list[str]:
        """The words behind the module."""
        return self.command.texts if self.command is not None else []

    @cached_property
    def old_arguments(self) -> Arguments | None:
        """What its words give it where it comes from."""
        return self._arguments(self.old_catalog)

    def _arguments(self, known_flags: Catalog | None) -> Arguments | None:
        if known_flags is None:
            return None
        env = {
            name: f"${name}" if variable.value is None else variable.value
            for name, variable in self.env.items()
        }
        return known_flags.parse_leniently(self.texts, env=env)

    def value(self, flag: str, variable: str | None = None) -> str | None:
        """Return what a flag of one word is given, or a variable; None when neither is there."""
        index = self.index_of(flag)
        if index is not None:
            _name, joined, value = self.texts[index].partition("=")
            return value if joined else next(iter(self.texts[index + 1 :]), "")
        given = self.env.get(variable) if variable is not None else None
        return given.value if given is not None else None

    def index_of(self, flag: str) -> int | None:
        """Return which word a flag is, the last of several, or None when it is not written."""
        names = [text.partition("=")[0] for text in self.texts]
        return max((index for index, name in enumerate(names) if name == flag), default=None)

    @property
    def at(self) -> Mark:
        """Where its module is written, else the component."""
        mark = self.command.at.mark if self.command is not None else NOWHERE
        return self.component.mark if mark == NOWHERE else mark

    def mark(self, flag: str) -> Mark:
        """Return where a flag is written, else the module, else the component."""
        index = self.index_of(flag)
        if self.command is None or index is None:
            return self.at
        return self.command.words[index].mark

    def rewrite(self, index: int, count: int, new: Sequence[str]) -> tuple[Edit, ...]:
        """Return the edits that put `new` in the place of `count` words from `index` on."""
        command = self.command
        if command is None or command.one_of_several:
            return ()
        if not new and count == len(command.words):
            return ()  # Without any words the operator adds its own.
        old = command.words[index : index + count]
        if any(word.file or word.many for word in old):
            return ()
        if command.through_shell:
            return self._in_script(old, new)
        if not new:
            return tuple(Remove(word.mark) for word in old)
        edits: list[Edit] = [Replace(old[0].mark, old[0].text, new[0])]
        edits += [Remove(word.mark) for word in old[1:]]
        if new[1:]:
            edits.append(Insert(old[0].mark, tuple(new[1:])))
        return tuple(edits)

    def _in_script(self, old: Sequence[Word], new: Sequence[str]) -> tuple[Edit, ...]:
        """Return the edit of a script in which the words stand with one space between."""
        written = " ".join(word.text for word in old)
        if any(shlex.quote(word.text) != word.text for word in old):
            return ()
        before = "" if new else " "
        return (Replace(old[0].mark, f"{before}{written}", shlex.join(new)),)

    def append(self, new: Sequence[str]) -> tuple[Edit, ...]:
        """Return the edits that put words behind all others."""
        command = self.command
        if command is None or command.one_of_several or not command.words:
            return ()
        last = command.words[-1]
        if last.file or last.many:
            return ()
        if not command.through_shell:
            return (Insert(last.mark, tuple(new)),)
        if shlex.quote(last.text) != last.text:
            return ()
        return (Replace(last.mark, last.text, f"{last.text} {shlex.join(new)}"),)


def catalog_of(module: str, release: Release) -> Catalog | None:
    """Return what a module of a release takes, or None when that is not known."""
    if release < known()[0]:
        return None
    try:
        return catalog.load(module, release=str(nearest(release)))
    except catalog.UnknownModule:
        return None
