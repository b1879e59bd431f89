"""The transcript keeps the newest of what was said, and never more than it may."""

from __future__ import annotations

from dynamo_conformance.targets.cluster.transcript import (
    ANSWER,
    CONNECTION_BYTES,
    CONNECTIONS,
    REQUEST,
    Transcript,
)


def test_it_reads_as_a_conversation() -> None:
    transcript = Transcript()
    one = transcript.begin("agg-frontend-x:8000")
    one.note(REQUEST, b"GET /v1/models HTTP/1.1\r\n\r\n")
    one.note(ANSWER, b'HTTP/1.1 200 OK\r\n\r\n{"data": []}\xff')
    lines = transcript.text().splitlines()
    assert lines[0] == "=== connection 1 to agg-frontend-x:8000"
    assert lines[1].endswith(" >")
    assert "GET /v1/models HTTP/1.1" in lines
    assert lines[-1] == '{"data": []}\\xff'


def test_old_pieces_and_old_connections_go_first() -> None:
    transcript = Transcript()
    for number in range(CONNECTIONS + 5):
        transcript.begin(str(number))
    last = transcript.begin("last")
    for number in range(40):
        last.note(ANSWER, f"{number};".encode() + b"x" * 4096)
    text = transcript.text()
    assert "to 5\n" not in text
    assert f"to {CONNECTIONS + 4}" in text
    assert "39;" in text
    assert "\n0;" not in text
    assert "earlier bytes are not kept" in text
    assert len(text) < CONNECTION_BYTES + CONNECTIONS * 50 + 5000
