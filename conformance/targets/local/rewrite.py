"""What the local target changes in a command line or environment: listen ports and mount paths.

Words are rewritten as text, so a script for a shell keeps its quotes and its expansions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conformance.targets.target import Change

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.targets.local.ports import Ports

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


@dataclass(slots=True)
class PortMap:
    """Published port to local port, for one process or one multinode group."""

    ports: Ports
    known: dict[int, int] = field(default_factory=dict)

    def local(self, published: int, *, span: int = 1) -> int:
        """Return the local port for a published one; the same one each time."""
        if published not in self.known:
            self.known[published] = self.ports.take(published, span=span)
        return self.known[published]


def rewrite_ports(
    words: tuple[str, ...], env: Mapping[str, str], *, own: PortMap, group: PortMap
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return words and environment with listen ports that are free here."""
    changed = {
        name: str(own.local(int(value)))
        if name in LISTEN_VARIABLES and value.isdecimal() and int(value) > 0
        else value
        for name, value in env.items()
    }
    text = _WORD.join(words)
    span = local_ranks(text)
    text = _EVENTS.sub(lambda m: m[1] + str(own.local(int(m[2]), span=span)), text)
    text = _PROCESS.sub(lambda m: m[1] + str(own.local(int(m[2]))), text)
    for pattern in (_GROUP, _DIST_INIT):
        text = pattern.sub(lambda m: m[1] + str(group.local(int(m[2]))), text)
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


def port_changes(where: str, *maps: PortMap) -> tuple[Change, ...]:
    """Return the ports that differ from the published ones, as changes."""
    return tuple(
        Change(where, f"port {published} -> {local}")
        for one in maps
        for published, local in one.known.items()
        if published != local
    )
