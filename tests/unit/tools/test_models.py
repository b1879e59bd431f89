"""The tool that makes rows of models from published configurations."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from models import main

from dynamo_conformance.engines.memory import model_of
from dynamo_conformance.engines.model_config import read_config

if TYPE_CHECKING:
    from pathlib import Path

    from dynamo_conformance.engines.flag import Json

CONFIG: dict[str, Json] = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "intermediate_size": 256,
    "vocab_size": 1000,
    "max_position_embeddings": 512,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "configs"
    made.mkdir()
    write(made / "org--one_config.json", CONFIG)
    return made


def write(path: Path, config: dict[str, Json]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(config), encoding="utf-8")


def made(folder: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, list[object]]:
    out = folder.parent / "models.json"
    argv = ["models.py", str(folder), "--source", "here", "--date", "2026-11-30"]
    monkeypatch.setattr(sys, "argv", [*argv, "--out", str(out), *words])
    with pytest.raises(SystemExit) as ended:
        main()
    rows: list[object] = json.loads(out.read_text("utf-8"))["models"] if out.is_file() else []
    assert isinstance(ended.value.code, int)
    return ended.value.code, rows


def test_a_row_holds_what_differs_from_the_defaults(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, (row,) = made(folder, monkeypatch)
    assert code == 0
    assert isinstance(row, dict)
    assert (row["ids"], row["source"], row["date"]) == (["org/one"], "here", "2026-11-30")
    assert "experts" not in row["model"]
    assert model_of(row["model"]) == read_config(CONFIG)


def test_both_ways_to_keep_configurations_are_read_with_what_is_beside(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder / "org" / "two" / "config.json", CONFIG)
    eight: dict[str, Json] = {"quantization": {"quant_algo": "FP8"}}
    write(folder / "org" / "two" / "hf_quant_config.json", eight)
    write(folder / "org--three_config.json", CONFIG)
    write(folder / "org--three_hf_quant_config.json", eight)
    _, rows = made(folder, monkeypatch)
    assert [(row["ids"], row["model"].get("bits")) for row in rows] == [  # type: ignore[index]
        (["org/one"], None),
        (["org/three", "org/two"], 8),
    ]


def test_ids_that_people_add_stay_and_a_change_moves_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(folder, monkeypatch)
    out = folder.parent / "models.json"
    out.write_text(out.read_text("utf-8").replace('["org/one"]', '["org/again", "org/one"]'))
    _, rows = made(folder, monkeypatch)
    assert [row["ids"] for row in rows] == [["org/again", "org/one"]]  # type: ignore[index]
    write(folder / "org--one_config.json", CONFIG | {"num_hidden_layers": 3})
    code, _ = made(folder, monkeypatch, "--check")
    assert code == 1
    _, rows = made(folder, monkeypatch)
    assert [row["ids"] for row in rows] == [["org/again"], ["org/one"]]  # type: ignore[index]
    code, _ = made(folder, monkeypatch, "--check")
    assert code == 0


def test_what_cannot_be_read_is_named_and_passed_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder / "org--odd_config.json", {"model_type": "mamba"})
    code, rows = made(folder, monkeypatch)
    assert (code, len(rows)) == (0, 1)
    assert 'org/odd: passed over: nothing is known of the layers of model_type "mamba"' in (
        capsys.readouterr().err
    )
