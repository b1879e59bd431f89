"""Advice is in the words of the file's own API version, and can be followed there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from lint_helpers import Linter

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = "nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1"
ALPHA = """\
apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: {{name: g}}
spec:
  services:
    Frontend: {{componentType: frontend, extraPodSpec: {{mainContainer: {{image: {image}}}}}}}
    W: {{{fields}, extraPodSpec: {{mainContainer: {{image: {image}, {main}}}}}}}
"""
BETA = """\
apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata: {{name: g}}
spec:
  components:
    - {{name: Frontend, type: frontend,
        podTemplate: {{spec: {{containers: [{{name: main, image: {image}}}]}}}}}}
    - {{name: W, {fields}, podTemplate: {{spec: {{containers: [{{name: main, image: {image},
        {main}}}]}}}}}}
"""
VLLM = "command: [python3, -m, dynamo.vllm]"
RUN = f"{VLLM}, args: [--model, m/m]"
TP = f"{VLLM}, args: [--model, m/m, --tensor-parallel-size, '2']"
PREFILL = f"{VLLM}, args: [--model, m/m, --disaggregation-mode, prefill]"
UNDEFINED = f"{VLLM}, args: [$(NAME)]"
PROBED = f"{RUN}, livenessProbe: {{httpGet: {{path: /live, port: 9090}}}}"
TOKEN = "env: [{name: HF_TOKEN, value: hf_" + "a" * 34 + "}]"
ALPHA_GPU = "resources: {limits: {gpu: '1'}}"
ASKED = "resources: {requests: {gpu: '1'}}"
BETA_GPU = "resources: {limits: {nvidia.com/gpu: '1'}}"


@pytest.fixture
def linter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Linter:
    return Linter.opened(tmp_path, monkeypatch)


def alpha(main: str, fields: str = "componentType: worker") -> str:
    return ALPHA.format(main=main, fields=fields, image=IMAGE)


def beta(main: str, fields: str = "type: worker") -> str:
    return BETA.format(main=main, fields=fields, image=IMAGE)


@pytest.mark.parametrize(
    ("rule", "text", "words"),
    [
        ("gpu-none", alpha(RUN), 'add gpu: "1" to its resources.limits'),
        ("gpu-none", beta(RUN), 'add nvidia.com/gpu: "1" to its resources.limits'),
        ("parallel-size", alpha(TP, f"componentType: worker, {ALPHA_GPU}"), 'set gpu to "2" or'),
        ("parallel-size", alpha(f"{TP}, {BETA_GPU}"), 'set nvidia.com/gpu to "2" or'),
        ("parallel-size", beta(f"{TP}, {BETA_GPU}"), 'set nvidia.com/gpu to "2" or'),
        (
            "role-mismatch",
            alpha(PREFILL, "componentType: worker, subComponentType: decode"),
            "or componentType: worker and subComponentType: prefill",
        ),
        ("role-mismatch", beta(PREFILL, "type: decode"), "or type: prefill"),
        ("role-mismatch", alpha(RUN, "componentType: frontend"), "write componentType: worker"),
        (
            "graph-workers",
            alpha("args: [a]", "componentType: planner"),
            "componentType: worker",
        ),
        ("graph-workers", beta("args: [a]", "type: planner"), "add one with type: worker"),
        ("graph-frontend", alpha(RUN, "replicas: 1"), "write componentType: worker"),
        ("graph-frontend", beta(RUN, "replicas: 1"), "write type: worker"),
        ("pod-resources", alpha(RUN, f"componentType: worker, {ASKED}"), "gpu is requested"),
        (
            "pod-resources",
            alpha(RUN, "componentType: worker, resources: {requests: {custom: {a/b: '1'}}}"),
            "a/b is requested without a limit; write it under limits.custom",
        ),
        (
            "pod-resources",
            beta(f"{RUN}, resources: {{requests: {{nvidia.com/gpu: 1}}}}"),
            "nvidia.com/gpu is requested without a limit; write it under limits",
        ),
        ("plain-secret", alpha(TOKEN), "valueFrom.secretKeyRef or envFromSecret"),
        ("plain-secret", beta(TOKEN), "valueFrom.secretKeyRef or envFrom"),
        ("shell-variable", alpha(UNDEFINED), "define NAME in envs"),
        ("shell-variable", beta(UNDEFINED), "define NAME in env"),
        ("probe-budget", alpha(PROBED, "replicas: 1"), "the component its componentType, and"),
        ("probe-budget", beta(PROBED, "replicas: 1"), "the component its type, and"),
    ],
)
def test_a_rule_speaks_the_version_of_the_file(
    linter: Linter, rule: str, text: str, words: str
) -> None:
    linter.write("g.yaml", text)
    (document,) = linter.documents("--only", rule, "g.yaml")
    (finding,) = document["findings"]
    assert re.search(rf"(?<![\w./]){re.escape(words)}(?!\w)", str(finding["message"]))
