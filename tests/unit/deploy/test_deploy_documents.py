"""What docs/deploy.md shows is what deploy does."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest

from deploy_helpers import REPOSITORY, TARGETS, findings, write
from dynamo_launch.config.keys import DEPLOYMENT_KEYS
from dynamo_launch.deploy.deploy_command import deploy

if TYPE_CHECKING:
    from pathlib import Path

TEXT = (REPOSITORY / "docs" / "deploy.md").read_text(encoding="utf-8")
GRAPH = re.findall(r"```yaml\n(.+?)```", TEXT, re.DOTALL)[0]
CONSOLE = re.findall(r"```console\n(.+?)```", TEXT, re.DOTALL)[0]


@pytest.fixture
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "graph.yaml"
    file.write_text(GRAPH, encoding="utf-8")
    return file


def test_the_file_is_written_for_every_target_it_names(graph: Path) -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| `(.+)` \|$", TEXT, re.MULTILINE)
    assert [row[0] for row in rows] == list(TARGETS)
    for target, folder, command in rows:
        write(graph.parent / folder, "-f", "graph.yaml", "--target", target)
        named = [one for one in re.findall(rf"{folder}\S*", command) if "=" not in one]
        assert all((graph.parent / one).exists() for one in named), command
    assert findings(graph.parent / "k8s_deployment" / "qwen.yaml") == []


def test_its_mistakes_are_told_as_it_shows(graph: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = GRAPH.replace("16Gi", "16GB").replace(
        "context_length: 8192\n", "context_length: 8192\n        base_gpu_id: 0\n"
    )
    graph.write_text(f"{text}    secret_env: [my_k8s_secret_name]\n", encoding="utf-8")
    typed, *shown = CONSOLE.splitlines()
    assert deploy(shlex.split(typed)[3:]) == 2
    assert capsys.readouterr().err.splitlines() == shown


def test_it_explains_every_field() -> None:
    section = TEXT.partition("\n## Fields\n")[2].partition("\n## ")[0]
    rows = "".join(re.findall(r"^\| (`.+?) \|", section, re.MULTILINE))
    assert [key for key in (*DEPLOYMENT_KEYS, "role", "run_config") if f"`{key}`" not in rows] == []
