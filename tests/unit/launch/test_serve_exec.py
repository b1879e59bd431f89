"""Serve becomes the component: started as real processes, with a tiny module of our own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

DYNAMO = (sys.executable, "-c", "import sys; from dynamo_launch.cli import main; sys.exit(main())")
WORKER = """
import os, signal, sys
# The handler first: who reads the line may send the signal at once.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
print(os.getpid(), *sys.argv[1:], flush=True)
if "wait" in sys.argv:
    signal.pause()
sys.exit(3)
"""
SECONDS = 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "worker.py").write_text(WORKER, encoding="utf-8")
    return tmp_path


def _start(folder: Path, *words: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*DYNAMO, "serve", *words],
        cwd=folder,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_process_id_words_and_exit_code_are_the_components(folder: Path) -> None:
    (folder / "config.yaml").write_text("options: {level: 2}\n", encoding="utf-8")

    with _start(folder, "--component", "own.worker", "-f", "config.yaml", "--", "a b") as process:
        out, err = process.communicate(timeout=SECONDS)

    assert out == f"{process.pid} --level 2 a b\n", err
    assert process.returncode == 3


def test_sigterm_reaches_the_component(folder: Path) -> None:
    with _start(folder, "--component", "own.worker", "wait") as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=SECONDS)

    assert first == f"{process.pid} wait\n", err
    assert out == ""
    assert process.returncode == 7


def test_folder_earlier_on_pythonpath_wins(folder: Path) -> None:
    package = folder / "overlay" / "dynamo" / "vllm"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("import sys; print(sys.argv[1:])", encoding="utf-8")

    with _start(folder, "--engine", "vllm", "M", PYTHONPATH=str(folder / "overlay")) as process:
        out, err = process.communicate(timeout=SECONDS)

    assert out == "['--model', 'M']\n", err
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("component", "advice"),
    [
        ("own.nothing", "no such module here; run this from the folder that holds it"),
        ("own", "a package without __main__.py; add one, or name a module in it, own.NAME"),
        ("own.worker.Worker", "type: dynamo serve --component own.worker"),
    ],
)
def test_missing_module_is_127(folder: Path, component: str, advice: str) -> None:
    with _start(folder, "--component", component) as process:
        out, err = process.communicate(timeout=SECONDS)

    assert out == ""
    assert err.startswith(f"dynamo serve: {component}: ")
    assert advice in err
    assert process.returncode == 127
