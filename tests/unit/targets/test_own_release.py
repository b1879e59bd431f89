"""What surrounds components that another release runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.read import read_graph
from dynamo_conformance.mock_engine.mock_worker import RELEASE_VARIABLE
from dynamo_conformance.targets import REAL
from dynamo_conformance.targets.interface import DeployFailure
from dynamo_conformance.targets.local.local_plan import RunSettings, plan
from dynamo_conformance.targets.local.own_release import own_releases
from dynamo_conformance.targets.local.port_reservations import ComparedPorts

if TYPE_CHECKING:
    from pathlib import Path

    from dynamo_conformance.targets.local.component_process import ProcessStart

TEXT = """apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata: {name: g}
spec:
  components:
    - name: Frontend
      type: frontend
      podTemplate:
        spec:
          containers:
            - {name: main, image: "nvcr.io/nvidia/ai-dynamo/vllm-runtime:0.9.1"}
    - name: Worker
      type: worker
      podTemplate:
        spec:
          containers:
            - name: main
              image: nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.2.1
              command: [python3, -m, dynamo.vllm]
              args: [--model, m/m, --store-kv, etcd]
    - name: Now
      type: worker
      podTemplate:
        spec:
          containers:
            - name: main
              image: nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1
              command: [python3, -m, dynamo.vllm]
              args: [--model, m/m]
"""
BASE = {"PATH": "/ours/bin:/usr/bin", "PYTHONPATH": "/overlay"}


def starts(run: Path) -> dict[str, ProcessStart]:
    graph = read_graph(next(iter(read_documents(TEXT, file="g.yaml"))))
    releases = own_releases(graph, wanted=None, engine="mock", make=False)
    around = releases.around(run, BASE)
    settings = RunSettings(run=run, base=BASE, elsewhere=around)
    planned = plan(graph, settings=settings, ports=ComparedPorts())
    return {start.name: start for start in planned.starts}


def test_each_process_is_in_one_environment(tmp_path: Path) -> None:
    made = starts(tmp_path)
    paths = {name: start.env["PATH"].split(os.pathsep)[0] for name, start in made.items()}
    assert "0.9.1-" in paths["Frontend"]
    assert "1.2.1-" in paths["Worker"]
    assert paths["Now"] == "/ours/bin"
    assert "/ours/bin" not in made["Frontend"].env["PATH"]
    assert made["Frontend"].env[RELEASE_VARIABLE] == "0.9.1"
    assert RELEASE_VARIABLE not in made["Now"].env
    assert "shim" in made["Frontend"].env["PYTHONPATH"]
    assert "shim" not in made["Worker"].env["PYTHONPATH"]


def test_each_is_told_of_planes_in_its_own_words(tmp_path: Path) -> None:
    made = starts(tmp_path)
    assert made["Frontend"].env["DYN_STORE_KV"] == "file"
    assert made["Frontend"].env["DYN_KV_EVENTS"] == "false"
    assert "DYN_KV_EVENTS" not in made["Worker"].env
    assert made["Worker"].argv[-2:] == ("--store-kv", "file")


def test_no_environment_of_a_release_holds_an_engine() -> None:
    graph = read_graph(next(iter(read_documents(TEXT, file="g.yaml"))))
    with pytest.raises(DeployFailure, match="--engine=real runs the engine that is installed"):
        own_releases(graph, wanted="0.9.1", engine=REAL, make=False)
    assert not own_releases(graph, wanted=None, engine=REAL, make=False).environments
