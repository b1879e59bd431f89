"""Releases: which of Dynamo's are known, and how each does what others do otherwise.

`data/releases.json` is made by `tools/releases.py`: engines and modules are read from the wheels,
the ways are rows with their source, each good until a newer release has a row of the same name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import NotRequired, TypedDict

    class _RolesData(TypedDict):
        flags: dict[str, str]
        mode: str | None
        words: dict[str, str]
        default: str
        decode_unsaid: bool
        refused: dict[str, str]
        exclusive: NotRequired[bool]
        deprecated: NotRequired[bool]

    class _SystemPortData(TypedDict):
        variable: str
        enabled_by: str | None
        frontend: bool

    class _BackendData(TypedDict):
        flag: str | None
        variable: str | None
        default: str | None
        choices: list[str]

    class _ReleaseData(TypedDict):
        engines: dict[str, str]
        modules: list[str]

    class _RowData(TypedDict):
        what: str
        since: str
        value: object

    class _FileData(TypedDict):
        date: str
        studied: str
        releases: dict[str, _ReleaseData]
        ways: list[_RowData]


_DATA = Path(__file__).parent / "data" / "releases.json"
_LONGEST = 6
"""Digits of one number of a release."""


class Release(NamedTuple):
    """A release of Dynamo; releases are ordered as they came out."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        """Return it as X.Y.Z."""
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def line(self) -> tuple[int, int]:
        """The major and minor number: what patch releases have in common."""
        return self.major, self.minor

    @classmethod
    def parse(cls, text: str) -> Release | None:
        """Return the release that `text` is, X.Y.Z or vX.Y.Z, or None."""
        numbers = text.strip().removeprefix("v").removeprefix("V").split(".")
        if len(numbers) != len(cls._fields) or not all(map(_is_number, numbers)):
            return None
        return cls(*map(int, numbers))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _LONGEST


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class RoleWays:
    """How the worker of one module is told its role: `agg`, `prefill`, `decode` or `encode`.

    Attributes:
        flags: Flags without a value, and the role that each gives.
        mode: The flag that takes the role as a word, or None.
        words: Its words, and the role that each gives.
        default: The role of a worker that says none.
        decode_unsaid: Whether a worker that says none is a full decode worker too.
        refused: Words of `mode` that are refused at start, with what is meant now.
        exclusive: Whether the flags end the worker next to each other or next to `mode`.
        deprecated: Whether the flags are on their way out.
    """

    flags: Mapping[str, str]
    mode: str | None
    words: Mapping[str, str]
    default: str
    decode_unsaid: bool
    refused: Mapping[str, str]
    exclusive: bool = False
    deprecated: bool = False

    def told(self, role: str) -> str | None:
        """Return the words that give a worker the role, or None where none do."""
        if self.mode is not None:
            word = next((word for word, given in self.words.items() if given == role), None)
            return f"{self.mode} {word}" if word is not None else None
        return next((flag for flag, given in self.flags.items() if given == role), None)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Backend:
    """How a release is told what carries discovery, requests, answers or events.

    Attributes:
        flag: The flag, or None where there is none.
        variable: The environment variable, or None.
        default: What Dynamo's Python takes where neither is given; None where the runtime decides
            or its default is not known.
        choices: What there is to choose from.
    """

    flag: str | None
    variable: str | None
    default: str | None
    choices: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class SystemPort:
    """The port on which a process tells its health and metrics.

    Attributes:
        variable: The environment variable with its number.
        enabled_by: The variable that has to be `true` besides, or None.
        frontend: Whether the frontend opens one too.
    """

    variable: str
    enabled_by: str | None
    frontend: bool


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Ways:
    """How one release does things.

    Attributes:
        release: The release.
        date: The day on which it was read, YYYY-MM-DD.
        engines: The version of each engine that it pins, by `vllm`, `sglang`, `trtllm`.
        modules: The packages that `python3 -m` starts; single files with a main guard are not in.
        roles: How workers are told their role, by module.
        kv_connector: What vLLM's prefill and decode workers use where nothing says it, or None.
        connector_flag: What vLLM's worker makes of `--connector`: `none` (it has no such flag),
            `taken` or `refused`.
        kv_config: What it makes of `--kv-transfer-config`: `replaced` (by its own), `refused`,
            `beside-none` (refused without `--connector none`) or `taken`.
        prefill_needs_kv_transfer: Whether vLLM's prefill worker ends without
            `--kv-transfer-config`.
        kv_roles: The `kv_role` that a connector is usually given, by the worker's role.
        kv_events: Whether a module's workers publish KV events where nothing says it.
        kv_events_flags: The flag of each module that is about it.
        decode_publishes: Whether vLLM's decode workers publish KV events like others.
        http_port: The frontend's default port.
        system_port: The port of health and metrics.
        forward_pass_metrics: Whether vLLM's worker has a port for the metrics of forward passes.
        discovery: What processes find each other by.
        request_plane: What carries requests.
        response_plane: What carries answers.
        event_plane: What carries events.
        namespace_variable: The variable with the Dynamo namespace.
        namespace_flag: Whether workers take `--namespace`.
        planner_module: What starts the planner.
        health: The paths that the `frontend` and the system port of a `worker` answer.
    """

    release: Release
    date: str
    engines: Mapping[str, str]
    modules: frozenset[str]
    roles: Mapping[str, RoleWays]
    kv_connector: str | None
    connector_flag: str
    kv_config: str
    prefill_needs_kv_transfer: bool
    kv_roles: Mapping[str, str]
    kv_events: Mapping[str, bool]
    kv_events_flags: Mapping[str, str]
    decode_publishes: bool
    http_port: int
    system_port: SystemPort
    forward_pass_metrics: bool
    discovery: Backend
    request_plane: Backend
    response_plane: Backend
    event_plane: Backend
    namespace_variable: str
    namespace_flag: bool
    planner_module: str
    health: Mapping[str, tuple[str, ...]]


@cache
def known() -> tuple[Release, ...]:
    """Return the releases that data is there for, the newest patch of each minor, oldest first."""
    return tuple(sorted(filter(None, map(Release.parse, _data()["releases"]))))


def nearest(release: Release) -> Release:
    """Return the known release that speaks for `release`.

    It is the one of the same minor, else the next older one, else the oldest.
    """
    older = [each for each in known() if each.line <= release.line]
    return older[-1] if older else known()[0]


def is_known(release: Release) -> bool:
    """Return whether the minor of `release` is known."""
    return nearest(release).line == release.line


@cache
def ways(release: Release) -> Ways:
    """Return how a release does things; of one that is not known, how its nearest does."""
    release = nearest(release)
    data = _data()
    rows = dict(_rows(release))
    own = data["releases"][str(release)]
    roles = "roles."
    health = cast("dict[str, list[str]]", rows["health"])
    return Ways(
        release=release,
        date=data["date"],
        engines=own["engines"],
        modules=frozenset([*own["modules"], *cast("list[str]", rows["runtime_modules"])]),
        roles={
            what.removeprefix(roles): RoleWays(**cast("_RolesData", value))
            for what, value in rows.items()
            if what.startswith(roles)
        },
        kv_connector=cast("str | None", rows["kv_connector"]),
        connector_flag=cast("str", rows["connector_flag"]),
        kv_config=cast("str", rows["kv_config"]),
        prefill_needs_kv_transfer=cast("bool", rows["prefill_needs_kv_transfer"]),
        kv_roles=cast("dict[str, str]", rows["kv_roles"]),
        kv_events=cast("dict[str, bool]", rows["kv_events"]),
        kv_events_flags=cast("dict[str, str]", rows["kv_events_flags"]),
        decode_publishes=cast("bool", rows["decode_publishes"]),
        http_port=cast("int", rows["http_port"]),
        system_port=SystemPort(**cast("_SystemPortData", rows["system_port"])),
        forward_pass_metrics=cast("bool", rows["forward_pass_metrics"]),
        discovery=_backend(rows["discovery"]),
        request_plane=_backend(rows["request_plane"]),
        response_plane=_backend(rows["response_plane"]),
        event_plane=_backend(rows["event_plane"]),
        namespace_variable=cast("str", rows["namespace_variable"]),
        namespace_flag=cast("bool", rows["namespace_flag"]),
        planner_module=cast("str", rows["planner_module"]),
        health={what: tuple(paths) for what, paths in health.items()},
    )


def _backend(value: object) -> Backend:
    data = cast("_BackendData", value)
    return Backend(
        flag=data["flag"],
        variable=data["variable"],
        default=data["default"],
        choices=tuple(data["choices"]),
    )


def _rows(release: Release) -> Iterator[tuple[str, object]]:
    """Yield what holds for a release; of several rows of a name, the newest comes last."""
    for row in _data()["ways"]:
        since = Release.parse(row["since"])
        if since is not None and since.line <= release.line:
            yield row["what"], row["value"]


@cache
def _data() -> _FileData:
    return cast("_FileData", json.loads(_DATA.read_text(encoding="utf-8")))


NEWEST = known()[-1]
"""The newest known release, which manifests that name none are judged by."""

STUDIED = Release(*map(int, _data()["studied"].split(".")))
"""The release whose engines' own sources were read for what they refuse, ignore or are limited by:
of no other one anything is said that rests on that."""
