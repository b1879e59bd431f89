"""Which modules `python3 -m` would find."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from dynamo_launch.errors import NotInstalledError
from dynamo_launch.serve.installed import require_module

if TYPE_CHECKING:
    from pathlib import Path


def _module(folder: Path, *parts: str) -> None:
    file = folder.joinpath(*parts)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()


@pytest.mark.parametrize(
    ("module", "wanted"),
    [
        ("dynamo.frontend", "pip install 'ai-dynamo'"),
        ("dynamo.vllm", r"pip install 'ai-dynamo\[vllm\]'"),
        ("dynamo.mocker", r"pip install 'ai-dynamo\[mocker\]'"),
    ],
)
def test_missing_dynamo_says_what_to_install(
    module: str, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", ["", str(tmp_path)])
    monkeypatch.chdir(tmp_path)

    with pytest.raises(NotInstalledError, match=wanted) as caught:
        require_module(module)

    assert caught.value.exit_code == 127


def test_namespace_package_is_searched_folder_by_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _module(tmp_path, "a", "dynamo", "other", "__init__.py")
    _module(tmp_path, "b", "dynamo", "vllm", "__init__.py")
    _module(tmp_path, "b", "dynamo", "vllm", "__main__.py")
    monkeypatch.setattr(sys, "path", ["", str(tmp_path / "a"), str(tmp_path / "b")])

    require_module("dynamo.vllm")


def test_nothing_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _module(tmp_path, "loud", "__init__.py")
    (tmp_path / "loud" / "__init__.py").write_text("raise SystemExit('imported')", encoding="utf-8")
    _module(tmp_path, "loud", "worker.py")
    monkeypatch.chdir(tmp_path)

    require_module("loud.worker")

    assert "loud" not in sys.modules


def test_current_folder_is_searched_only_where_the_interpreter_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _module(tmp_path, "script", "here.py")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "script"), str(tmp_path / "elsewhere")])
    monkeypatch.chdir(tmp_path)

    # The folder of the `dynamo` script is no part of the started interpreter's path.
    with pytest.raises(NotInstalledError):
        require_module("here")
