"""The files of catalogs: whole for the newest release, what differs for the older ones.

`data/flags/<module>-<release>.json` is what a module of a release takes. The newest release's file
holds every flag. An older one names its `base`, the next newer release that has the module, and its
`flags` are those of Dynamo alone: a flag that is written out, or `[first, last]`, a run of the
base's flags as they are (counted from 0, both included). What an engine itself takes is in
`data/flags/engines/<engine>-<version>.json` in the same way, and joined to each release that pins
that version; the newest version's flags are those in the newest release's catalog.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, TypedDict, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dynamo_conformance.engines.flag import FlagData

NEWEST = "1.6.1"
FOLDER = Path(__file__).parent / "data" / "flags"
_ENGINES = FOLDER / "engines"
ENGINE = "engine"
"""The owner of an engine's flags, and of the stage that reads them."""


class StageData(TypedDict):
    """One parser of a module, as a file holds it."""

    owner: str
    style: str
    abbreviations: bool
    strict: bool


class EngineData(TypedDict):
    """An engine and its version."""

    name: str
    version: str


class PassesOnData(TypedDict):
    """A setting, and its values with which unknown words go to another parser."""

    dest: str
    values: list[str]


class CatalogData(TypedDict):
    """A catalog's file; `base` and the runs among the flags are gone from what `read` returns."""

    module: str
    release: str
    base: NotRequired[str]
    engine: EngineData | None
    source: list[str]
    date: str
    unknown_flag_exit: int
    stages: list[StageData]
    flags: list[FlagData]
    unknown_words: NotRequired[str]
    passes_on: NotRequired[PassesOnData]
    patterns: NotRequired[list[str]]
    expansions: NotRequired[dict[str, list[str]]]
    config_files: NotRequired[list[str]]
    engine_known: NotRequired[bool]


class EngineFile(TypedDict):
    """What one version of an engine takes, as far as it differs from version `base`.

    `stand_ins` is what was not there when its own parser was built, and `style` how that reads.
    """

    engine: str
    version: str
    base: str
    source: list[str]
    date: str
    stand_ins: NotRequired[list[str]]
    style: str
    flags: list[FlagData]
    kv_connectors: NotRequired[list[str]]
    ec_connectors: NotRequired[list[str]]


@cache
def modules(release: str) -> tuple[str, ...]:
    """Return the modules that have a catalog in `release`."""
    suffix = f"-{release}.json"
    names = (path.name.removesuffix(suffix) for path in FOLDER.glob(f"*{suffix}"))
    return tuple(f"dynamo.{name}" for name in sorted(names))


@cache
def releases(module: str) -> tuple[str, ...]:
    """Return the releases that have a catalog of `module`, oldest first."""
    beginning = f"{_short(module)}-"
    names = (path.stem.removeprefix(beginning) for path in FOLDER.glob(f"{beginning}*.json"))
    return tuple(sorted(names, key=numbers))


def numbers(release: str) -> tuple[int, ...]:
    """Return the numbers of a release or minor release, which order as releases do."""
    return tuple(int(number) for number in release.split("."))


def read(module: str, release: str) -> CatalogData:
    """Return all that is known of a module of a release, its engine's flags included.

    `engine_known` is false where the engine's flags are not known in the version that the release
    pins: those of the nearest newer version that is known stand in.

    Raises:
        OSError: the release has no catalog of the module.
    """
    if release == NEWEST:
        return _parsed(module, release)
    data = _file(module, release)
    flags, known = _own(module, release), True
    stage = next((at for at, stage in enumerate(data["stages"]) if stage["owner"] == ENGINE), None)
    if stage is not None and data["engine"] is not None:
        rows = engine_rows(**data["engine"])
        known = rows is not None
        if rows is None:
            rows = _nearest_rows(module, release)
        flags = [*flags, *(row | {"stage": stage} for row in rows)]
        engine = engine_file(**data["engine"])
        if engine is not None:
            stages = _styled(data["stages"], engine["style"])
            data = data | {"stages": stages, "source": [*data["source"], *engine["source"]]}
    return data | {"flags": flags, "engine_known": known}


def engine_of(module: str, release: str) -> EngineData | None:
    """Return the engine that a module of a release runs, with the version that is pinned."""
    return _file(module, release)["engine"]


def engine_rows(name: str, version: str) -> list[FlagData] | None:
    """Return the flags that an engine itself takes in `version`, or None where nobody knows."""
    newest = _file(f"dynamo.{name}", NEWEST)
    if newest["engine"] == {"name": name, "version": version}:
        return [flag for flag in newest["flags"] if flag["owner"] == ENGINE]
    data = engine_file(name, version)
    if data is None:
        return None
    return joined(data["flags"], base=engine_rows(name, data["base"]) or [])


@cache
def engine_file(name: str, version: str) -> EngineFile | None:
    """Return the file of an older version of an engine, or None where there is none."""
    path = _ENGINES / f"{name}-{version}.json"
    if not path.exists():
        return None
    return cast("EngineFile", json.loads(path.read_text(encoding="utf-8")))


def joined(flags: Sequence[FlagData | list[int]], *, base: Sequence[FlagData]) -> list[FlagData]:
    """Return the flags with each run of the base's written out."""
    rows: list[FlagData] = []
    for flag in flags:
        rows += base[flag[0] : flag[1] + 1] if isinstance(flag, list) else [flag]
    return rows


def _styled(stages: list[StageData], style: str) -> list[StageData]:
    """Return the stages, the engine's with the style that its version has."""
    return [stage | {"style": style} if stage["owner"] == ENGINE else stage for stage in stages]


def _nearest_rows(module: str, release: str) -> list[FlagData]:
    for newer in releases(module)[releases(module).index(release) + 1 :]:
        engine = _file(module, newer)["engine"]
        rows = engine_rows(**engine) if engine is not None else None
        if rows is not None:
            return rows
    return []


def _own(module: str, release: str) -> list[FlagData]:
    """Return the flags that are not the engine's."""
    data = _file(module, release)
    if release == NEWEST:
        return [flag for flag in data["flags"] if flag["owner"] != ENGINE]
    base = data.get("base")
    return joined(data["flags"], base=_own(module, base) if base else [])


@cache
def _file(module: str, release: str) -> CatalogData:
    """As `_parsed`, and kept: older releases share the newer ones' flags."""
    return _parsed(module, release)


def _parsed(module: str, release: str) -> CatalogData:
    path = FOLDER / f"{_short(module)}-{release}.json"
    return cast("CatalogData", json.loads(path.read_text(encoding="utf-8")))


def _short(module: str) -> str:
    return module.removeprefix("dynamo.")
