"""What is said when a program that kind needs is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.targets.interface import TargetUnavailableError
from dynamo_conformance.targets.kind import required_programs

if TYPE_CHECKING:
    from pathlib import Path


def put(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def refusal() -> str:
    with pytest.raises(TargetUnavailableError) as caught:
        required_programs.require()
    return str(caught.value)


def test_the_first_missing_program_is_named_with_where_to_get_it(path: Path) -> None:
    assert "needs docker, which is not on PATH; install Docker Engine" in refusal()
    put(path, "docker", "exit 0")
    assert "needs kind, which is not on PATH; install kind" in refusal()
    put(path, "kind", "exit 0")
    assert "needs kubectl" in refusal()
    put(path, "kubectl", "exit 0")
    required_programs.require()


def test_an_engine_that_does_not_run_is_told_in_one_line(path: Path) -> None:
    for name in ("kind", "kubectl"):
        put(path, name, "exit 0")
    put(path, "docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    text = refusal()
    assert "Cannot connect to the Docker daemon; start it" in text
    assert "\n" not in text


def test_a_program_that_fails_is_quoted_with_its_last_words(path: Path) -> None:
    put(path, "kind", "echo 'node image not found' >&2; exit 3")
    with pytest.raises(TargetUnavailableError) as caught:
        required_programs.output("kind", "create", "cluster")
    assert str(caught.value) == (
        "`kind create cluster` ended with exit code 3:\nnode image not found"
    )


def test_a_program_that_hangs_is_ended(path: Path) -> None:
    put(path, "kind", "exec /bin/sleep 30")
    with pytest.raises(TargetUnavailableError, match=r"took longer than 0 s"):
        required_programs.output("kind", "get", "clusters", timeout=0.1)
