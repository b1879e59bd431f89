"""What ties a command line to its pod, and ties it anew elsewhere: listen ports and mounted paths.

Words are changed as text, so a script for a shell keeps its quotes and its expansions.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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

HTTP_PORT = 8000
"""Where a frontend listens when nothing says otherwise."""

_WORD = "\x1f"
_GAP = rf"(?:=|[\s{_WORD}]+)[\"']?"


def _flag_pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    spelt = "|".join(name.replace("-", "[-_]") for name in names)
    return re.compile(rf"(--(?:{spelt}){_GAP})(\d+)")


_HTTP = re.compile(rf"--http[-_]port{_GAP}(\d+)")
_PROCESS = _flag_pattern(PROCESS_FLAGS)
_GROUP = _flag_pattern(GROUP_FLAGS)
_EVENTS = re.compile(rf"(--kv[-_]events[-_]config{_GAP}\{{[^}}]*?://[^:\"']*:)(\d+)")
_DIST_INIT = re.compile(rf"(--dist[-_]init[-_]addr{_GAP}[^\s:]+:)(\d+)")
_RANKS = re.compile(rf"--data[-_]parallel[-_]size[-_]local{_GAP}(\d+)")
_ALL_RANKS = re.compile(rf"(?:--data[-_]parallel[-_]size|-dp|--dp[-_]size){_GAP}(\d+)")


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
    changed = {
        name: own(int(value), 1)
        if name in LISTEN_VARIABLES and value.isdecimal() and int(value) > 0
        else value
        for name, value in env.items()
    }
    text = _WORD.join(words)
    span = local_ranks(text)
    text = _EVENTS.sub(lambda m: m[1] + own(int(m[2]), span), text)
    text = _PROCESS.sub(lambda m: m[1] + own(int(m[2]), 1), text)
    for pattern in (_GROUP, _DIST_INIT):
        text = pattern.sub(lambda m: m[1] + group(int(m[2])), text)
    return tuple(text.split(_WORD)) if words else (), changed


def http_port(words: tuple[str, ...], env: Mapping[str, str]) -> int:
    """Return the port on which a frontend listens: its words beat its environment."""
    found = _HTTP.findall(_WORD.join(words))
    if found:
        return int(found[-1])
    written = env.get("DYN_HTTP_PORT", "")
    return int(written) if written.isdecimal() else HTTP_PORT


def local_ranks(text: str) -> int:
    """Return how many data parallel ranks a process serves; each has ports of its own."""
    for pattern in (_RANKS, _ALL_RANKS):
        found = pattern.search(text)
        if found is not None:
            return max(int(found[1]), 1)
    return 1


def rewrite_paths(text: str, mounts: Mapping[str, str]) -> str:
    """Return `text` with each mounted path replaced by the folder that stands for it here."""
    for mounted in sorted(mounts, key=len, reverse=True):
        pattern = rf"(?<![\w./-]){re.escape(mounted.rstrip('/'))}(?=$|[/\s\"',:=}}])"
        text = re.sub(pattern, lambda _m, to=mounts[mounted]: to, text)  # type: ignore[misc]
    return text
