"""Weights are made once, kept by what they depend on, and laid out as a hub."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.cpu_engine import engine_environment, weights
from dynamo_conformance.cpu_engine.engine_environment import (
    FITTED,
    GIB,
    adaptations,
    environment,
    free_bytes,
)
from dynamo_conformance.cpu_engine.families import Kind, family_of
from dynamo_conformance.cpu_engine.weights import Specification, WeightsError, fill_hub, made
from dynamo_conformance.mock_engine import hub_cache
from dynamo_conformance.targets import CPU, MOCK
from dynamo_conformance.targets.interface import DeployFailure
from dynamo_conformance.targets.local.run_environment import check_memory

if TYPE_CHECKING:
    from pathlib import Path

WANTED = Specification(family=family_of("Qwen/Qwen3-0.6B"))
STUB = """\
import json, pathlib, sys
wanted, folder = json.loads(sys.argv[1]), pathlib.Path(sys.argv[2])
log = pathlib.Path(__file__).with_name("log")
log.write_text(log.read_text() + "x" if log.exists() else "x")
(folder / "config.json").write_text(wanted["kind"])
"""


@pytest.fixture(autouse=True)
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a program that needs no engine in the place of the one that makes weights."""
    path = tmp_path / "program.py"
    path.write_text(STUB, encoding="utf-8")
    monkeypatch.setattr(weights, "program", lambda: path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return path


def test_what_was_made_is_kept(program: Path) -> None:
    first = made(WANTED)
    assert made(WANTED) == first
    assert (first / "config.json").read_text() == "model"
    assert program.with_name("log").read_text() == "x"
    assert [path.name for path in first.parent.iterdir()] == [first.name]


@pytest.mark.parametrize(
    "other",
    [
        replace(WANTED, seed=7),
        replace(WANTED, kind=Kind.ADAPTER),
        replace(WANTED, rank=64),
        replace(WANTED, family=family_of("Llama-3.1-8B")),
    ],
)
def test_other_weights_are_others(other: Specification) -> None:
    assert made(other) != made(WANTED)


def test_another_program_makes_others(program: Path) -> None:
    first = made(WANTED)
    program.write_text(f"{STUB}# changed\n", encoding="utf-8")
    assert made(WANTED) != first


def test_a_program_that_fails_is_told_by_its_last_line(program: Path) -> None:
    program.write_text("import no_such_engine", encoding="utf-8")
    with pytest.raises(WeightsError, match=r"family qwen3 are not made: .*no_such_engine"):
        made(WANTED)
    assert list((weights.cache_folder() / "weights").iterdir()) == []


def test_a_program_that_takes_too_long_is_ended(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.write_text("import time; time.sleep(60)", encoding="utf-8")
    monkeypatch.setattr(weights, "SECONDS", 0.2)
    with pytest.raises(WeightsError, match=r"not made within 0 s"):
        made(WANTED)


def test_a_hub_resolves_models_and_drafts(tmp_path: Path) -> None:
    home = tmp_path / "hub"
    fill_hub(home, ["Qwen/Qwen3-8B"], ["RedHatAI/Qwen3-8B-speculator.eagle3"])
    for name, kind in (
        ("Qwen/Qwen3-8B", "model"),
        ("RedHatAI/Qwen3-8B-speculator.eagle3", "draft"),
    ):
        folder = hub_cache.find(home, name)
        assert folder is not None
        assert (folder / "config.json").read_text() == kind


def test_the_environment_fits_every_worker_to_the_machine(tmp_path: Path) -> None:
    env = environment(hub_home=tmp_path / "hub")
    assert env.items() >= FITTED.items()
    assert env["HF_HOME"] == str(tmp_path / "hub")
    assert env["VLLM_CACHE_ROOT"].startswith(str(tmp_path / "cache"))
    told = "\n".join(adaptations())
    assert all(f"{name}={value}: " in told for name, value in FITTED.items())


def test_a_graph_that_the_memory_does_not_hold_is_not_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_environment, "free_bytes", lambda: 4 * GIB)
    check_memory(CPU, 1)
    check_memory(MOCK, 100)
    with pytest.raises(DeployFailure, match=r"2 workers take about 7\.8 GiB .* 4\.0 GiB are free"):
        check_memory(CPU, 2)


def test_the_memory_that_is_free(tmp_path: Path) -> None:
    path = tmp_path / "meminfo"
    path.write_text("MemTotal:       16 kB\nMemAvailable:       12 kB\n", encoding="utf-8")
    assert free_bytes(path) == 12 * 1024
    assert free_bytes() > 0
