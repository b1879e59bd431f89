"""The closing table."""

from __future__ import annotations

from dynamo_conformance.plugin.summary import Outcome, Table


def test_one_line_per_example_and_level_with_what_did_not_pass() -> None:
    table = Table()
    table.row("agg.yaml", "lint").checks["lint"] = Outcome.PASS
    local = table.row("agg.yaml", "local")
    local.checks.update({"ready": Outcome.PASS, "chat": Outcome.FAIL})
    local.notes.append("ready in 0.3 s")
    table.row("x.sh", "script").checks["kv-router"] = Outcome.UNSUPPORTED
    assert table.lines() == [
        "example   level   outcome      checks",
        "agg.yaml  lint    PASS         1/1",
        "agg.yaml  local   FAIL         1/2     chat FAIL; ready in 0.3 s",
        "x.sh      script  UNSUPPORTED  0/1     kv-router UNSUPPORTED",
    ]


def test_checks_that_were_not_run_are_counted() -> None:
    table = Table()
    checks = table.row("agg.yaml", "local").checks
    checks.update({"ready": Outcome.FAIL, "chat": Outcome.NOT_RUN, "models": Outcome.NOT_RUN})
    (_, line) = table.lines()
    assert line.split(None, 3) == ["agg.yaml", "local", "FAIL", "0/3     ready FAIL; 2 not run"]


def test_no_rows_is_no_table() -> None:
    assert Table().lines() == []
