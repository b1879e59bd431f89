"""One thing broken in an example: the suite turns red, with the right words."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.mock_engine import environment
from dynamo_conformance.mock_engine.hub_cache import fill
from sandbox import EXAMPLES

if TYPE_CHECKING:
    from sandbox import Sandbox

SOON = ("--dynamo-timeout", "5")
IMPATIENT = Path(__file__).with_name("short_waits.py")


@pytest.mark.parametrize(
    ("example", "change", "words"),
    [
        (
            "k8s/agg.yaml",
            ("replicas: 1", "replica: 1"),
            'unknown field "spec.components[0].replica"; did you mean "replicas"?',
        ),
        (
            "k8s/v1alpha1/agg.yaml",
            ("componentType: worker", "componenttype: worker"),
            'did you mean "componentType"?',
        ),
        (
            "k8s/agg.yaml",
            ("- --model\n", "- --modle\n"),
            "unrecognized arguments: --modle Qwen/Qwen3-0.6B; did you mean --model?",
        ),
        (
            "k8s/disagg.yaml",
            ("- prefill\n", "- decode\n"),
            "is of type prefill, but its command line runs dynamo.vllm as decode",
        ),
        (
            "k8s/disagg.yaml",
            ("Qwen/Qwen3-0.6B\n                - --disaggregation-mode\n                - prefill",
             "Qwen/Qwen3-8B\n                - --disaggregation-mode\n                - prefill"),
            "prefill and decode workers must serve one model",
        ),
    ],
)  # fmt: skip
def test_lint_sees_it(sandbox: Sandbox, example: str, change: tuple[str, str], words: str) -> None:
    path = sandbox.changed(example, change)
    ended = sandbox.pytest("-m", "lint", str(path))
    assert words in ended.text
    assert (ended.code, "1 failed" in ended.text) == (1, True)
    assert sandbox.dynamo("lint", str(path)).code == 1


@pytest.mark.parametrize(
    ("example", "change", "words"),
    [
        (
            "k8s/agg.yaml",
            ("- --model\n", "- --modle\n"),
            ["component VllmWorker exited with code 2", "no such flag: --modle"],
        ),
        (
            "k8s/disagg.yaml",
            ("- prefill\n", "- decode\n"),
            ["not ready after 5 s", "a role is missing"],
        ),
        (
            "k8s/disagg.yaml",
            ("Qwen/Qwen3-0.6B\n                - --disaggregation-mode\n                - prefill",
             "Qwen/Qwen3-8B\n                - --disaggregation-mode\n                - prefill"),
            ["not ready after 5 s", "prefill and decode workers serve different models"],
        ),
        (
            "k8s/agg_router.yaml",
            ('"enable_kv_cache_events":true', '"enable_kv_cache_events":false'),
            ["FAIL graph.kv-router: "],
        ),
        (
            "k8s/agg_router.yaml",
            ("value: kv", "value: round-robin"),
            ["FAIL graph.kv-router: ", "1 failed"],
        ),
        (
            "k8s/v1alpha1/agg.yaml",
            ("componentType: worker", "componentType: main"),
            [
                "failed_to_reconcile_the_resources",
                'no component type "main"',
                "1 failed, ",
            ],
        ),
        (
            "k8s/deepseek_r1/agg_dp.yaml",
            ('LWS_WORKER_INDEX() { echo "$LWS_WORKER_INDEX"; };', ""),
            ["component VllmWorker.1 exited with code 2", "found no command LWS_WORKER_INDEX"],
        ),
    ],
)  # fmt: skip
def test_serving_sees_it(
    sandbox: Sandbox, example: str, change: tuple[str, str], words: list[str]
) -> None:
    path = sandbox.changed(example, change)
    shutil.copy(IMPATIENT, sandbox.folder / "conftest.py")
    ended = sandbox.pytest("-m", "e2e", *SOON, str(path))
    for one in words:
        assert one in ended.text
    assert ended.code == 1
    assert sandbox.left_behind() == []


def test_a_port_in_use_is_named(sandbox: Sandbox) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))  # noqa: S104 - where a frontend listens
        taken.listen()
        port = taken.getsockname()[1]
        path = sandbox.changed("k8s/agg.yaml")
        ended = sandbox.dynamo("up", "--port", str(port), str(path))
    assert ended.code == 1
    assert f"port {port} is in use; choose another one with --port" in ended.text
    assert sandbox.left_behind() == []


def test_a_script_whose_port_is_taken_says_so(sandbox: Sandbox) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))  # noqa: S104 - where a frontend listens
        taken.listen()
        port = str(taken.getsockname()[1])
        env = {**sandbox.environment, "DYN_HTTP_PORT": port, "HOME": str(sandbox.folder)}
        overlay = environment(hub_home=sandbox.folder / "hub")
        fill(sandbox.folder / "hub", ["Qwen/Qwen3-0.6B"])
        ended = subprocess.run(
            [str(EXAMPLES / "local" / "agg.sh")],
            env={**env, **overlay, "SYSTEM_PORT": "18081"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode != 0
    assert f"port {port} already in use" in ended.stdout + ended.stderr
    assert sandbox.left_behind() == []
