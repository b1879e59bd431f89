"""Over loopback sockets, within this process."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.mock_engine.engine_refusal import StartFault
from dynamo_conformance.mock_engine.multinode_join import MultinodeJoin
from dynamo_conformance.mock_engine.worker_spec import MultinodeGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEADLINE_S = 10.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def node(rank: int, *, port: int, size: int = 2, model: str = "a/b") -> MultinodeGroup:
    return MultinodeGroup(
        unit="node",
        start=rank,
        count=1,
        size=size,
        host="127.0.0.1",
        port=port,
        agreement=(("--model", model),),
    )


class Side:
    """One process's side, group in a thread."""

    def __init__(self, group: MultinodeGroup, *, deadline_s: float = DEADLINE_S) -> None:
        self.notices: list[str] = []
        self.losses: list[str] = []
        self.fault: str | None = None
        self._complete = False
        self._rendezvous = MultinodeJoin(
            group,
            notice=self.notices.append,
            on_loss=self.losses.append,
            deadline_s=deadline_s,
        )
        self._thread = threading.Thread(target=self._gather, daemon=True)
        self._thread.start()

    def _gather(self) -> None:
        try:
            self._rendezvous.gather()
        except StartFault as fault:
            self.fault = str(fault)
        except CancelledError:
            self.fault = "closed"
        else:
            self._complete = True

    def complete(self) -> bool:
        return self._complete

    def end(self) -> None:
        """Wait until group is over, one way or the other."""
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive()

    def close(self) -> None:
        self._rendezvous.close()


class Table:
    """Makes sides, and closes them when the test is over."""

    def __init__(self) -> None:
        self._sides: list[Side] = []

    def side(self, group: MultinodeGroup, *, deadline_s: float = DEADLINE_S) -> Side:
        self._sides.append(Side(group, deadline_s=deadline_s))
        return self._sides[-1]

    def close(self) -> None:
        for side in reversed(self._sides):
            side.close()


@pytest.fixture
def table() -> Iterator[Table]:
    made = Table()
    yield made
    made.close()


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def say(port: int, line: bytes) -> socket.socket:
    """Connect as a process of its own would, and say one line."""
    end = time.monotonic() + DEADLINE_S
    while True:
        try:
            connection = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
        except ConnectionRefusedError:
            assert time.monotonic() < end
            time.sleep(0.01)
        else:
            connection.sendall(line)
            return connection


HELLO = b'{"unit": "node", "start": 1, "count": 1, "size": 2, "agreement": [["--model", "a/b"]]}\n'


def test_everyone_goes_on_when_all_are_there(table: Table) -> None:
    port = free_port()
    # The others may well come first.
    follower = table.side(node(1, port=port, size=3))
    leader = table.side(node(0, port=port, size=3))
    until(lambda: any("node 1 of 3 joined" in line for line in leader.notices))
    assert not leader.complete()
    assert not follower.complete()
    last = table.side(node(2, port=port, size=3))
    for side in (leader, follower, last):
        side.end()
    assert leader.complete()
    assert follower.complete()
    assert last.complete()
    assert leader.losses == []


def test_the_wrong_one_is_turned_away_on_both_sides(table: Table) -> None:
    port = free_port()
    leader = table.side(node(0, port=port))
    wrong = table.side(node(1, port=port, model="c/d"))
    wrong.end()
    reason = "--model is c/d there and a/b at the first process"
    assert wrong.fault == f"127.0.0.1:{port} turned this process away: {reason}"
    until(lambda: any(line.endswith(f"away: {reason}") for line in leader.notices))
    right = table.side(node(1, port=port))
    leader.end()
    right.end()
    assert leader.complete()
    assert right.complete()


def test_a_rank_taken_twice_is_turned_away(table: Table) -> None:
    port = free_port()
    leader = table.side(node(0, port=port, size=3))
    first = table.side(node(1, port=port, size=3))
    until(lambda: any("joined from" in line for line in leader.notices))
    second = table.side(node(1, port=port, size=3))
    second.end()
    assert second.fault is not None
    assert "node 1 of 3: already brought by 127.0.0.1" in second.fault
    table.side(node(2, port=port, size=3)).end()
    first.end()
    assert first.complete()


def test_a_port_in_use_is_named(table: Table) -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        leader = table.side(node(0, port=port))
        leader.end()
    assert leader.fault is not None
    assert f"port {port}" in leader.fault
    assert "in use" in leader.fault


@pytest.mark.parametrize(
    ("rank", "words"),
    [(0, "node 1 of 2 did not join at port"), (1, "no first process at 127.0.0.1:")],
)
def test_the_deadline_passes_in_words(table: Table, rank: int, words: str) -> None:
    alone = table.side(node(rank, port=free_port()), deadline_s=0.3)
    alone.end()
    assert alone.fault is not None
    assert words in alone.fault
    assert "within 0.3 s" in alone.fault


def test_who_leaves_early_may_come_back(table: Table) -> None:
    port = free_port()
    leader = table.side(node(0, port=port))
    with say(port, HELLO.replace(b'"size": 2', b'"size": 3')) as connection:
        assert b"refused" in connection.recv(1000)
    leader_of_three = table.side(node(0, port=(other := free_port()), size=3))
    connection = say(other, HELLO.replace(b'"size": 2', b'"size": 3'))
    until(lambda: any("joined from" in line for line in leader_of_three.notices))
    connection.close()
    until(lambda: any("left again" in line for line in leader_of_three.notices))
    assert not leader_of_three.complete()
    table.side(node(1, port=port)).end()
    leader.end()
    assert leader.complete()


def test_the_first_process_notices_a_loss(table: Table) -> None:
    port = free_port()
    leader = table.side(node(0, port=port))
    connection = say(port, HELLO)
    leader.end()
    assert leader.complete()
    assert leader.losses == []
    connection.close()
    until(lambda: bool(leader.losses))
    assert leader.losses == ["lost node 1 of 2 at 127.0.0.1, and the engine cannot go on without"]


def test_the_others_notice_that_the_first_is_gone(table: Table) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        follower = table.side(node(1, port=port))
        connection, _ = listener.accept()
        connection.recv(1000)
        connection.sendall(b'{"joined": true}\n{"complete": true}\n')
        follower.end()
        assert follower.complete()
        connection.close()
        until(lambda: bool(follower.losses))
    assert follower.losses == [
        f"lost the first process at 127.0.0.1:{port}, and the engine cannot go on without"
    ]


def test_something_else_at_the_address_is_told(table: Table) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        follower = table.side(node(1, port=port))
        connection, _ = listener.accept()
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        follower.end()
        connection.close()
    assert follower.fault is not None
    assert f"what answers at 127.0.0.1:{port} is no first process" in follower.fault


def test_a_probe_of_the_port_harms_nothing(table: Table) -> None:
    port = free_port()
    leader = table.side(node(0, port=port))
    say(port, b"").close()
    say(port, b"GET / HTTP/1.0\r\n\r\n").close()
    table.side(node(1, port=port)).end()
    leader.end()
    assert leader.complete()
