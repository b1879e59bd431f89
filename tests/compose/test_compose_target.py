"""`--dynamo-target=compose`: what is broken in a compose file is seen, and nothing is left.

The published files themselves are run by `pytest --dynamo-target=compose examples`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.images import base_image, build
from dynamo_conformance.mock_engine.mock_image import recipe
from dynamo_conformance.targets.compose.docker_compose import ComposeError, check
from dynamo_conformance.targets.local.local_script import TAKES_CTRL_C
from sandbox import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox

IMAGE = "nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1"
TARGET = ("--dynamo-target=compose", "--dynamo-timeout=8")
UP_SECONDS = 60.0


@pytest.fixture(scope="module", autouse=True)
def compose() -> None:
    """Skip where there is no Docker, or Docker without Compose v2."""
    try:
        check(os.environ)
    except ComposeError as error:
        pytest.skip(str(error))
    # Made here, so that no test waits for it.
    build(recipe(), base=base_image())


def plant(sandbox: Sandbox, name: str, *changes: tuple[str, str], engine: str = "vllm_v1") -> str:
    """Copy a compose file with pieces replaced, beside the manifest that it must live up to."""
    launch = REPOSITORY / "examples" / "llm" / engine / "launch"
    written: dict[str, Path] = {}
    for folder in ("compose", "k8s"):
        to = sandbox.folder / "launch" / folder / f"{name}.yaml"
        to.parent.mkdir(parents=True)
        to.write_text((launch / folder / f"{name}.yaml").read_text("utf-8"), encoding="utf-8")
        written[folder] = to
    text = written["compose"].read_text("utf-8")
    for old, new in changes:
        assert old in text, f"{name} has no {old!r}"
        text = text.replace(old, new, 1)
    written["compose"].write_text(text, encoding="utf-8")
    return str(written["compose"])


def docker(*words: str) -> list[str]:
    done = subprocess.run(
        ["docker", *words], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.split()


def left() -> list[str]:
    """Return what a run has left in the container engine."""
    ours = "name=dynamo-conformance-"
    return [
        *docker("ps", "--all", "--quiet", "--filter", "label=com.docker.compose.project"),
        *docker("volume", "ls", "--quiet", "--filter", ours),
        *docker("network", "ls", "--quiet", "--filter", ours),
        *docker("image", "ls", "--quiet", IMAGE),
    ]


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        (
            "agg",
            ("- --model\n", "- --modle\n"),
            ["service worker exited with code 2", "no such flag: --modle"],
        ),
        (
            "disagg",
            ("      - prefill\n", "      - decode\n"),
            ["not ready after 8 s", "a role is missing"],
        ),
        (
            "agg",
            ("${MODEL:-Qwen/Qwen3-0.6B}", "Qwen/Qwen3-8B"),
            ["the frontend lists Qwen/Qwen3-8B, but not Qwen/Qwen3-0.6B"],
        ),
        (
            "agg_router",
            ('"enable_kv_cache_events":true', '"enable_kv_cache_events":false'),
            ["FAIL graph.kv-router: "],
        ),
        (
            "agg",
            ("dynamo.frontend", "dynamo.vllm"),
            ["no service publishes a port of a frontend"],
        ),
        ("agg", ("services:", "servises:"), ["docker compose:", "servises"]),
    ],
)  # fmt: skip
def test_what_is_broken_is_seen(
    sandbox: Sandbox, name: str, change: tuple[str, str], words: list[str]
) -> None:
    ended = sandbox.pytest(*TARGET, plant(sandbox, name, change))
    for one in words:
        assert one in ended.text, ended.text
    assert ended.code == 1
    assert left() == []


def test_the_logs_of_what_failed_are_kept(sandbox: Sandbox) -> None:
    path = plant(sandbox, "agg", ("- --model\n", "- --modle\n"))
    sandbox.pytest(*TARGET, "--dynamo-artifacts", str(sandbox.folder / "kept"), path)
    (log,) = (sandbox.folder / "kept").rglob("worker.log")
    assert "unrecognized arguments: --modle" in log.read_text(encoding="utf-8")


def test_an_image_of_that_name_stays_what_it_is(sandbox: Sandbox) -> None:
    """It may be the real one, which took an hour to download."""
    foreign = base_image()
    docker("tag", foreign, IMAGE)
    try:
        ended = sandbox.pytest(*TARGET, plant(sandbox, "agg"))
        assert f"the image {IMAGE} is here" in ended.text
        assert "run it with --dynamo-engine=real" in ended.text
        assert ended.code == 1
        assert docker("image", "inspect", "--format", "{{.Id}}", IMAGE) == docker(
            "image", "inspect", "--format", "{{.Id}}", foreign
        )
    finally:
        docker("image", "rm", IMAGE)
    assert left() == []


def test_an_image_that_is_nowhere(sandbox: Sandbox) -> None:
    path = plant(sandbox, "agg", (IMAGE, "localhost:9/engine:1"))
    ended = sandbox.pytest("--dynamo-target=compose", "--dynamo-engine=real", path)
    assert "docker compose: " in ended.text
    assert "localhost:9" in ended.text
    assert "pull" in ended.text
    assert ended.code == 1
    assert left() == []


def test_ctrl_c_leaves_nothing(sandbox: Sandbox) -> None:
    path = plant(sandbox, "disagg", ("      - prefill\n", "      - decode\n"))
    words = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--dynamo-target=compose")
    process = subprocess.Popen(
        [*TAKES_CTRL_C, *words, path],
        cwd=sandbox.folder,
        env=sandbox.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    sandbox.started.append(process)
    deadline = time.monotonic() + UP_SECONDS
    while len(docker("ps", "--quiet", "--filter", f"ancestor={IMAGE}")) < 3:
        assert time.monotonic() < deadline, "the containers do not start"
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=UP_SECONDS)
    assert process.returncode == 2, text
    assert left() == []
    assert sandbox.left_behind() == []
