"""Models of components that are not the mock engine, in its image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.mock_engine import hub_cache
from dynamo_conformance.mock_engine.custom_worker_model import MODELS_VARIABLE, lay_out

if TYPE_CHECKING:
    from pathlib import Path

QWEN = "Qwen/Qwen3-0.6B"
OWN = ["python3", "-m", "components.worker", "--model", QWEN]


def environment(home: Path) -> dict[str, str]:
    return {MODELS_VARIABLE: "/tmp/models", "HOME": str(home)}  # noqa: S108 - not used here


def test_an_own_component_finds_its_model_in_the_hub_cache(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = lay_out(OWN, environment(tmp_path))
    assert made is not None
    assert hub_cache.find(tmp_path / ".cache" / "huggingface", QWEN) == made
    assert f"model {QWEN} is made up" in capsys.readouterr().err
    assert lay_out(OWN, environment(tmp_path)) is None


def test_it_is_where_the_environment_says(tmp_path: Path) -> None:
    home = tmp_path / "hub"
    made = lay_out(OWN, {**environment(tmp_path), "HF_HOME": str(home)})
    assert made == hub_cache.find(home, QWEN)


@pytest.mark.parametrize(
    "words",
    [
        ["python3", "-m", "dynamo.vllm", "--model", QWEN],
        ["python3", "-m", "components.worker"],
        ["python3", "-m", "components.worker", "--model"],
        ["python3", "-m", "components.worker", "--model", "/models/mine"],
        ["python3", "-c", "pass"],
        ["python3", "-m"],
    ],
)
def test_nothing_is_made_for_other_programs(words: list[str], tmp_path: Path) -> None:
    assert lay_out(words, environment(tmp_path)) is None
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_made_outside_of_the_image(tmp_path: Path) -> None:
    assert lay_out(OWN, {"HOME": str(tmp_path)}) is None
    assert list(tmp_path.iterdir()) == []
