"""The page of upgrades: its commands run, and print what it shows."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from dynamo_launch.cli import main

PAGE = (Path(__file__).parents[3] / "docs" / "upgrade.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [block.strip() for block in BLOCKS if block.startswith("dynamo ")]
GRAPH = Path(__file__).parent / "decode-unsaid-0.9.0.yaml"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_runs(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copy(GRAPH, tmp_path / "graph.yaml")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(command.split()[1:])
    assert ended.value.code == (0 if "--write" in command else 1)
    assert "ready for 1.6.1" in capsys.readouterr().out


def test_what_is_shown_is_what_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(GRAPH, tmp_path / "graph.yaml")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(COMMANDS[0].split()[1:])
    printed = capsys.readouterr().out.splitlines()
    shown = next(block for block in BLOCKS if block.startswith("graph.yaml:")).splitlines()
    assert [line for line in shown if line != "..." and line not in printed] == []
