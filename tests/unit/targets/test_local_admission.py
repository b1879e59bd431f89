"""What no process can be given is refused with its place, before anything starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.read import read_graphs
from dynamo_conformance.targets.interface import DeployFailure
from dynamo_conformance.targets.local.admission import MAX_PROCESSES, check_startable
from dynamo_conformance.targets.local.deployment import LocalTarget

if TYPE_CHECKING:
    from pathlib import Path

    from dynamo_conformance.manifest.graph import Graph

BETA = """\
apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata: {name: g}
spec:
  env: [{name: ALL, value: "1"}]
  components:
    - name: Frontend
      type: frontend
    - name: Worker
      type: worker
      replicas: 1
      multinode:
        nodeCount: 2
      podTemplate:
        spec:
          containers:
            - name: main
              command: [python3, -m, dynamo.vllm]
              env:
                - {name: ONE, value: first}
"""
ALPHA = """\
apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: {name: g}
spec:
  envs: [{name: ALL, value: "1"}]
  services:
    Worker:
      componentType: worker
      replicas: 1
      multinode:
        nodeCount: 2
      envs:
        - {name: ONE, value: first}
      extraPodSpec:
        mainContainer:
          command: [python3, -m, dynamo.vllm]
"""


def graph(folder: Path, text: str, old: str = "", new: str = "") -> Graph:
    assert old in text
    path = folder / "g.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return read_graphs(path)[0]


def at(text: str, words: str) -> str:
    """Return line and column of some words of a text."""
    before = text[: text.index(words)]
    return f":{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}: "


@pytest.mark.parametrize("text", [BETA, ALPHA])
@pytest.mark.parametrize(
    ("change", "place", "reason"),
    [
        (("replicas: 1", "replicas: 2000000000"), "1\n      multi", "lower replicas"),
        (("nodeCount: 2", "nodeCount: 2000000000"), "2\n", "lower nodeCount"),
        (
            ("replicas: 1", f"replicas: {MAX_PROCESSES}"),
            "1\n      multi",
            f"than {MAX_PROCESSES} processes",
        ),
        (("ONE", '"A=B"'), "{name: ONE", "'A=B' cannot name an environment variable"),
        (("ALL", '"A=B"'), "{name: ALL", "'A=B' cannot name an environment variable"),
        (("ONE", '""'), "{name: ONE", "'' cannot name an environment variable: it is empty"),
        (("ONE", '"O\\0"'), "ONE", "holds a NUL character"),
        (("first", '"a\\0"'), "first", "holds a NUL character"),
        (("dynamo.vllm", '"a\\x00b"'), "dynamo.vllm", "holds a NUL character"),
    ],
)
def test_what_no_process_can_be_given_is_refused(
    tmp_path: Path, text: str, change: tuple[str, str], place: str, reason: str
) -> None:
    refused = graph(tmp_path, text, *change)
    with pytest.raises(ManifestError) as caught:
        check_startable(refused)
    assert reason in str(caught.value)
    assert at(text, place) in str(caught.value)
    with pytest.raises(DeployFailure, match=r"g\.yaml:"), LocalTarget().deploy(refused):
        pass


@pytest.mark.parametrize("text", [BETA, ALPHA])
def test_what_fits_is_not_refused(tmp_path: Path, text: str) -> None:
    check_startable(graph(tmp_path, text))
    check_startable(graph(tmp_path, text, "replicas: 1", f"replicas: {MAX_PROCESSES // 2 - 1}"))
    check_startable(graph(tmp_path, text, "replicas: 1", "replicas: 0"))
    check_startable(graph(tmp_path, text, "first", '"a=b\\t\u00e9 \U0001f600"'))
