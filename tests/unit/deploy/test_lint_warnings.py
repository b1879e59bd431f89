"""What lint says of a graph is said at the lines of its config; secrets are said and not shown."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from deploy_helpers import TARGETS, words_of, write
from dynamo_launch.deploy.deploy_command import deploy

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "hf_" + "Ab3dEfGh1jKlMn0pQrStUvWxYz0123456789"[:34]
IMAGE = "nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1"
CONFIG = f"""\
name: g
components:
  - name: front
    args: [in=http, out=dyn]
    options: {{router_mode: kv}}
    image: {IMAGE}
    resources: {{cpu: 1, memory: 2Gi}}
  - name: w
    args: [in=dyn, out=vllm]
    model: Qwen/Qwen3-0.6B
    image: {IMAGE}
    resources: {{cpu: 1, memory: 2Gi, gpu: 1}}
"""


@pytest.mark.parametrize("target", TARGETS)
def test_a_finding_of_lint_is_said_where_its_cause_was_written(
    target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "graph.yaml"
    file.write_text(CONFIG, encoding="utf-8")
    write(tmp_path / "out", "-f", str(file), "--target", target)
    said = [line for line in capsys.readouterr().err.splitlines() if "(kv-events)" in line]
    assert len(said) == 1
    assert "graph.yaml:9:" in said[0]
    assert "warning:" in said[0]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("alternative", ["two_files", "one_file", "embedded"])
def test_the_examples_have_no_finding(
    target: str, alternative: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "out", *words_of(alternative), "--target", target)
    lines = capsys.readouterr().err.splitlines()
    assert [
        line for line in lines if "has no effect with" not in line and "namespace" not in line
    ] == []


@pytest.mark.parametrize("target", TARGETS)
def test_a_secret_is_said_and_not_shown(
    target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "graph.yaml"
    file.write_text(f"{CONFIG}    environment: {{HF_TOKEN: {TOKEN}}}\n", encoding="utf-8")
    folder = tmp_path / "out"
    files = write(folder, "-f", str(file), "--target", target)
    printed = capsys.readouterr()
    said = [line for line in printed.err.splitlines() if "(plain-secret)" in line]
    assert len(said) == 1
    assert "graph.yaml:13:" in said[0]
    assert "secret_env" in said[0]
    assert TOKEN not in printed.err + printed.out
    for name, text in files.items():
        assert TOKEN in text
        assert stat.S_IMODE((folder / name).stat().st_mode) & 0o077 == 0

    assert deploy(["-f", str(file), "--target", target, "--diff", "--out-dir", f"{folder}2"]) == 1
    assert TOKEN not in capsys.readouterr().out


def test_a_secret_is_not_shown_in_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "graph.yaml"
    file.write_text(f"{CONFIG}    secret_env: [{TOKEN}]\n    replicas: {TOKEN}\n", encoding="utf-8")
    assert deploy(["-f", str(file), "--out-dir", str(tmp_path / "out")]) == 2
    printed = capsys.readouterr().err
    assert "graph.yaml:13:" in printed
    assert TOKEN not in printed
    assert TOKEN.lower() not in printed
