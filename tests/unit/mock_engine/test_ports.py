from __future__ import annotations

import socket

import pytest

from dynamo_conformance.mock_engine.engine_refusal import StartFault
from dynamo_conformance.mock_engine.mock_worker import check_free


def test_a_port_someone_listens_on_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StartFault, match=rf"port {port} \(KV events\) is in use"):
            check_free(range(port, port + 1), purpose="KV events")


def test_a_free_port_stays_free() -> None:
    with socket.socket() as probe:
        probe.bind(("", 0))
        port = probe.getsockname()[1]
    check_free(range(port, port + 1), purpose="KV events")
    check_free(range(port, port + 1), purpose="KV events")


def test_a_port_that_does_not_exist() -> None:
    with pytest.raises(StartFault, match=r"port 65536 \(KV events\) does not exist"):
        check_free(range(65536, 65537), purpose="KV events")
