from __future__ import annotations

from dataclasses import replace

import pytest

from dynamo_conformance.mock_engine.multinode_members import (
    MultinodeMembers,
    describe,
    from_message,
    spell,
    to_message,
)
from dynamo_conformance.mock_engine.worker_spec import MultinodeGroup

FIRST = MultinodeGroup(
    unit="rank", start=0, count=8, size=16, host="h", port=1, agreement=(("--model", "a/b"),)
)
SECOND = replace(FIRST, start=8)


def test_complete_when_every_unit_is_there() -> None:
    members = MultinodeMembers(FIRST)
    assert not members.complete
    assert members.missing() == "ranks 8-15 of 16"
    assert members.admit(SECOND, peer="p") is None
    assert members.complete


def test_who_leaves_is_missing_again() -> None:
    members = MultinodeMembers(FIRST)
    members.admit(SECOND, peer="p")
    members.leave(SECOND)
    assert not members.complete
    assert members.admit(SECOND, peer="q") is None


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (
            replace(SECOND, agreement=(("--model", "c/d"),)),
            "--model is c/d there and a/b at the first process",
        ),
        (
            replace(SECOND, size=24),
            "number of ranks is 24 there and 16 at the first process",
        ),
        (replace(SECOND, unit="node"), "it counts nodes, the first process counts ranks"),
        (replace(SECOND, start=12), "there are only ranks 0 to 15"),
        (replace(SECOND, count=0), "there are only ranks 0 to 15"),
        (replace(SECOND, start=4), "ranks 4-7 of 16: already brought by the first process"),
    ],
)
def test_who_does_not_fit_is_turned_away(other: MultinodeGroup, reason: str) -> None:
    members = MultinodeMembers(FIRST)
    assert members.admit(other, peer="p") == reason
    assert members.missing() == "ranks 8-15 of 16"


def test_the_same_units_are_not_taken_twice() -> None:
    members = MultinodeMembers(FIRST)
    members.admit(replace(SECOND, count=4), peer="10.0.0.2")
    assert members.admit(replace(SECOND, start=11, count=2), peer="10.0.0.3") == (
        "rank 11 of 16: already brought by 10.0.0.2"
    )


def test_a_message_carries_everything_but_the_address() -> None:
    assert from_message(to_message(SECOND), host="h", port=1) == SECOND


@pytest.mark.parametrize(
    "message",
    [
        {},
        [],
        None,
        {"unit": "rank", "start": "0", "count": 1, "size": 1, "agreement": []},
        {"unit": "rank", "start": 0, "count": 1, "size": 1, "agreement": [1]},
    ],
)
def test_other_messages_are_none(message: object) -> None:
    with pytest.raises(ValueError, match="not a message of a joining process"):
        from_message(message, host="h", port=1)


def test_spelling() -> None:
    assert describe(replace(SECOND, unit="node", start=1, count=1, size=2)) == "node 1 of 2"
    assert spell("rank", [2, 8, 9, 10], 16) == "ranks 2, 8-10 of 16"
