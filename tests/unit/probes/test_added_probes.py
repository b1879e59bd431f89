"""Probes that other packages add by entry points, as small installed distributions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from right_server import MODEL, RightServer, on_port

if TYPE_CHECKING:
    from pathlib import Path

    Ended = subprocess.CompletedProcess[str]

GREETING = '''\
"""Probes of a team."""

from dynamo_conformance.probes.exchange import expect
from dynamo_conformance.probes.probe import probe
from dynamo_conformance.probes.questions import CHAT, get

HEALTH = get("team-health", "/health")


@probe("team.healthy", HEALTH, source="our runbook")
def healthy(exchange):
    """Our load balancer gets a 200."""
    exchange.require_answered()


@probe("team.short", CHAT.plain, source="our runbook")
def short(exchange):
    """No answer is longer than a byte."""
    expect(len(exchange.body) < 2, "one byte", f"{len(exchange.body)} bytes")


SEVERAL = (short,)
'''
REPEATED = """\
from dynamo_conformance.probes.areas.chat import *
"""


def install(folder: Path, module: str, entry: str, *, name: str = "team-probes") -> Path:
    """Lay out what an installer leaves of a distribution with one entry point."""
    (folder / "team_probes.py").write_text(module, encoding="utf-8")
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    points = f"[dynamo.conformance.probes]\nours = {entry}\n"
    (info / "entry_points.txt").write_text(points, encoding="utf-8")
    return folder


def python(folder: Path, *words: str) -> Ended:
    """Run Python where the distribution is installed."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


def probed(folder: Path, url: str, *words: str) -> Ended:
    """Run `dynamo probe`."""
    call = "from dynamo_conformance.probes.command import probe; probe()"
    return python(folder, "-c", call, url, "--model", MODEL, *words)


@pytest.mark.parametrize(
    ("entry", "outcomes"),
    [
        ("team_probes", {"team.healthy": "PASS", "team.short": "FAIL"}),
        ("team_probes:SEVERAL", {"team.short": "FAIL"}),
        ("team_probes:healthy", {"team.healthy": "PASS"}),
    ],
    ids=["module", "tuple", "probe"],
)
def test_they_are_judged_like_the_others(
    tmp_path: Path, entry: str, outcomes: dict[str, str]
) -> None:
    install(tmp_path, GREETING, entry)
    with on_port(RightServer().reply) as url:
        ended = probed(tmp_path, url, "--probe", "team", "--format", "json")
    results = json.loads(ended.stdout)["results"]
    assert {result["id"]: result["outcome"] for result in results} == outcomes
    assert results[0]["source"] == "our runbook"


def test_pytest_asks_them_too(tmp_path: Path) -> None:
    install(tmp_path, GREETING, "team_probes")
    with on_port(RightServer().reply) as url:
        ended = python(
            tmp_path, "-m", "pytest", "-p", "dynamo_conformance.plugin.hooks", "-v",
            "-p", "no:cacheprovider", "--dynamo-target=url", f"--dynamo-url={url}",
            "--dynamo-probe=team",
        )  # fmt: skip
    assert "url::team.healthy PASSED" in ended.stdout
    assert "url::team.short FAILED" in ended.stdout
    assert ended.returncode == 1


@pytest.mark.parametrize(
    ("module", "entry", "words"),
    [
        ("import nothing_like_it\n", "team_probes", "cannot be loaded: ModuleNotFoundError: "),
        ("", "team_probes:gone", "cannot be loaded: AttributeError: "),
        ("raise SystemError('no')\n", "team_probes", "cannot be loaded: SystemError: no"),
        ("", "team_probes", "holds no probe"),
        ("NUMBER = 1\n", "team_probes:NUMBER", "holds no probe"),
        (REPEATED, "team_probes", "adds the probe chat.answered a second time"),
    ],
    ids=["import", "name", "error", "none", "number", "again"],
)
def test_what_cannot_be_used_names_the_distribution(
    tmp_path: Path, module: str, entry: str, words: str
) -> None:
    install(tmp_path, module, entry)
    ended = probed(tmp_path, "http://127.0.0.1:9", "--probe", "models")
    assert ended.returncode == 2
    assert f"team-probes: the entry point ours ({entry}) {words}" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_pytest_says_so_too(tmp_path: Path) -> None:
    install(tmp_path, REPEATED, "team_probes")
    url = ("--dynamo-target=url", "--dynamo-url=http://127.0.0.1:9")
    ended = python(tmp_path, "-m", "pytest", "-p", "dynamo_conformance.plugin.hooks", *url)
    assert "team-probes: the entry point ours (team_probes) adds the probe" in ended.stdout
    assert ended.returncode == 2
    assert "Traceback" not in ended.stdout + ended.stderr
