"""Listen ports and mount paths are all that changes in a command line."""

from __future__ import annotations

import pytest

from dynamo_conformance.rendering.relocation import local_ranks, rewrite_paths
from dynamo_conformance.targets.local.port_reservations import Ports, PortsExhaustedError
from dynamo_conformance.targets.local.rewrite import PortMap, port_changes, rewrite_ports

EVENTS = '{"publisher":"zmq","endpoint":"tcp://*:20080","enable_kv_cache_events":true}'


class CountingPorts(Ports):
    """Hands out 40000, 40100, ... so that every change can be foreseen."""

    def __init__(self) -> None:
        super().__init__()
        self.given = 39_900

    def take(self, preferred: int, *, span: int = 1) -> int:
        del preferred, span
        self.given += 100
        return self.given


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        (("--http-port", "8000"), ("--http-port", "40000")),
        (("--http-port=8000",), ("--http-port=40000",)),
        (
            ("--kv-events-config", EVENTS),
            ("--kv-events-config", EVENTS.replace("20080", "40000")),
        ),
        (("--master-port", "29500", "--nnodes", "2"), ("--master-port", "40000", "--nnodes", "2")),
        (("--dist-init-addr", "h:29500"), ("--dist-init-addr", "h:40000")),
        (
            ("sh", "-c", "exec python3 -m dynamo.vllm --data-parallel-rpc-port 13445 --x 13445"),
            ("sh", "-c", "exec python3 -m dynamo.vllm --data-parallel-rpc-port 40000 --x 13445"),
        ),
        (("--max-model-len", "8000"), ("--max-model-len", "8000")),
    ],
)
def test_listen_ports_in_words(words: tuple[str, ...], changed: tuple[str, ...]) -> None:
    ports = CountingPorts()
    own, group = PortMap(ports), PortMap(ports)
    assert rewrite_ports(words, {}, own=own, group=group)[0] == changed


def test_one_published_port_is_one_local_port_in_words_and_environment() -> None:
    ports = CountingPorts()
    own = PortMap(ports)
    env = {"DYN_HTTP_PORT": "8000", "DYNAMO_PORT": "8000", "OTHER": "8000"}
    words, changed = rewrite_ports(("--http-port", "8000"), env, own=own, group=PortMap(ports))
    assert words == ("--http-port", "40000")
    assert changed == {"DYN_HTTP_PORT": "40000", "DYNAMO_PORT": "40000", "OTHER": "8000"}
    assert [str(port_change) for port_change in port_changes("web", own)] == [
        "web: port 8000 -> 40000"
    ]


def test_nodes_of_a_group_share_the_leader_s_port() -> None:
    ports = CountingPorts()
    group = PortMap(ports)
    leader = rewrite_ports(("--master-port", "29500"), {}, own=PortMap(ports), group=group)
    follower = rewrite_ports(("--master-port", "29500"), {}, own=PortMap(ports), group=group)
    assert leader == follower


@pytest.mark.parametrize(
    ("text", "ranks"),
    [
        ("--model m", 1),
        ("--data-parallel-size 4", 4),
        ("--data-parallel-size 16 --data-parallel-size-local 8", 8),
    ],
)
def test_each_local_rank_has_ports_of_its_own(text: str, ranks: int) -> None:
    assert local_ranks(text) == ranks


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("/model-cache", "/run/v"),
        ("/model-cache/hub", "/run/v/hub"),
        ("--model=/model-cache/r1", "--model=/run/v/r1"),
        ("exec x --model '/model-cache/r1' -y", "exec x --model '/run/v/r1' -y"),
        ("/model-cache-2", "/model-cache-2"),
        ("/data/model-cache", "/data/model-cache"),
    ],
)
def test_mount_paths(text: str, changed: str) -> None:
    assert rewrite_paths(text, {"/model-cache": "/run/v"}) == changed


def test_two_holders_never_get_one_port() -> None:
    with Ports() as one, Ports() as other:
        first = one.take(0)
        assert other.take(first) != first
        with pytest.raises(PortsExhaustedError, match=f"port {first} is in use"):
            other.take_exactly(first)
    with Ports() as later:
        assert later.take_exactly(first) == first
