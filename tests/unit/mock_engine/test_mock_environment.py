from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.mock_engine import environment, mock_image, overlay_path, version

if TYPE_CHECKING:
    from pathlib import Path


def test_the_overlay_leaves_dynamo_a_namespace() -> None:
    dynamo = overlay_path() / "dynamo"
    assert not (dynamo / "__init__.py").exists()
    assert sorted(path.name for path in dynamo.iterdir() if path.is_dir()) == [
        "planner",
        "sglang",
        "trtllm",
        "vllm",
    ]


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
def test_the_overlay_takes_over_a_package_and_its_main(engine: str) -> None:
    # Without its own __init__ the engine's package in site-packages would win.
    assert (overlay_path() / "dynamo" / engine / "__init__.py").is_file()
    assert (overlay_path() / "dynamo" / engine / "__main__.py").is_file()


def test_the_planner_keeps_all_that_is_not_taken_over() -> None:
    """In a process of its own, whose path begins with the overlay."""
    code = (
        "from dynamo_conformance.mock_engine.mock_planner import read\n"
        'print(read(\'{"backend": "sglang"}\').backend)\n'
        'read(\'{"backend": "sglan"}\')'
    )
    path = os.pathsep.join([str(overlay_path()), *sys.path])
    ended = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert ended.stdout.strip() == "sglang"
    assert "Input should be 'vllm', 'sglang', 'trtllm' or 'mocker'" in ended.stderr


def test_these_tests_do_not_see_the_overlay() -> None:
    assert str(overlay_path()) not in sys.path


def test_the_environment_points_to_overlay_and_hub(tmp_path: Path) -> None:
    assert environment(hub_home=tmp_path) == {
        "HF_HOME": str(tmp_path),
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": str(overlay_path()),
    }


def test_the_version_is_a_digest() -> None:
    assert re.fullmatch("[0-9a-f]{64}", version())


def test_a_command_line_is_read_without_the_runtime() -> None:
    """In a process of its own: this one has imported much more."""
    code = (
        "import sys, dynamo_conformance.mock_engine.mock_worker\n"
        "sys.exit(' '.join({'dynamo', 'yaml', 'click', 'uvloop'} & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True
    )
    assert ended.stderr.strip() == ""


def test_whoever_runs_the_image_has_a_home_to_write_to() -> None:
    # A frontend keeps what it reads of models below it, and a pod's own user has none by itself.
    assert mock_image.recipe().environment["HOME"].startswith("/tmp/")  # noqa: S108 - in the image
