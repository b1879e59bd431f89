"""`dynamo deploy --target compose` with Docker Compose v2 and the mock engine's image.

`tox run -e compose` runs this; it needs Docker, and Compose v2.24 or later (.ci/compose/build.sh).
The image is made by `dynamo_conformance.images`, or is what DYN_CONFORMANCE_MOCK_IMAGE names.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from dynamo_conformance.targets.local.port_reservations import Ports
from dynamo_conformance.targets.readiness import wait_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.targets.interface import Change, Worker

IMAGE = "DYN_CONFORMANCE_MOCK_IMAGE"
MODEL = "Qwen/Qwen3-0.6B"
CONFIG = """\
version: 0.1
name: composed
components:
  - name: http-ingress
    image: {image}
    runtime_version: 1.6.1
    role: frontend
    replicas: 2
    resources: {{cpu: 500m, memory: 1Gi}}
  - name: decode
    image: {image}
    runtime_version: 1.6.1
    run_config: &worker
      args: {{input: dyn, output: vllm}}
      model: Qwen/Qwen3-0.6B
      options: {{kv_transfer_config: {{kv_connector: NixlConnector, kv_role: kv_both}}}}
    role: decode
    resources: {{cpu: 1, memory: 1Gi, gpu: 1}}
    shared_memory: 64Mi
    environment: {{PRICE: 5$ a piece}}
    secret_env: [hf-token-secret]
    model_cache: {{claim: dynamo-deploy-test, mount: /model-cache}}
  - name: prefill
    image: {image}
    runtime_version: 1.6.1
    run_config: *worker
    role: prefill
    resources: {{cpu: 1, memory: 1Gi, gpu: 1}}
    shared_memory: 64Mi
"""
WITHOUT_GPUS = """\
services:
  decode: {deploy: {resources: {reservations: {devices: !reset []}}}}
  prefill: {deploy: {resources: {reservations: {devices: !reset []}}}}
"""
"""What stands for GPUs that are not there: nothing else of the written file is changed."""

SECONDS = 300


@dataclass(frozen=True, slots=True)
class Project:
    """A project of Compose; what `wait_ready` asks for, it has."""

    folder: Path
    name: str
    ports: tuple[int, int]
    workers: tuple[Worker, ...] = ()
    changes: tuple[Change, ...] = ()
    settled_for: float | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    @property
    def logs(self) -> Path:
        return self.folder

    def check(self) -> None:
        states = {one["Service"]: one["State"] for one in self.listed()}
        assert set(states.values()) == {"running"}, (states, self.run("logs", "--no-color").stdout)

    def listed(self) -> list[dict[str, str]]:
        shown = self.run("ps", "--all", "--format", "json")
        assert shown.returncode == 0, shown.stderr
        return [json.loads(line) for line in shown.stdout.splitlines()]

    def run(self, *words: str, gpus: bool = False) -> subprocess.CompletedProcess[str]:
        """Run Compose on what was written, without GPUs unless they are asked for."""
        files = ["-f", str(self.folder / "out" / "compose.yaml")]
        if not gpus:
            files += ["-f", str(self.folder / "without-gpus.yaml")]
        first, last = self.ports
        return subprocess.run(
            ["docker", "compose", "--project-name", self.name, *files, *words],
            env={**os.environ, "DYN_HTTP_PORTS": f"{first}-{last}"},
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )


@pytest.fixture(scope="module")
def compose() -> None:
    """Skip where there is no Docker, or Docker without Compose v2."""
    asked = (
        (["docker", "info"], "Docker does not answer"),
        (
            ["docker", "compose", "version"],
            "Docker Compose v2 is not installed; .ci/compose/build.sh builds it",
        ),
    )
    for words, lack in asked:
        try:
            subprocess.run(words, capture_output=True, check=True, timeout=60)
        except (OSError, subprocess.SubprocessError):
            pytest.skip(lack)


@pytest.fixture(scope="module")
def image(compose: None) -> str:
    named = os.environ.get(IMAGE)
    if named:
        return named
    images = pytest.importorskip("dynamo_conformance.images", reason=f"no image; set {IMAGE}")
    from dynamo_conformance.mock_engine.mock_image import recipe

    return str(images.build(recipe(), base=images.base_image()).name)


@pytest.fixture
def project(image: str, tmp_path: Path) -> Iterator[Project]:
    (tmp_path / "config.yaml").write_text(CONFIG.format(image=image), encoding="utf-8")
    (tmp_path / "without-gpus.yaml").write_text(WITHOUT_GPUS, encoding="utf-8")
    words = ("deploy", "-f", "config.yaml", "--target", "compose", "--out-dir", "out")
    dynamo = Path(sys.executable).with_name("dynamo")
    subprocess.run([dynamo, *words], cwd=tmp_path, check=True, timeout=60)
    keys = tmp_path / "out" / "hf-token-secret.env"
    keys.write_text("HF_TOKEN=none of yours\n", encoding="utf-8")
    with Ports() as ports:
        first = ports.take(0, span=2)
        made = Project(tmp_path, f"composed-{uuid4().hex[:8]}", (first, first + 1))
        try:
            yield made
        finally:
            down = made.run("down", "--volumes", "--timeout", "10")
            assert (down.returncode, made.listed()) == (0, []), down.stderr


def test_it_answers_once_it_is_healthy(project: Project) -> None:
    started = project.run("up", "--wait", "--wait-timeout", str(SECONDS - 10))
    assert started.returncode == 0, started.stderr + project.run("logs", "--no-color").stdout
    services = [one["Service"] for one in project.listed()]
    assert sorted(services) == ["decode", "http-ingress", "http-ingress", "prefill"]
    assert {one["Health"] for one in project.listed()} == {"healthy"}
    for port in project.ports:
        each = Project(project.folder, project.name, (port, project.ports[1]))
        wait_ready(each, model=MODEL, timeout=60.0)

    def inside(script: str) -> str:
        return project.run("exec", "-T", "decode", "sh", "-c", script).stdout.strip()

    assert inside('echo "$HF_TOKEN|$PRICE|$HF_HOME"') == "none of yours|5$ a piece|/model-cache"
    assert "size=65536k" in inside("mount | grep ' /dev/shm '")
    assert " /model-cache " in inside("mount")


def test_docker_is_asked_for_the_gpus(project: Project) -> None:
    """Docker without GPUs can only show that it was asked: it names what it lacks."""
    shown = json.loads(project.run("config", "--format", "json", gpus=True).stdout)
    devices = {
        name: service["deploy"]["resources"]["reservations"].get("devices")
        for name, service in shown["services"].items()
    }
    assert devices["http-ingress"] is None
    given = [devices[name][0]["device_ids"] for name in ("decode", "prefill")]
    assert given == [["0"], ["1"]]

    started = project.run("up", "--detach", "--no-deps", "decode", gpus=True)
    if started.returncode == 0:
        pytest.skip("Docker has GPUs here")
    assert 'could not select device driver "nvidia" with capabilities: [[gpu]]' in started.stderr
