"""Placement: every process of a graph where they share machines, with ports and GPUs of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dynamo_conformance.rendering.relocation import (
    SIDE_CHANNEL,
    hands_blocks_over,
    listen_ports,
    listens,
    local_ranks,
    mounted_paths,
)
from dynamo_launch.deploy.shell_text import Edit, ShellText, expression, literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_launch.deploy.component_process import ComponentProcess

HTTP, SYSTEM, EVENTS, NIXL = "DYN_HTTP_PORT", "SYSTEM_PORT", "KV_EVENTS_PORT", "NIXL_PORT"

FIRST: Final = {HTTP: 8000, SYSTEM: 8081, EVENTS: 20080, NIXL: 20096}
"""The first port of each kind unless a variable of that name says another one."""

MEANING: Final = {
    HTTP: "port of the OpenAI endpoint",
    SYSTEM: "first port of the workers' /metrics",
    EVENTS: "first port of the KV events",
    NIXL: "first port of the KV handshakes",
}

VOLUMES: Final = "VOLUMES"
"""The variable that names the folder in which volumes are folders."""

_KINDS: Final = {"DYN_HTTP_PORT": HTTP, "DYN_SYSTEM_PORT": SYSTEM, SIDE_CHANNEL: NIXL}
_TAKEN: Final = 1024
"""How many ports from the first of a kind on are left to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedProcess:
    """One process, as a script starts it.

    Attributes:
        name: The component's name; with the replica's number when there are several.
        process: What it is a copy of.
        words: Its command line.
        follower: The command line on further nodes, or None.
        env: Its environment, without secrets.
        gpus: Which GPUs of one machine it has, when they all share one.
    """

    name: str
    process: ComponentProcess
    words: tuple[ShellText, ...]
    follower: tuple[ShellText, ...] | None
    env: dict[str, ShellText]
    gpus: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessPlacement:
    """All processes of a graph, and the kinds of ports that they take.

    Attributes:
        processes: The processes, in the order of the graph.
        ports: The first port of each kind that is taken, by its variable.
        claims: Volumes that are folders below the one that VOLUMES names.
    """

    processes: tuple[PlacedProcess, ...]
    ports: dict[str, int]
    claims: tuple[str, ...]


def place_processes(processes: Iterable[ComponentProcess]) -> ProcessPlacement:
    """Return all processes with ports and GPUs of their own."""
    processes = tuple(processes)
    taken = _TakenPorts(first=dict(FIRST))
    fronts = [process.port for process in processes if process.port is not None]
    if fronts:
        taken.first[HTTP] = fronts[0]
    placed = [
        _place(process, replica, taken)
        for process in processes
        for replica in range(process.component.replicas)
    ]
    claims = {
        mount.claim for process in processes for mount in process.mounts if mount.claim is not None
    }
    return ProcessPlacement(
        processes=tuple(placed),
        ports={kind: taken.first[kind] for kind in FIRST if kind in taken.of_kinds},
        claims=tuple(sorted(claims)),
    )


@dataclass(slots=True)
class _TakenPorts:
    """The ports and GPUs that are taken so far."""

    first: dict[str, int]
    of_kinds: dict[str, int] = field(default_factory=dict)
    others: set[int] = field(default_factory=set)
    gpus: int = 0

    def of_kind(self, kind: str, span: int) -> ShellText:
        """Return the next `span` ports of a kind, as an expression of the shell."""
        at = self.of_kinds.get(kind, 0)
        self.of_kinds[kind] = at + span
        return expression(f"$(({kind} + {at}))" if at else f"${kind}")

    def other(self, wanted: int, span: int) -> ShellText:
        """Return the first `span` free ports from a number on."""
        number = wanted
        while any(self._is_taken(number + at) for at in range(span)):
            number += 1
        self.others.update(range(number, number + span))
        return literal(str(number))

    def _is_taken(self, number: int) -> bool:
        near = any(first <= number < first + _TAKEN for first in self.first.values())
        return near or number in self.others


@dataclass(slots=True)
class _Ports:
    """What one process listens on, before and after."""

    process: ComponentProcess
    env: dict[str, ShellText]
    taken: _TakenPorts
    known: dict[int, ShellText] = field(default_factory=dict)

    def own(self, port: int, span: int) -> ShellText:
        """Return what to write for a port."""
        if port not in self.known:
            kind = self._kind(port)
            self.known[port] = (
                self.taken.of_kind(kind, span) if kind else self.taken.other(port, span)
            )
        return self.known[port]

    def moved(self, words: tuple[ShellText, ...]) -> tuple[ShellText, ...]:
        """Return a command line with these ports in it."""
        edits: dict[int, list[Edit]] = {}
        for use in listen_ports([word.plain for word in words]):
            port = self.own(use.port, use.span)
            edits.setdefault(use.word, []).append(Edit(use.start, use.end, port))
        return tuple(word.edited(edits.get(at, ())) for at, word in enumerate(words))

    def _kind(self, port: int) -> str | None:
        if port == self.process.port:
            return HTTP
        for name, kind in _KINDS.items():
            if name in self.env and self.env[name].plain == str(port):
                return kind
        words = (word.plain for word in self.process.words)
        return EVENTS if any(f":{port}" in word and "://" in word for word in words) else None


def _place(process: ComponentProcess, replica: int, taken: _TakenPorts) -> PlacedProcess:
    env = dict(process.env)
    line = tuple(word.plain for word in process.words)
    if hands_blocks_over(line):
        env.setdefault(SIDE_CHANNEL, literal(str(FIRST[NIXL])))
    ports = _Ports(process=process, env=env, taken=taken)
    ranks = local_ranks(" ".join(line))
    env = {
        name: ports.own(int(value.plain), ranks if name == SIDE_CHANNEL else 1)
        if listens(name, value.plain)
        else value
        for name, value in env.items()
    }
    folders = dict(_folders(process))
    gpus = tuple(range(taken.gpus, taken.gpus + process.gpus))
    taken.gpus += process.gpus
    name = process.component.name
    return PlacedProcess(
        name=name if process.component.replicas == 1 else f"{name}_{replica}",
        process=process,
        words=_with_folders(ports.moved(process.words), folders),
        follower=_with_folders(ports.moved(process.follower), folders)
        if process.follower
        else None,
        env=dict(zip(env, _with_folders(env.values(), folders), strict=True)),
        gpus=gpus,
    )


def _folders(process: ComponentProcess) -> Iterator[tuple[str, ShellText]]:
    """Yield what stands for each mounted path."""
    for mount in process.mounts:
        if mount.claim is not None:
            yield mount.path, ShellText((*expression(f"${VOLUMES}").pieces, f"/{mount.claim}"))
        elif mount.folder is not None:
            yield mount.path, literal(mount.folder)


def _with_folders(
    texts: Iterable[ShellText], folders: dict[str, ShellText]
) -> tuple[ShellText, ...]:
    """Return texts with each mounted path replaced by the folder that stands for it."""
    return tuple(
        text.edited(
            Edit(use.start, use.end, folders[use.mount])
            for use in mounted_paths(text.plain, folders)
        )
        for text in texts
    )
