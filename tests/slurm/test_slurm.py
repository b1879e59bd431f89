"""`dynamo deploy --target slurm` on a Slurm of one node: it answers, and ends as a whole.

`tox run -e slurm` runs this; it needs root, and slurm-wlm and munge of Debian or Ubuntu.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from dynamo_conformance.engines.serving import serving
from dynamo_conformance.manifest.read import read_graphs
from dynamo_conformance.targets import MOCK
from dynamo_conformance.targets.local.port_reservations import Ports
from dynamo_conformance.targets.local.run_environment import base_environment, fill_hub
from dynamo_conformance.targets.readiness import wait_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.targets.interface import Change, Worker

REPOSITORY = Path(__file__).parents[2]
CLUSTER = REPOSITORY / ".ci" / "slurm" / "cluster.sh"
CONFIG = REPOSITORY / "tests" / "unit" / "deploy" / "published" / "disagg.yaml"
MANIFEST = REPOSITORY / "examples" / "llm" / "vllm_v1" / "launch" / "k8s" / "disagg.yaml"
NAMES = ("Frontend", "VllmDecodeWorker", "VllmPrefillWorker")
SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Job:
    """A job of a graph; what `wait_ready` asks for, it has."""

    number: str
    url: str
    folder: Path
    env: dict[str, str]
    workers: tuple[Worker, ...] = ()
    changes: tuple[Change, ...] = ()
    settled_for: float | None = None

    @property
    def logs(self) -> Path:
        return self.folder / f"run-{self.number}" / "logs"

    @property
    def state(self) -> str:
        shown = self.command("scontrol", "--oneliner", "show", "job", self.number)
        return shown.partition("JobState=")[2].partition(" ")[0]

    def check(self) -> None:
        if self.state not in ("PENDING", "RUNNING"):
            texts = [one.read_text(encoding="utf-8", errors="replace") for one in self._texts()]
            pytest.fail("\n".join([self.state, *texts]))

    def command(self, *words: str) -> str:
        done = subprocess.run(
            words, env=self.env, capture_output=True, text=True, check=False, timeout=60
        )
        return done.stdout

    def ended(self) -> str:
        """Wait for the end of the job and return how it ended."""
        deadline = time.monotonic() + SECONDS
        while (state := self.state) in ("PENDING", "RUNNING", "COMPLETING"):
            assert time.monotonic() < deadline, f"the job still is {state}"
            time.sleep(0.2)
        return state

    def processes(self) -> dict[int, dict[str, str]]:
        """Return the components' own processes with their environments."""
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0")
                environ = (entry / "environ").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            values = dict(one.partition("=")[::2] for one in environ)
            is_ours = values.get("SLURM_JOB_ID") == self.number and "SLURM_STEP_ID" in values
            if is_ours and command[1:2] == [b"-m"]:
                found[int(entry.name)] = {**values, "module": command[2].decode()}
        return found

    def _texts(self) -> list[Path]:
        return [*self.folder.glob("*.log"), *self.logs.glob("*.log")]


@pytest.fixture(scope="module")
def slurm_conf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if shutil.which("slurmctld") is None or shutil.which("munged") is None:
        pytest.skip("Slurm is not installed; run: apt-get install slurm-wlm munge")
    if os.geteuid() != 0:
        pytest.skip("a Slurm of one node is started by root alone")
    folder = tmp_path_factory.mktemp("slurm")
    with Ports() as ports:
        env = {**os.environ, "SLURM_PORT": str(ports.take(0, span=2))}
        try:
            subprocess.run([CLUSTER, "up", folder], env=env, check=True, timeout=90)
            yield str(folder / "slurm.conf")
        finally:
            subprocess.run([CLUSTER, "down", folder], env=env, check=True, timeout=60)


@pytest.fixture
def job(slurm_conf: str, tmp_path: Path) -> Iterator[Job]:
    with running(tmp_path, slurm_conf) as started:
        wait_ready(started, model="Qwen/Qwen3-0.6B", timeout=SECONDS)
        yield started


@contextmanager
def running(folder: Path, slurm_conf: str) -> Iterator[Job]:
    """Write a graph, and submit it as its user would."""
    out = folder / "job"
    words = ("deploy", "-f", str(CONFIG), "--target", "slurm", "--out-dir", str(out))
    subprocess.run([Path(sys.executable).with_name("dynamo"), *words], check=True, timeout=60)
    (out / "hf-token-secret.env").write_text("HF_TOKEN=none\n", encoding="utf-8")
    graph = read_graphs(MANIFEST)[0]
    promised = serving(graph)
    assert promised is not None
    (folder / "tmp").mkdir()
    with Ports() as ports:
        kinds = ("DYN_HTTP_PORT", "SYSTEM_PORT", "NIXL_PORT")
        chosen = {name: ports.take(0, span=4) for name in kinds}
        env = base_environment(MOCK, folder)
        env.update({name: str(port) for name, port in chosen.items()}, SLURM_CONF=slurm_conf)
        fill_hub(Path(env["HF_HOME"]), [promised.source or ""])
        script = out / "vllm-disagg.sbatch"
        submitted = subprocess.run(
            ["sbatch", "--parsable", f"--chdir={out}", script],
            env=env,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        number = submitted.stdout.strip()
        url = f"http://127.0.0.1:{chosen['DYN_HTTP_PORT']}"
        started = Job(number=number, url=url, folder=out, env=env)
        try:
            yield started
        finally:
            started.command("scancel", number)
            started.ended()


def test_it_answers_with_one_step_for_each_component(job: Job) -> None:
    assert sorted(one.stem for one in job.logs.glob("*.log")) == sorted(NAMES)
    assert all(one.stat().st_size for one in job.logs.glob("*.log"))
    said = next(job.folder.glob("vllm-disagg-*.log")).read_text(encoding="utf-8")
    assert said.startswith("Frontend answers at http://")

    workers = [one for one in job.processes().values() if one["module"] == "dynamo.vllm"]
    assert len({one["SLURM_STEP_ID"] for one in workers}) == 2
    assert sorted(one["CUDA_VISIBLE_DEVICES"] for one in workers) == ["0", "1"]
    assert {one["HF_TOKEN"] for one in workers} == {"none"}
    steps = job.command("scontrol", "show", "step", job.number)
    assert steps.count("cpu=4,mem=32G,node=1") == 2, steps
    assert steps.count("cpu=1,mem=4G,node=1") == 1, steps
    system = {f"http://127.0.0.1:{one['DYN_SYSTEM_PORT']}/metrics" for one in workers}
    for url in system:
        assert "component_requests_total" in requests.get(url, timeout=10).text


def test_a_cancelled_job_leaves_no_process(job: Job) -> None:
    assert len(job.processes()) == 3
    job.command("scancel", job.number)
    assert job.ended() == "CANCELLED"
    assert job.processes() == {}


def test_a_component_that_dies_ends_the_job(job: Job) -> None:
    found = job.processes()
    worker = next(pid for pid, one in found.items() if one["module"] == "dynamo.vllm")
    os.kill(worker, signal.SIGKILL)
    assert job.ended() == "FAILED"
    assert job.processes() == {}
