"""vLLM itself in a pod, under the published image's name: the manifest is applied as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dynamo_conformance.images.wheels import WHEELS

AGG = Path(__file__).parents[2] / "examples/llm/vllm_v1/launch/k8s/agg.yaml"
CLUSTER = "dynamo-conformance-cpu-engine"
"""One of its own: the other tests' cluster has the mock engine under the published names."""

SECONDS = 2400


@pytest.mark.timeout(SECONDS)
def test_the_published_manifest_is_served_by_vllm_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not os.environ.get(WHEELS):
        with capsys.disabled():
            sys.stderr.write(f"\nvLLM on a CPU is not tested: {WHEELS} names no torch for CPUs\n")
        pytest.skip(f"{WHEELS} names no torch for CPUs")
    report = tmp_path / "report.json"
    served = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-m", "e2e", "--dynamo-target=kind"),
            *("--dynamo-engine=cpu", "--dynamo-profile=core", f"--dynamo-report={report}"),
            *(f"--dynamo-kind-cluster={CLUSTER}", "--dynamo-kind-delete", str(AGG)),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert served.returncode == 0, served.stdout + served.stderr
    (graph,) = json.loads(report.read_text(encoding="utf-8"))["graphs"]
    assert graph["engine"] == "vllm"
    outcomes = {result["id"]: result["outcome"] for result in graph["results"]}
    # Several choices and log probabilities, which the mock engine has not.
    assert outcomes["sampling.n"] == outcomes["sampling.logprobs"] == "PASS"
