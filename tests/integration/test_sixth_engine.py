"""A newcomer adds the graph of another engine by adding files, and nothing else is touched."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from sandbox import REPOSITORY, SECONDS, WITHOUT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox import Sandbox

ENGINE = "mocker"
IMAGE = "nvcr.io/nvidia/ai-dynamo/dynamo-planner:1.6.1"
README = """\
# The mocker

A graph without an engine.

<!-- graphs -->

<!-- /graphs -->

<!-- pictures -->

<!-- /pictures -->

<!-- ledger -->
<!-- /ledger -->
"""
BETA = f"""\
# One frontend and one mocker: a graph without an engine.
apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata:
  name: mocker-agg
spec:
  components:
    - name: Frontend
      type: frontend
      replicas: 1
      podTemplate:
        spec:
          containers:
            - name: main
              image: {IMAGE}
    - name: Mocker
      type: worker
      replicas: 1
      podTemplate:
        spec:
          containers:
            - name: main
              image: {IMAGE}
              command:
                - python3
                - -m
                - dynamo.mocker
              args:
                - --model-path
                - Qwen/Qwen3-0.6B
"""
ALPHA = f"""\
# One frontend and one mocker: a graph without an engine.
# For operators before v1beta1 (Dynamo 1.1 and older); newer ones: ../agg.yaml
apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata:
  name: mocker-agg
spec:
  services:
    Frontend:
      componentType: frontend
      replicas: 1
      extraPodSpec:
        mainContainer:
          image: {IMAGE}
    Mocker:
      componentType: worker
      replicas: 1
      extraPodSpec:
        mainContainer:
          image: {IMAGE}
          command:
            - python3
            - -m
            - dynamo.mocker
          args:
            - --model-path
            - Qwen/Qwen3-0.6B
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """A scratch copy of all that is under version control, with the newcomer's files in it."""
    copy = tmp_path / "checkout"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (REPOSITORY / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, copy / name)
    launch = copy / "examples" / "llm" / ENGINE / "launch"
    (launch / "k8s" / "v1alpha1").mkdir(parents=True)
    (launch / "local").mkdir()
    (launch.parent / "README.md").write_text(README, encoding="utf-8")
    (launch / "k8s" / "agg.yaml").write_text(BETA, encoding="utf-8")
    (launch / "k8s" / "v1alpha1" / "agg.yaml").write_text(ALPHA, encoding="utf-8")
    script = copy / "examples" / "llm" / "vllm_v1" / "launch" / "local" / "agg.sh"
    text = script.read_text(encoding="utf-8").replace("--engine vllm", f"--engine {ENGINE}")
    (launch / "local" / "agg.sh").write_text(text, encoding="utf-8")
    yield copy
    shutil.rmtree(copy)


def test_the_new_graph_is_linted_and_served_like_any_other(
    checkout: Path, sandbox: Sandbox
) -> None:
    ended = run(checkout, sandbox, "-q", f"examples/llm/{ENGINE}")
    assert ended.returncode == 0, ended.stdout
    table = ended.stdout[ended.stdout.index("proven") :]
    folder = f"examples/llm/{ENGINE}/launch"
    for example, level in (
        (f"{folder}/k8s/agg.yaml", "lint"),
        (f"{folder}/k8s/agg.yaml", "local"),
        (f"{folder}/k8s/v1alpha1/agg.yaml", "local"),
        (f"{folder}/local/agg.sh", "script"),
    ):
        rows = [line.split()[:3] for line in table.splitlines()]
        assert [example, level, "PASS"] in rows, table


def test_the_tests_of_the_tree_take_it_in(checkout: Path, sandbox: Sandbox) -> None:
    ended = run(
        checkout, sandbox, "-q", "tests/unit/convert/test_convert_examples.py", "-k", ENGINE
    )
    assert ended.returncode == 0, ended.stdout
    # Both files, as the same graph and with their comments, and the one from the other.
    assert "5 passed" in ended.stdout


def run(checkout: Path, sandbox: Sandbox, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", *WITHOUT, *words],
        cwd=checkout,
        env=sandbox.environment,
        capture_output=True,
        text=True,
        timeout=4 * SECONDS,
        check=False,
    )
