"""Every wrong input: what is said, where, and that nothing is written."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import yaml

from dynamo_launch.deploy.deploy_command import deploy

CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_what_is_said(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name, text in case["files"].items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    expected: list[str] = case["says"]
    errors = sum("error: " in line for line in expected)

    code = deploy([*shlex.split(case["words"]), "--out-dir", "out"])

    if errors:
        plural = "s" if errors > 1 else ""
        expected = [*expected, f"dynamo deploy: {errors} error{plural}, nothing was written"]
    assert capsys.readouterr().err.splitlines() == expected
    assert (code, (tmp_path / "out").exists()) == ((2, False) if errors else (0, True))
