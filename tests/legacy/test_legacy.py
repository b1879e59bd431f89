"""The examples of vllm_v0 on Dynamo 0.3.1 itself, with a stand-in for the engine's library.

What its frontend does otherwise than an OpenAI endpoint is `otherwise.json`, by the probes of the
core: a list that is held, no pass.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from dynamo_conformance.ledger.content import content_of
from dynamo_conformance.ledger.row import Level, Observation
from dynamo_conformance.plugin.recorder import OBSERVED
from legacy_runs import ENGINE, RELEASE, STAND_IN, NotHereError, make_legacy, pods, scripted
from sandbox import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from legacy_runs import Legacy, Served

LAUNCH = ENGINE / "launch"
LONG = "Which rivers of this country are longer than a thousand kilometres, and where do they end?"
SHORT = "Hi"
"""With the chat template no longer than `max-local-prefill-length`: nobody else computes it."""

OTHERWISE = Path(__file__).parent / "otherwise.json"
REQUEST_SECONDS = 60.0
PROBE_SECONDS = 300.0
Checks = dict[str, int]


@dataclass
class Seen:
    """What a run has shown so far: checks by their area."""

    passed: Checks = field(default_factory=dict)
    deviations: Checks = field(default_factory=dict)


@pytest.fixture(scope="session")
def legacy(tmp_path_factory: pytest.TempPathFactory) -> Legacy:
    try:
        return make_legacy(tmp_path_factory.mktemp("legacy"))
    except NotHereError as missing:
        pytest.skip(f"nothing was run on Dynamo {RELEASE}: {missing}")


@pytest.mark.parametrize("manifest", sorted((LAUNCH / "k8s").glob("*.yaml")), ids=lambda p: p.stem)
def test_manifest(manifest: Path, legacy: Legacy, request: pytest.FixtureRequest) -> None:
    with observed(request, manifest, Level.LOCAL) as seen, pods(legacy, manifest) as served:
        judge(served, seen)
        check_handoff(served, manifest.stem, seen)


@pytest.mark.parametrize("script", sorted((LAUNCH / "local").glob("*.sh")), ids=lambda p: p.stem)
def test_script(script: Path, legacy: Legacy, request: pytest.FixtureRequest) -> None:
    with observed(request, script, Level.SCRIPT) as seen, scripted(legacy, script) as served:
        check_handoff(served, script.stem, seen)


def check_handoff(served: Served, name: str, seen: Seen) -> None:
    """Ask for answers, and see by the stand-ins' reports who computed their prompts."""
    seen.passed["ready"] = 1
    before = len(served.report())
    assert ask(served, SHORT)
    assert ask(served, LONG)
    seen.passed["chat"] = seen.passed.get("chat", 0) + 2
    by_request: dict[str | int, list[dict[str, str | int]]] = {}
    for line in served.report():
        by_request.setdefault(line["request"], []).append(line)
    assert len(served.report()) > before
    loaded = by_request.pop("")
    replicas = 2 if name.endswith("router") else 1
    assert len(loaded) == replicas * (2 if name.startswith("disagg") else 1)
    seen.passed["graph.roles"] = 1
    handed = {request for request, did in by_request.items() if len(did) > 1}
    alone = [did[0] for request, did in by_request.items() if request not in handed]
    assert {line["did"] for line in alone} == {"computed"}
    if not name.startswith("disagg"):
        assert not handed
        return
    assert handed
    for request in handed:
        did = {str(line["did"]): line["engine"] for line in by_request[request]}
        assert set(did) == {"asked", "computed", "wrote", "received"}
        assert did["asked"] == did["received"] != did["computed"] == did["wrote"]
    assert min(int(by_request[request][0]["tokens"]) for request in handed) > max(
        int(line["tokens"]) for line in alone
    )
    seen.passed["graph.prefill"] = 1


def judge(served: Served, seen: Seen) -> None:
    """Ask the probes of the core, and hold what fails against the list."""
    words = ("probe", served.url, "--profile=core", "--format=json", f"--release={RELEASE}")
    program = Path(sys.executable).with_name("dynamo")
    ended = subprocess.run(
        [program, *words], capture_output=True, text=True, check=False, timeout=PROBE_SECONDS
    )
    results = json.loads(ended.stdout)["results"]
    fails = sorted(result["id"] for result in results if result["outcome"] == "FAIL")
    assert fails == json.loads(OTHERWISE.read_text(encoding="utf-8"))["fails"]
    seen.passed.update(counts(results, "PASS"))
    seen.deviations.update(counts(results, "FAIL"))


def counts(results: list[dict[str, str]], outcome: str) -> Checks:
    probes = (result["id"] for result in results if result["outcome"] == outcome)
    return dict(Counter(probe.partition(".")[0] for probe in probes))


def ask(served: Served, question: str) -> str:
    with requests.Session() as session:
        session.trust_env = False
        models = session.get(f"{served.url}/v1/models", timeout=REQUEST_SECONDS).json()
        body = {
            "model": models["data"][0]["id"],
            "max_tokens": 8,
            "messages": [{"role": "user", "content": question}],
        }
        url = f"{served.url}/v1/chat/completions"
        answer = session.post(url, json=body, timeout=REQUEST_SECONDS)
    assert answer.status_code == 200, answer.text
    data = answer.json()
    assert data["usage"]["completion_tokens"] == 8
    return str(data["choices"][0]["message"]["content"])


@contextmanager
def observed(request: pytest.FixtureRequest, file: Path, level: Level) -> Iterator[Seen]:
    """Note for the ledger what was shown of a file, or that it failed."""
    seen = Seen()
    failed: tuple[str, ...] = (request.node.name,)
    files = content_of(file).sha256
    try:
        yield seen
        failed = ()
    finally:
        observations = request.config.stash.setdefault(OBSERVED, [])
        observations.append(
            Observation(
                file=file.relative_to(REPOSITORY / "examples").as_posix(),
                level=level,
                whole=content_of(file).sha256 == files,
                date=datetime.now(UTC).date().isoformat(),
                files=files,
                release=RELEASE,
                engine=f"stand-in {stand_in_version()}",
                how=f"{level.how}, beside etcd and NATS",
                passed=seen.passed,
                deviations=seen.deviations,
                profile="core" if level is Level.LOCAL else "",
                failed=failed,
            )
        )


def stand_in_version() -> str:
    digest = sha256()
    for file in sorted(STAND_IN.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
