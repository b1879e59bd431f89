"""What goes into the image that stands for the engines'."""

from __future__ import annotations

from pathlib import Path

from dynamo_conformance.mock_engine.custom_worker_model import MODELS_VARIABLE
from dynamo_conformance.mock_engine.mock_image import OVERRIDES, RUNTIME, recipe

REPOSITORY = Path(__file__).parents[3]


def test_the_runtime_is_the_one_of_the_extra_local() -> None:
    requirements = recipe().requirements
    assert "ai-dynamo==1.6.1" in requirements
    assert len(requirements) == len(RUNTIME)


def test_overrides_are_those_that_tox_uses() -> None:
    lines = (REPOSITORY / "tools/overrides.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == list(OVERRIDES)


def test_the_overlay_comes_before_the_runtime_and_no_dynamo_program_is_in_it() -> None:
    path = recipe().python_path()
    assert path[0].endswith("mock_engine/overlay")
    files = [to for source in recipe().sources for _path, to in source.files()]
    assert any(to == f"{path[0]}/dynamo/vllm/__main__.py" for to in files)
    assert not any("/bin/" in to or "/launch/" in to for to in files)


def test_models_that_are_nowhere_are_made() -> None:
    assert recipe().environment[MODELS_VARIABLE].startswith("/")
