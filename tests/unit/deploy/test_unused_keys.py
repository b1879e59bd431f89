"""What a target cannot express is a warning, and no comment says that it was written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from deploy_helpers import write

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """\
name: g
components:
  - name: w
    role: agg
    cmd: [x]
    image: nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1
    shared_memory: 2Gi
    resources:
      cpu: 1
      memory: 1Gi
      gpu: 1
      rdma/ib: 2
      limits: {cpu: 2}
    health:
      live: {path: /alive, period: 3}
      ready: {path: /ready}
      start: {failures: 9, path: /up}
    ports: {mine: 7000}
    volumes:
      - claim: c
        mount: /m
        read_only: true
"""
EVERYWHERE_ELSE = {"resources.rdma/ib": 12, "ports.mine": 18}
SCRIPTS = {
    **EVERYWHERE_ELSE,
    "image": 6,
    "shared_memory": 7,
    "health.live": 15,
    "health.ready": 16,
    "health.start": 17,
    "volumes.read_only": 22,
}
EXPECTED = {
    "k8s": {},
    "compose": {**EVERYWHERE_ELSE, "health.live": 15, "health.start": 17},
    "slurm": {**SCRIPTS, "resources.limits": 13},
    "local": {**SCRIPTS, "resources.cpu": 9, "resources.memory": 10, "resources.limits": 13},
}


@pytest.mark.parametrize("target", EXPECTED)
def test_what_a_target_cannot_express_is_said_and_not_listed(
    target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "graph.yaml"
    file.write_text(CONFIG, encoding="utf-8")
    (text,) = write(tmp_path / "out", "-f", str(file), "--target", target).values()

    said = re.findall(
        rf"graph\.yaml:(\d+):\d+: warning: (\S+) has no effect with --target {target}: ",
        capsys.readouterr().err,
    )
    assert {key: int(line) for line, key in said} == EXPECTED[target]
    lines = {int(line) for line in re.findall(r"graph\.yaml:(\d+)", text)}
    for listed in re.findall(r"#   graph\.yaml: (.+(?:\n#     .+)*)", text):
        lines |= {int(line) for line in re.findall(r"(\d+)(?:,|$|\n)", listed)}
    # A start probe's failures are counted, its path is not.
    assert not lines & {line for key, line in EXPECTED[target].items() if key != "health.start"}


def test_a_key_of_several_components_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = CONFIG.partition("components:\n")[2].replace("name: w", "name: v")
    file = tmp_path / "graph.yaml"
    file.write_text(CONFIG + second, encoding="utf-8")
    write(tmp_path / "out", "-f", str(file), "--target", "local")
    assert capsys.readouterr().err.count("image has no effect") == 1
