"""What `dynamo up` shows: each line once while it waits, all of them later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.targets.local import terminal
from dynamo_conformance.targets.local.terminal import Repeats

if TYPE_CHECKING:
    import pytest

ANSWERED = "2026-11-30T01:28:{:02}.047273Z  INFO http: response sent status={} latency_ms={}"


def test_a_repeated_line_is_shown_once_while_a_graph_is_waited_for() -> None:
    shown: list[tuple[str, str]] = []
    repeats = Repeats(lambda name, line: shown.append((name, line)))
    for second in range(50):
        repeats.take("Frontend", ANSWERED.format(second, 200, second % 3))
        repeats.take("Worker", f"loading shard {second}/50")
    repeats.take("Frontend", ANSWERED.format(51, 503, 0))
    repeats.take("Other", ANSWERED.format(52, 200, 0))
    assert [line for name, line in shown if name == "Frontend"] == [
        ANSWERED.format(0, 200, 0),
        ANSWERED.format(51, 503, 0),
    ]
    assert sum(name == "Worker" for name, _line in shown) == 50
    assert sum(name == "Other" for name, _line in shown) == 1


def test_a_repeated_line_is_a_rare_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "SIGN_SECONDS", 0.0)
    shown: list[str] = []
    repeats = Repeats(lambda _name, line: shown.append(line))
    repeats.take("w", "same")
    repeats.take("w", "same")
    assert shown == ["same", "same"]


def test_every_line_is_shown_once_the_graph_answers() -> None:
    shown: list[str] = []
    repeats = Repeats(lambda _name, line: shown.append(line))
    repeats.are_hidden = False
    repeats.take("w", "same")
    repeats.take("w", "same")
    assert shown == ["same", "same"]


def test_a_terminal_obeys_no_line(capfd: pytest.CaptureFixture[str]) -> None:
    terminal.TerminalOutput().line("w", "\x1b[2J##[set]\tx \u202e")
    terminal.say("::error::x\n\x1b[2J")
    out, err = capfd.readouterr()
    assert out == "w | \ufffd[2J# #[set]\tx \ufffd\n"
    assert err == ": :error::x\n\ufffd[2J\n"
