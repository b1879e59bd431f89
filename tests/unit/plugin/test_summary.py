"""The closing table."""

from __future__ import annotations

from dynamo_conformance.plugin.summary import Shown, Table
from dynamo_conformance.probes.probe import Outcome


def table(*shown: Shown, example: str = "agg.yaml") -> Table:
    made = Table()
    for one in shown:
        made.add(example, one)
    return made


def test_one_line_per_example_and_level_with_what_failed() -> None:
    made = table(
        Shown("lint", "lint", Outcome.PASS),
        Shown("local", "ready", Outcome.PASS, notes=["ready in 1 s"]),
        Shown("local", "chat.id", Outcome.FAIL),
        Shown("local", "chat.text", Outcome.DEVIATION),
    )
    made.add("x.sh", Shown("script", "graph.kv-router", Outcome.UNSUPPORTED))
    assert made.lines() == [
        "example   level   outcome      checks",
        "agg.yaml  lint    PASS         PASS 1",
        "agg.yaml  local   FAIL         PASS 1, FAIL 1, DEVIATION 1  failed: chat.id; ready in 1 s",
        "x.sh      script  UNSUPPORTED  UNSUPPORTED 1",
    ]


def test_many_failures_are_counted() -> None:
    made = table(*(Shown("local", f"chat.{number}", Outcome.FAIL) for number in range(7)))
    assert made.lines()[1].endswith("failed: chat.0, chat.1, chat.2, chat.3 and 3 more")


def test_a_reason_that_many_checks_have_is_said_once() -> None:
    made = table(
        *(
            Shown("local", f"tools.{number}", Outcome.UNSUPPORTED, reason="no tool is called")
            for number in range(6)
        ),
        Shown("kind", "tools.0", Outcome.UNSUPPORTED, reason="no tool is called"),
        Shown("local", "chat.text", Outcome.NOT_RUN, reason="`ready` failed"),
        Shown("local", "chat.id", Outcome.DEVIATION, reason="ids are empty"),
    )
    assert made.reasons() == [
        "DEVIATION ids are empty: chat.id (1 row)",
        "UNSUPPORTED no tool is called: tools.0, tools.1, tools.2, tools.3 and 2 more (2 rows)",
        "NOT RUN `ready` failed: chat.text (1 row)",
    ]


def test_no_rows_is_no_table() -> None:
    assert Table().lines() == []
