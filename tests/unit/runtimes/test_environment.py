"""Environments of releases: where they are, when one is whole, and what cannot be made."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.engines.releases import Release
from dynamo_conformance.runtimes import environment as module
from dynamo_conformance.runtimes.environment import (
    RuntimeUnavailableError,
    environment,
    is_whole,
    place,
)

if TYPE_CHECKING:
    from pathlib import Path

OLD = Release(1, 2, 1)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(module.WHEELS, raising=False)


def plant(folder: Path, *, size: int = 3) -> Path:
    """Make what looks like an environment with one package of one file."""
    packages = folder / "lib" / "python3.11" / "site-packages"
    (packages / "p-1.dist-info").mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "bin" / "python3").symlink_to(sys.executable)
    (packages / "p.py").write_text("a=1")
    record = packages / "p-1.dist-info" / "RECORD"
    record.write_text(f"p.py,sha256=x,{size}\np-1.dist-info/RECORD,,\n")
    (folder / "complete").touch()
    return packages


def test_it_is_found_again_by_what_it_is_made_of(tmp_path: Path) -> None:
    first = place(OLD).folder
    assert first == place(OLD).folder
    assert first.is_relative_to(tmp_path / "dynamo-conformance" / "releases")
    assert first != place(Release(1, 2, 0)).folder


def test_whole(tmp_path: Path) -> None:
    plant(tmp_path / "env")
    assert is_whole(tmp_path / "env")


@pytest.mark.parametrize("fault", ["marker", "file", "cut", "python", "all"])
def test_not_whole(tmp_path: Path, fault: str) -> None:
    folder = tmp_path / "env"
    packages = plant(folder)
    if fault == "marker":
        (folder / "complete").unlink()
    elif fault == "file":
        (packages / "p.py").unlink()
    elif fault == "cut":
        (packages / "p.py").write_text("a")
    elif fault == "python":
        (folder / "bin" / "python3").unlink()
    else:
        folder = tmp_path / "none"
    assert not is_whole(folder)


def fake_uv(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


MAKES = f"""
if [ "$1" = venv ]; then
  mkdir -p "$5/bin"
  ln -s {sys.executable} "$5/bin/python3"
fi
"""


def test_a_broken_one_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_uv", lambda: fake_uv(tmp_path / "uv", MAKES))
    said: list[str] = []
    made = environment(OLD, progress=said.append)
    assert is_whole(made.folder)
    assert said[-1].startswith("Dynamo 1.2.1: made in")
    said.clear()
    assert environment(OLD, progress=said.append) == made
    assert said == []
    (made.folder / "complete").unlink()
    half = made.folder.with_name(f".making-{made.folder.name}")
    half.mkdir()
    assert environment(OLD, progress=said.append) == made
    assert is_whole(made.folder)
    assert "broken" in said[0]
    assert not half.exists()


def test_what_cannot_be_installed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        module, "_uv", lambda: fake_uv(tmp_path / "uv", "echo no wheel >&2; exit 1")
    )
    with pytest.raises(
        RuntimeUnavailableError, match=r"Dynamo 1\.2\.1 cannot be installed: no wheel"
    ):
        environment(OLD)
    assert not place(OLD).folder.exists()


def test_a_patch_that_is_not_to_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = f'case "$*" in *==1.2.0*) echo no 1.2.0 >&2; exit 1;; esac\n{MAKES}'
    monkeypatch.setattr(module, "_uv", lambda: fake_uv(tmp_path / "uv", body))
    said: list[str] = []
    made = environment(Release(1, 2, 0), progress=said.append)
    assert made.release == OLD
    assert any("1.2.1 of the same minor stands for it" in line for line in said)


def test_offline_no_index_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(module.WHEELS, "/wheels")
    body = f'echo "$*" >> {tmp_path}/asked\n{MAKES}'
    monkeypatch.setattr(module, "_uv", lambda: fake_uv(tmp_path / "uv", body))
    environment(OLD)
    installs = [
        line for line in (tmp_path / "asked").read_text().splitlines() if " install " in line
    ]
    assert len(installs) == 2
    assert all("--no-index --find-links /wheels" in line for line in installs)


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(RuntimeUnavailableError, match="cannot be written"):
        environment(OLD)


def test_before_0_6_a_newer_python_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    assert module._python(Release(0, 5, 1)) == "3.12"
    assert module._python(Release(0, 6, 1)) == "3.14"
