"""Moving a command line out of its pod: other listen ports, other folders for mounted paths.

Words are changed as text, so a script for a shell keeps its quotes and its expansions.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

LISTEN_VARIABLES = (
    "DYN_HTTP_PORT", "DYNAMO_PORT", "DYN_SYSTEM_PORT", "DYN_FORWARDPASS_METRIC_PORT",
    "NIXL_TELEMETRY_PROMETHEUS_PORT", "VLLM_NIXL_SIDE_CHANNEL_PORT", "DYN_TCP_RPC_PORT",
    "DYN_GRPC_METRICS_PORT", "PLANNER_PROMETHEUS_PORT", "DYN_DISAGG_BOOTSTRAP_PORT",
)  # fmt: skip
"""Variables that name a port on which a component listens."""

PROCESS_FLAGS = (
    "http-port", "grpc-metrics-port", "disaggregation-bootstrap-port", "bootstrap-ports",
    "zmq-kv-events-ports",
)  # fmt: skip
"""Flags that name a port of one process."""

GROUP_FLAGS = ("master-port", "data-parallel-rpc-port")
"""Flags that name a port on which the leader of a multinode group listens."""

SIDE_CHANNEL = "VLLM_NIXL_SIDE_CHANNEL_PORT"
"""Where vLLM hands KV blocks over; each data parallel rank takes the next port."""

_HANDSHAKES = ("dynamo.vllm", "kv-transfer-config")
"""What the command line of a vLLM worker that hands KV blocks over has in it."""

EVENTS_PORT = 5557
"""Where an engine publishes KV events when its configuration names no endpoint."""

HTTP_PORT = 8000
"""Where a frontend listens when nothing says otherwise."""

_WORD = "\x1f"
_GAP = rf"(?:=|[\s{_WORD}]+)[\"']?"


def _flag(*names: str) -> str:
    """Return the pattern of flags up to their values; dashes and underscores are the same."""
    spelt = "|".join(name.replace("-", "[-_]") for name in names)
    return rf"--(?:{spelt}){_GAP}"


_VALUE = rf"([^\s{_WORD}\"']+)"
_HTTP = re.compile(rf"{_flag('http-port')}(\d+)")
_PROCESS = re.compile(rf"({_flag(*PROCESS_FLAGS)})(\d+)")
_GROUP = re.compile(rf"({_flag(*GROUP_FLAGS)})(\d+)")
_EVENTS_FLAG = rf"{_flag('kv-events-config')}\{{"
_EVENTS = re.compile(rf"({_EVENTS_FLAG}[^}}]*?://[^:\"']*:)(\d+)")
_NO_ENDPOINT = re.compile(rf"({_EVENTS_FLAG})(?=\s*(\\?[\"'])\w)(?![^}}]*endpoint)(?=[^}}]*zmq)")
_DIST_INIT = re.compile(rf"({_flag('dist-init-addr')}[^\s:]+:)(\d+)")
_RANKS = re.compile(rf"{_flag('data-parallel-size-local')}(\d+)")
_ALL_RANKS = re.compile(rf"(?:{_flag('data-parallel-size', 'dp-size')}|-dp{_GAP})(\d+)")


class PortUse(NamedTuple):
    """A listen port that a command line names.

    Attributes:
        word: Which word names it, counted from 0.
        start: Where in the word its number starts.
        end: Where in the word its number ends.
        port: The number.
        span: How many ports from there on are taken.
        by_group: Whether it is the leader of a multinode group that listens there.
    """

    word: int
    start: int
    end: int
    port: int
    span: int
    by_group: bool


def listen_ports(words: Sequence[str]) -> tuple[PortUse, ...]:
    """Return the listen ports in a command line, those of KV events first."""
    text = _WORD.join(words)
    uses: list[PortUse] = []
    for pattern, span, by_group in (
        (_EVENTS, local_ranks(text), False),
        (_PROCESS, 1, False),
        (_GROUP, 1, True),
        (_DIST_INIT, 1, True),
    ):
        for match in pattern.finditer(text):
            place = _place(words, match.start(2), match.end(2))
            uses.append(PortUse(*place, int(match[2]), span, by_group))
    return tuple(uses)


def _place(words: Sequence[str], start: int, end: int) -> tuple[int, int, int]:
    """Return which word a part of the joined words is in, and where in it."""
    ends = tuple(accumulate(len(word) + len(_WORD) for word in words))
    word = bisect_right(ends, start)
    first = ends[word - 1] if word else 0
    return word, start - first, end - first


def _edited(words: Sequence[str], edits: Iterable[tuple[int, int, int, str]]) -> tuple[str, ...]:
    """Return words with parts of them replaced: which word, from where, to where, by what."""
    edited = list(words)
    # From the end on, so that what stands before stays where it is.
    for word, start, end, text in sorted(edits, reverse=True):
        edited[word] = edited[word][:start] + text + edited[word][end:]
    return tuple(edited)


def listens(variable: str, value: str) -> bool:
    """Whether a variable of the environment names a port on which the process listens."""
    return variable in LISTEN_VARIABLES and value.isdecimal() and int(value) > 0


def with_ports(
    words: tuple[str, ...],
    env: Mapping[str, str],
    *,
    own: Callable[[int, int], str],
    group: Callable[[int], str],
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return words and environment with other listen ports.

    Args:
        words: The command line.
        env: The environment.
        own: Is given a port of the process, and how many from there on it takes; returns what to
            write for it.
        group: Is given a port on which the leader of a multinode group listens.
    """
    span = local_ranks(_WORD.join(words))
    changed = {
        name: own(int(value), span if name == SIDE_CHANNEL else 1)
        if listens(name, value)
        else value
        for name, value in env.items()
    }
    edits = [
        (use, group(use.port) if use.by_group else own(use.port, use.span))
        for use in listen_ports(words)
    ]
    return _edited(words, ((use.word, use.start, use.end, port) for use, port in edits)), changed


