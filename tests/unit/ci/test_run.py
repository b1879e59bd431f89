"""`.ci/run` with stubs for all that it calls: what runs beside what, and how it ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from configparser import ConfigParser
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from sandbox import AS_FROM_A_TERMINAL, REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 30.0
SUMMARY = "========= 7 passed in 0.10s ========="
STUB = """\
#!/bin/bash
# Stands for python3: each call is recorded, with the time at which it ended.
case "$*" in
  "-m venv "*) mkdir -p "$3/bin"; exit ;;
  *pip*) exit ;;
esac
word=${@: -1}
echo "begin $word" >> record
echo "output of $word"
case "$word" in
  build/airgap/env) mkdir -p build/airgap; echo "export IN_CLUSTER=yes" > build/airgap/env ;;
  kind,kind-faults|compose) [[ $IN_CLUSTER == yes ]] || exit 9 ;;
  tests) echo "SUMMARY" ;;
esac
if [[ $word == "$SLOW" ]]; then sleep 30; fi
echo "end $word" >> record
[[ $word != "$FAILING" ]] || exit 3
"""

UNSET = dict.fromkeys(
    ("SLOW", "FAILING", "DYN_CONFORMANCE_SKIP_KIND", "DYN_CONFORMANCE_WHEELS"), ""
)
"""What a run is not told by whoever runs the tests."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A folder with `.ci/run` and stubs of the programs that it calls."""

    folder: Path

    def start(self, **env: str) -> subprocess.Popen[str]:
        path = os.pathsep.join([str(self.folder / "stubs"), os.environ["PATH"]])
        return subprocess.Popen(
            [*AS_FROM_A_TERMINAL, str(self.folder / ".ci" / "run")],
            env={**os.environ, "PATH": path, **UNSET, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, **env: str) -> tuple[int, list[str]]:
        process = self.start(**env)
        text, _ = process.communicate(timeout=SECONDS)
        return process.returncode, text.splitlines()

    @property
    def record(self) -> list[str]:
        path = self.folder / "record"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    (tmp_path / ".ci").mkdir()
    shutil.copy(REPOSITORY / ".ci" / "run", tmp_path / ".ci")
    (tmp_path / "stubs").mkdir()
    stubs = {
        "python3": STUB.replace("SUMMARY", SUMMARY),
        "docker": "#!/bin/sh\n",
        "sbatch": "#!/bin/sh\n",
        "chromium": "#!/bin/sh\n",
        "chromedriver": "#!/bin/sh\n",
        "etcd": "#!/bin/sh\n",
        "nats-server": "#!/bin/sh\n",
        "id": "#!/bin/sh\necho 0\n",
    }
    for name, text in stubs.items():
        path = tmp_path / "stubs" / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
    return Checkout(tmp_path)


def test_the_last_line_is_the_summary_of_the_tests(checkout: Checkout) -> None:
    code, lines = checkout.run()
    assert (code, lines[-1]) == (0, SUMMARY)
    ran = {line.removeprefix("end ") for line in checkout.record if line.startswith("end ")}
    assert ran >= {
        *("style,types", "fuzz", "slurm", "browser", "compose", "conformance"),
        *("kind,kind-faults", "tests", "tests/legacy", "build/airgap/env"),
    }
    assert [line for line in lines if "took" in line and "fuzz" in line]


def test_the_engine_itself_serves_where_its_wheels_are(checkout: Checkout) -> None:
    last = "end examples/llm/vllm_v1/launch/k8s/tool_calling.yaml"
    _, lines = checkout.run()
    assert last not in checkout.record
    assert any(line.startswith("SKIPPED: no PyTorch for a CPU") for line in lines)
    checkout.run(DYN_CONFORMANCE_WHEELS="/wheels")
    assert last in checkout.record


def test_the_output_of_a_step_beside_others_is_printed_when_it_ends(checkout: Checkout) -> None:
    _, lines = checkout.run()
    begun = lines.index("ci: fuzz begins beside other steps")
    printed = lines.index("output of fuzz")
    assert lines[printed + 1].startswith("ci: fuzz took ")
    assert begun < lines.index("output of style,types") < printed


def test_what_measures_runs_alone(checkout: Checkout) -> None:
    checkout.run()
    running: set[str] = set()
    for line in checkout.record:
        verb, _, name = line.partition(" ")
        if verb == "begin":
            running.add(name)
        if running & {"conformance", "kind,kind-faults", "tests"}:
            assert len(running) == 1, checkout.record
        if verb == "end":
            running.remove(name)


@pytest.mark.parametrize(
    "name",
    [
        "build/airgap/env",
        "fuzz",
        "style,types",
        "slurm",
        "browser",
        "conformance",
        "kind,kind-faults",
        "tests",
    ],
)
def test_a_step_that_fails_ends_the_run_with_its_output(checkout: Checkout, name: str) -> None:
    code, lines = checkout.run(FAILING=name)
    assert code == 3
    assert "failed with exit code 3" in lines[-1]
    assert f"output of {name}" in lines[-4:]
    assert name == "tests" or "begin tests" not in checkout.record


def test_a_failure_does_not_wait_for_a_slow_step(checkout: Checkout) -> None:
    before = time.monotonic()
    code, _ = checkout.run(FAILING="fuzz", SLOW="style,types")
    assert code == 3
    assert time.monotonic() - before < SECONDS / 2
    assert not still_running(checkout)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("slow", ["fuzz", "compose"])
def test_a_signal_ends_all_that_runs(checkout: Checkout, number: signal.Signals, slow: str) -> None:
    process = checkout.start(SLOW=slow)
    deadline = time.monotonic() + SECONDS
    while f"begin {slow}" not in checkout.record and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    process.communicate(timeout=SECONDS)
    assert process.returncode == 128 + number
    assert not still_running(checkout)


def test_what_is_interrupted_has_time_to_remove_a_cluster() -> None:
    tox = ConfigParser(interpolation=None)
    tox.read(REPOSITORY / "tox.ini", encoding="utf-8")
    script = (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8")
    kills_after = int(script.partition("DYN_CONFORMANCE_END_SECONDS:-")[2].partition("}")[0])
    assert 30 <= tox.getint("testenv", "suicide_timeout") < kills_after


def test_without_kind_nothing_needs_docker(checkout: Checkout) -> None:
    code, lines = checkout.run(DYN_CONFORMANCE_SKIP_KIND="1")
    assert (code, lines[-1]) == (0, SUMMARY)
    assert any(line.startswith("SKIPPED: DYN_CONFORMANCE_SKIP_KIND=1") for line in lines)
    words = " ".join(checkout.record)
    assert not any(name in words for name in ("kind", "compose", "airgap"))


def still_running(checkout: Checkout) -> bool:
    """Whether a stub still runs: each has the folder's stubs in its PATH."""
    ended = subprocess.run(
        ["pgrep", "--full", str(checkout.folder)], capture_output=True, text=True, check=False
    )
    return bool(ended.stdout.strip())
