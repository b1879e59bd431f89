"""Catalogs: what each Dynamo module of one release accepts on its command line.

The files in `data/flags` (`catalog_files.py`) are made by `tools/flags.py` and
`tools/release_flags.py` from the parsers of the installed packages.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple, NotRequired, TypedDict

from dynamo_conformance.engines import catalog_files, leftovers
from dynamo_conformance.engines.arguments import Arguments, Given, UnknownSetting
from dynamo_conformance.engines.catalog_files import ENGINE, FOLDER, NEWEST, StageData, numbers
from dynamo_conformance.engines.fault import Later, Removed, UsageFault
from dynamo_conformance.engines.flag import Flag
from dynamo_conformance.engines.flexible_parser import Token
from dynamo_conformance.engines.parsing import Stage, read, unexpanded
from dynamo_conformance.manifest.suggest import did_you_mean, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = [
    "Arguments",
    "Catalog",
    "Flag",
    "Given",
    "Later",
    "Removed",
    "UnknownModule",
    "UnknownSetting",
    "UsageFault",
    "load",
    "modules",
    "releases",
]

_MOST_UNKNOWN = 100
"""More unknown words than that are no command line."""

_FEW_WORDS, _MOST_KEPT = 256, 256
"""Which command lines are kept, and how many: longer ones are not repeated."""

_LIKENESS = 0.72
"""Engines have hundreds of flags: of so many, some always looks a little like any other word."""

RELEASE = NEWEST
_NO_ENV: Mapping[str, str] = {}


class UnknownModule(LookupError):  # noqa: N818 - says what is unknown
    """A module that has no catalog in that release."""


class _RemovedData(TypedDict):
    module: str
    flag: str
    gone_by: str
    instead: str | None
    parses: NotRequired[bool]


class _RemovedFile(TypedDict):
    removed: list[_RemovedData]


class _ElsewhereData(TypedDict):
    module: str
    flag: str
    of: str
    instead: str | None


class _ElsewhereFile(TypedDict):
    elsewhere: list[_ElsewhereData]
    alike: list[dict[str, str]]


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """What one runnable module of one release accepts.

    Attributes:
        module: The module, such as `dynamo.vllm`.
        release: The Dynamo release.
        engine_name: The engine it wraps, or None.
        engine_version: That engine's version, or None.
        source: The packages the flags were read from, with their versions.
        date: The day they were read, YYYY-MM-DD.
        flags: Every flag.
        unknown_flag_exit: The process's exit code after a flag that nobody knows.
        stages: The module's parsers, in the order in which they see the words.
        settings: The flags by dest.
        removed: Flags of earlier releases and of other programs, by spelling.
        unknown_words: How the module words its refusal of what no parser takes: as argparse does,
            `logged` as the frontend does, or `dynamic` as TensorRT-LLM's dotted flags have it.
        patterns: Beginnings of flags that take one word and are in no list.
        expansions: Spellings that the module replaces by others before it parses.
        passes_on: A dest and its values with which unknown words go to a parser not known here.
        config_files: Flags that name a file with more settings, so that none can be missing.
        engine_known: Whether the engine's own flags are known in this version. Where they are not,
            those of a newer version stand in, and nothing is refused that may be the engine's.
    """

    module: str
    release: str
    engine_name: str | None
    engine_version: str | None
    source: tuple[str, ...]
    date: str
    flags: tuple[Flag, ...]
    unknown_flag_exit: int
    stages: tuple[Stage, ...]
    settings: Mapping[str, tuple[Flag, ...]]
    removed: Mapping[str, Removed]
    unknown_words: str
    patterns: tuple[str, ...]
    expansions: Mapping[str, tuple[str, ...]]
    passes_on: tuple[str, frozenset[str]] | None
    config_files: tuple[str, ...]
    engine_known: bool

    def flag(self, name: str) -> Flag | None:
        """Return the flag that the module takes `name` for, or None.

        Any spelling does, and what the module's parsers make of it counts: abbreviations, and for
        vLLM underscores and dotted keys.
        """
        for stage in self.stages:
            known = stage.find(name)
            if known is not None:
                return known
        return None

    def parse(
        self, words: Sequence[str], *, env: Mapping[str, str] = _NO_ENV, lenient: bool = False
    ) -> Arguments:
        """Return what the words and the environment give the module.

        Args:
            words: What follows `python3 -m MODULE`.
            env: The module's environment.
            lenient: Whether values with `$` in them, which a shell or kubelet has yet to expand,
                pass every check.

        Raises:
            UsageFault: the first that the module itself would report.
        """
        parsed = self._read(words, env=env, lenient=lenient)
        if parsed.faults:
            raise parsed.faults[0]
        if parsed.unknown:
            # A linter wants a fault per flag; the module reports them in one line.
            first = parsed.unknown[0]
            tokens = [token for run in parsed.unknown for token in run]
            raise self._unknown_fault(first, said=tokens)
        return parsed.arguments

    def parse_leniently(
        self, words: Sequence[str], *, env: Mapping[str, str] = _NO_ENV
    ) -> Arguments:
        """Return what can be made of the words, whatever is wrong with them."""
        return self._read(words, env=env, lenient=True).arguments

    def faults(self, words: Sequence[str], *, lenient: bool = False) -> list[UsageFault]:
        """Return everything about the words that ends the module at start, by position.

        That is more than `parse` raises: flags that still parse, and that the worker then refuses,
        are among them.
        """
        parsed = self._read(words, env=_NO_ENV, lenient=lenient)
        refused = [
            UsageFault(
                f"{given.spelling} is refused at start",
                index=given.index,
                flag=given.flag,
                removed=self.removed[given.spelling],
            )
            for given in parsed.arguments.given
            if given.spelling in self.removed
        ]
        # The nearest flag of each takes its time to find.
        unknown = [self._unknown_fault(run, said=run) for run in parsed.unknown[:_MOST_UNKNOWN]]
        return sorted([*parsed.faults, *unknown, *refused], key=lambda fault: fault.index)

    def _read(self, words: Sequence[str], *, env: Mapping[str, str], lenient: bool) -> _Parsed:
        staged = (self._kept if len(words) <= _FEW_WORDS else self._staged)(tuple(words), lenient)
        given, faults, tokens = staged.given, list(staged.faults), list(staged.rest)
        if staged.exits:
            return _Parsed(self._arguments(given, [], env), faults, [])
        if not (lenient and any(unexpanded(token.text) for token in tokens)):
            faults += self._missing(given, count=len(words))
        tokens, dotted, wrong = leftovers.take_dynamic(tokens, self.patterns)
        faults += wrong
        arguments = replace(
            self._arguments(given, tokens, env), dotted=dotted, open=_is_open(given, tokens)
        )
        if self._goes_elsewhere(arguments):
            tokens = []
        unknown = leftovers.runs(tokens, lenient=lenient)
        if not self.engine_known:
            arguments = replace(arguments, open=arguments.open or bool(unknown))
            unknown = [run for run in unknown if self._is_dynamos(run[0].text, given)]
        return _Parsed(arguments, faults, unknown)

    @cached_property
    def _kept(self) -> Callable[[tuple[str, ...], bool], _Staged]:
        """As `_staged`: rules ask several times, and twins of a file once more."""
        return lru_cache(maxsize=_MOST_KEPT)(self._staged)

    def _staged(self, words: tuple[str, ...], lenient: bool) -> _Staged:  # noqa: FBT001 - a key
        """Return what the parsers take."""
        tokens = self._expanded(words)
        given: list[Given] = []
        faults: list[UsageFault] = []
        exits = False
        for stage in self.stages:
            reading = read(stage, tokens, lenient=lenient)
            given += reading.given
            faults += [
                fault for fault in reading.faults if self.engine_known or _is_known(fault, stage)
            ]
            tokens, exits = reading.rest, reading.exits
            if exits:
                break
        return _Staged(tuple(given), tuple(faults), tuple(tokens), exits)

    def _expanded(self, words: Sequence[str]) -> list[Token]:
        return [
            Token(text, index)
            for index, word in enumerate(words)
            for text in self.expansions.get(word.partition("=")[0], (word,))
        ]

    def _arguments(
        self, given: Sequence[Given], rest: Sequence[Token], env: Mapping[str, str]
    ) -> Arguments:
        return Arguments(
            module=self.module,
            given=tuple(given),
            positionals=tuple(token.text for token in rest if not token.text.startswith("-")),
            settings=self.settings,
            env=env,
        )

    def _missing(self, given: Sequence[Given], *, count: int) -> Iterator[UsageFault]:
        used = {name for use in given for name in use.flag.names}
        if not used.isdisjoint(self.config_files):
            return
        missing = [flag for flag in self.flags if flag.required and used.isdisjoint(flag.names)]
        if missing:
            labels = ", ".join(flag.label for flag in missing)
            yield UsageFault(
                f"the following arguments are required: {labels}", index=count, flag=missing[0]
            )

    def _goes_elsewhere(self, arguments: Arguments) -> bool:
        if self.passes_on is None:
            return False
        dest, values = self.passes_on
        return arguments.get(dest) in values

    def _unknown_fault(self, run: Sequence[Token], *, said: Sequence[Token]) -> UsageFault:
        name = run[0].text.partition("=")[0]
        is_flag = name.startswith("-")
        names = (spelling for flag in self.flags for spelling in flag.names)
        # What a flag means says more than how it is spelt.
        dashed = name.replace("_", "-")
        later = self._later(dashed) if is_flag and not self._is_gone(dashed) else None
        known = self._known_elsewhere(dashed) if is_flag and later is None else None
        suggests = is_flag and known is None and later is None
        return UsageFault(
            leftovers.refusal(said, style=self.unknown_words),
            index=run[0].index,
            suggestion=nearest(name, names, likeness=_LIKENESS) if suggests else None,
            removed=known,
            later=later,
        )

    def _later(self, name: str) -> Later | None:
        """Return the first later release in which the module is known to have the flag."""
        for release in catalog_files.releases(self.module):
            if numbers(release) > numbers(self.release):
                later = load(self.module, release=release)
                known = self.engine_known and later.engine_known
                flags = (flag for flag in later.flags if name in flag.names)
                if any(known or flag.owner != ENGINE for flag in flags):
                    return Later(flag=name, since=release.rpartition(".")[0])
        return None

    def _is_dynamos(self, word: str, given: Sequence[Given]) -> bool:
        """Whether a word that is left is none that an engine might know.

        It is a flag of Dynamo's own in an earlier or later release, or no flag and no engine's
        flag is there to take it.
        """
        if not word.startswith("-") or word[1:2].isdecimal():
            return all(use.flag.owner != ENGINE for use in given)
        name = word.partition("=")[0].replace("_", "-")
        return self._is_gone(name) or self._later(name) is not None

    def _is_gone(self, name: str) -> bool:
        """Whether an earlier release had the flag."""
        known = self.removed.get(name)
        return known is not None and known.gone_by is not None

    def _known_elsewhere(self, name: str) -> Removed | None:
        """Return what is known of a flag that the module does not have."""
        if name in self.removed:
            return self.removed[name]
        others = [module for module in modules(release=self.release) if module != self.module]
        owners = [
            other
            for other in others
            if any(name in flag.names for flag in load(other, release=self.release).flags)
        ]
        # The mocker takes many flags under the names that vLLM's have.
        named = [owner for owner in owners if owner != "dynamo.mocker"] or owners
        return Removed(flag=name, of=" and ".join(named), instead=None) if named else None


def _is_known(fault: UsageFault, stage: Stage) -> bool:
    """Whether the flags of an engine that is not known have no part in what is wrong."""
    return stage.owner != ENGINE or (fault.flag is not None and fault.flag.owner != ENGINE)


def _is_open(given: Sequence[Given], rest: Sequence[Token]) -> bool:
    """Whether a word that is not known yet may turn out to be a flag."""
    values = (word for use in given if use.flag.takes != "one" for word in use.values)
    return any(map(unexpanded, (*values, *(token.text for token in rest))))


class _Staged(NamedTuple):
    """What the parsers of a module made of words: flags, faults, what is left, whether it exits."""

    given: tuple[Given, ...]
    faults: tuple[UsageFault, ...]
    rest: tuple[Token, ...]
    exits: bool


class _Parsed(NamedTuple):
    """What a command line is: arguments, what its parsers refuse, and what none of them knows."""

    arguments: Arguments
    faults: list[UsageFault]
    unknown: list[list[Token]]


def releases() -> tuple[str, ...]:
    """Return the releases that have catalogs, oldest first."""
    return catalog_files.releases("dynamo.frontend")


@cache
def modules(*, release: str = RELEASE) -> tuple[str, ...]:
    """Return the modules that have a catalog in `release`."""
    return catalog_files.modules(release)


@cache
def load(module: str, *, release: str = RELEASE) -> Catalog:
    """Return the catalog of a module.

    Args:
        module: The module, such as `dynamo.vllm`.
        release: The Dynamo release; one of those that have catalogs.

    Raises:
        UnknownModule: when there is none, with the nearest module that has one.
    """
    known = modules(release=release)
    if module not in known:
        raise UnknownModule(
            f"no flags are known of {module} {release}{did_you_mean(module, known)}"
        )
    data = catalog_files.read(module, release)
    flags = tuple(Flag.from_data(entry) for entry in data["flags"])
    engine = data["engine"]
    passes_on = data.get("passes_on")
    return Catalog(
        module=data["module"],
        release=data["release"],
        engine_name=engine["name"] if engine else None,
        engine_version=engine["version"] if engine else None,
        source=tuple(data["source"]),
        date=data["date"],
        flags=flags,
        unknown_flag_exit=data["unknown_flag_exit"],
        stages=tuple(
            _stage(stage, [flag for flag in flags if flag.stage == index])
            for index, stage in enumerate(data["stages"])
        ),
        settings=_by_dest(flags),
        removed=_removed(module, flags, release=release),
        unknown_words=data.get("unknown_words", "argparse"),
        patterns=tuple(data.get("patterns", ())),
        expansions={name: tuple(to) for name, to in data.get("expansions", {}).items()},
        passes_on=(passes_on["dest"], frozenset(passes_on["values"])) if passes_on else None,
        config_files=tuple(data.get("config_files", ())),
        engine_known=data.get("engine_known", True),
    )


def _stage(data: StageData, flags: Sequence[Flag]) -> Stage:
    return Stage(
        owner=data["owner"],
        style=data["style"],
        abbreviations=data["abbreviations"],
        strict=data["strict"],
        flags={name: flag for flag in flags for name in flag.names},
        ordered=tuple(sorted(name for flag in flags for name in flag.names)),
    )


def _by_dest(flags: Sequence[Flag]) -> Mapping[str, tuple[Flag, ...]]:
    by_dest: dict[str, tuple[Flag, ...]] = {}
    for flag in flags:
        by_dest[flag.dest] = (*by_dest.get(flag.dest, ()), flag)
    return by_dest


def _removed(module: str, flags: Sequence[Flag], *, release: str) -> Mapping[str, Removed]:
    """Return the flags that are known from elsewhere: alike ones, those of others, those gone."""
    elsewhere: _ElsewhereFile = json.loads((FOLDER / "elsewhere.json").read_text(encoding="utf-8"))
    gone: _RemovedFile = json.loads((FOLDER / "removed.json").read_text(encoding="utf-8"))
    own = {name for flag in flags for name in flag.names}
    minor = numbers(release)[:2]
    removed = [
        Removed(flag=flag, of=other, instead=row[module])
        for row in elsewhere["alike"]
        for other, flag in reversed(row.items())
        if module in row and flag not in own and other != module
    ]
    removed += [
        Removed(flag=entry["flag"], of=entry["of"], instead=entry["instead"])
        for entry in elsewhere["elsewhere"]
        if entry["module"] == module and entry["flag"] not in own
    ]
    removed += [
        Removed(
            flag=entry["flag"],
            gone_by=entry["gone_by"],
            instead=entry["instead"],
            parses=entry.get("parses", False),
        )
        for entry in gone["removed"]
        if entry["module"] == module
        and numbers(entry["gone_by"]) <= minor
        and (entry["flag"] in own) == entry.get("parses", False)
    ]
    if release != RELEASE:
        removed = [_of_then(entry, own, release=release) for entry in removed]
    return {entry.flag: entry for entry in removed}


def _of_then(removed: Removed, own: set[str], *, release: str) -> Removed:
    """Return what to do in a release that may not have yet what the newest has instead."""
    flag, _, home = (removed.instead or "").partition(" of ")
    there = own
    if home:
        has_it = home in catalog_files.modules(release)
        data = catalog_files.read(home, release) if has_it else None
        there = {name for flag in data["flags"] for name in flag["names"]} if data else set()
    known = all(word in there for word in flag.split() if word.startswith("--"))
    return removed if known else replace(removed, instead=None)