def with_event_endpoint(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return words in which a configuration of KV events names the endpoint that it defaults to.

    Two engines on one machine would take the same one.
    """
    return _edited(
        words,
        (
            (
                *_place(words, match.end(1), match.end(1)),
                f"{match[2]}endpoint{match[2]}:{match[2]}tcp://*:{EVENTS_PORT}{match[2]},",
            )
            for match in _NO_ENDPOINT.finditer(_WORD.join(words))
        ),
    )


def hands_blocks_over(words: tuple[str, ...]) -> bool:
    """Whether a command line is that of a vLLM worker that listens on `SIDE_CHANNEL`."""
    line = " ".join(words).replace("_", "-")
    return all(part in line for part in _HANDSHAKES)


def with_flags(words: tuple[str, ...], values: Mapping[str, str]) -> tuple[str, ...]:
    """Return words in which flags have other values, where they are written.

    Args:
        words: The command line.
        values: The new values, by the flag without its dashes.
    """
    text = _WORD.join(words)
    edits: list[tuple[int, int, int, str]] = []
    for name, value in values.items():
        edits += (
            (*_place(words, *match.span(1)), value)
            for match in re.finditer(_flag(name) + _VALUE, text)
        )
    return _edited(words, edits)


def flag_value(words: tuple[str, ...], name: str) -> str | None:
    """Return the last value that a flag is given, or None when it is not written."""
    values = re.findall(_flag(name) + _VALUE, _WORD.join(words))
    return values[-1] if values else None


def http_port(words: tuple[str, ...], env: Mapping[str, str]) -> int:
    """Return the port on which a frontend listens: its words beat its environment."""
    ports = _HTTP.findall(_WORD.join(words))
    if ports:
        return int(ports[-1])
    written = env.get("DYN_HTTP_PORT", "")
    return int(written) if written.isdecimal() else HTTP_PORT


def local_ranks(text: str) -> int:
    """Return how many data parallel ranks a process serves; each has ports of its own."""
    for pattern in (_RANKS, _ALL_RANKS):
        if (match := pattern.search(text)) is not None:
            return max(int(match[1]), 1)
    return 1


class PathUse(NamedTuple):
    """A mounted path in a text: where it starts and ends, and which mount it is of."""

    start: int
    end: int
    mount: str


def mounted_paths(text: str, mounts: Iterable[str]) -> tuple[PathUse, ...]:
    """Return where `text` names a mounted path, the longest mount winning, from left to right."""
    uses: list[PathUse] = []
    below_root = (mount for mount in mounts if mount.rstrip("/"))
    for mount in sorted(below_root, key=len, reverse=True):
        pattern = rf"(?<![\w./-]){re.escape(mount.rstrip('/'))}(?=$|[/\s\"',:=}}])"
        uses += (
            PathUse(match.start(), match.end(), mount)
            for match in re.finditer(pattern, text)
            if not any(use.start < match.end() and match.start() < use.end for use in uses)
        )
    return tuple(sorted(uses))


def rewrite_paths(text: str, mounts: Mapping[str, str]) -> str:
    """Return `text` with each mounted path replaced by the folder that stands for it here."""
    for use in reversed(mounted_paths(text, mounts)):
        text = text[: use.start] + mounts[use.mount] + text[use.end :]
    return text
