"""Graphs on other releases than the installed one, for real; each needs that release's wheels."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from dynamo_conformance.engines.releases import Release
from dynamo_conformance.manifest.read import read_graphs
from dynamo_conformance.runtimes import surroundings
from dynamo_conformance.runtimes.environment import RuntimeUnavailableError, environment
from dynamo_conformance.targets.interface import DeployFailure
from dynamo_conformance.targets.local.deployment import LocalTarget
from dynamo_conformance.targets.readiness import wait_ready

if TYPE_CHECKING:
    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.runtimes.environment import RuntimeEnvironment

RELEASES = Path(__file__).parents[1] / "data" / "releases"
MODEL = "Qwen/Qwen3-0.6B"


def made(release: Release) -> RuntimeEnvironment:
    try:
        return environment(release)
    except RuntimeUnavailableError as error:
        pytest.skip(f"no environment: {error}")


def old(minor: str, name: str) -> Graph:
    return read_graphs(RELEASES / minor / f"{name}.yaml")[0]


@pytest.mark.parametrize(
    ("release", "name"),
    [(Release(0, 9, 1), "disagg"), (Release(1, 1, 1), "agg"), (Release(1, 4, 2), "disagg")],
    ids=str,
)
def test_a_graph_answers_on_the_release_of_its_images(release: Release, name: str) -> None:
    made(release)
    minor = f"{release.major}.{release.minor}"
    with LocalTarget().deploy(old(minor, name)) as deployment:
        ready = wait_ready(deployment, model=MODEL, timeout=60)
        stated = requests.get(f"{deployment.url}/openapi.json", timeout=10).json()
        assert stated["info"]["version"] == str(release)
        assert ready.model == MODEL
        assert any(str(change).startswith(f"Dynamo {release}: ") for change in deployment.changes)


def test_no_nats_is_asked_for_in_vain() -> None:
    programs = made(Release(0, 9, 1)).programs
    opens = (
        "import asyncio\n"
        "from dynamo.runtime import DistributedRuntime\n"
        "async def main():\n"
        "    DistributedRuntime(asyncio.get_running_loop(), 'mem', 'tcp').shutdown()\n"
        "asyncio.run(main())\n"
    )
    shim = str(Path(surroundings.__file__).parent / "shim")
    codes = [
        subprocess.run(
            [programs / "python3", "-c", opens],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": path},
            capture_output=True,
            timeout=60,
            check=False,
        ).returncode
        for path in ("", shim)
    ]
    assert codes[0] != 0
    assert codes[1] == 0


def test_without_its_servers_an_old_release_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    made(Release(0, 6, 1))
    monkeypatch.setenv("PATH", "/nowhere")
    with (
        pytest.raises(DeployFailure, match=r"Dynamo 0\.6\.1 cannot do without nats-server") as why,
        LocalTarget().deploy(old("0.6", "agg")),
    ):
        pass
    assert "--release installed" in str(why.value)
