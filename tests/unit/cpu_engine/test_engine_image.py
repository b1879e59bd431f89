"""What goes into the image of the engine for CPUs, and the weights that are made in it."""

from __future__ import annotations

import configparser
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.cpu_engine import engine_image, weights
from dynamo_conformance.cpu_engine.engine_image import Models, changes, in_image, recipe
from dynamo_conformance.images import ROOT
from dynamo_conformance.manifest.document import read_file
from dynamo_conformance.manifest.read import read_graph

if TYPE_CHECKING:
    from dynamo_conformance.manifest.graph import Graph

REPOSITORY = Path(__file__).parents[3]
K8S = REPOSITORY / "examples/llm/vllm_v1/launch/k8s"
QWEN = Models(models=("Qwen/Qwen3-0.6B",))


def graphs(*names: str) -> list[Graph]:
    documents = [document for name in names for document in read_file(K8S / f"{name}.yaml")]
    return [read_graph(document) for document in documents if document.version is not None]


def test_models_are_those_of_the_graphs_once_each() -> None:
    assert Models.of(graphs("agg", "agg_router")) == QWEN


def test_a_graph_with_lora_has_adapters_for_its_model() -> None:
    wanted = Models.of(graphs("agg", "lora"))
    assert wanted.adapted
    assert set(wanted.adapted) <= set(wanted.models)
    assert Models.of(graphs("agg")).adapted == ()


def test_a_graph_with_a_draft_head_has_it() -> None:
    wanted = Models.of(graphs("speculative"))
    assert wanted.drafts
    assert not set(wanted.drafts) & set(wanted.models)


@pytest.mark.parametrize("name", ["some/unheard-of", "/models/Qwen3-0.6B", "./a/Qwen3-0.6B"])
def test_what_no_image_holds_is_left_to_the_graph(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(engine_image, "model_sources", lambda _graph: (name,))
    assert Models.of(graphs("agg")) == Models(models=())


def test_weights_are_made_where_they_are_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made: list[Path] = []
    monkeypatch.setattr(weights, "_make", lambda _wanted, folder: made.append(folder))
    made_of = Models(models=("Qwen/Qwen3-0.6B",), drafts=(), adapted=("Qwen/Qwen3-0.6B",))
    words = json.loads(recipe(made_of).lines[-2].removeprefix("RUN "))
    assert words[words.index("-m") + 1] == weights.__name__
    variable, kept = words[1].split("=")
    home, asked = words[-2:]
    assert home == recipe(made_of).environment["HF_HOME"]
    # As in the image, but below a folder of the test's.
    monkeypatch.setenv(variable, f"{tmp_path}{kept}")
    weights.main(Path(f"{tmp_path}{home}"), json.loads(asked))
    assert len(made) == 1 + weights.ADAPTERS
    assert list(Path(f"{tmp_path}{home}").glob("hub/models--Qwen--Qwen3-0.6B/refs/main"))
    for adapter in weights.adapters("Qwen/Qwen3-0.6B"):
        assert Path(f"{tmp_path}{in_image(adapter)}").is_dir()


def test_another_model_makes_another_image() -> None:
    other = Models(models=("meta-llama/Llama-3.1-8B-Instruct",))
    assert recipe(QWEN).lines != recipe(other).lines
    # But on top of the same packages.
    assert recipe(QWEN).requirements == recipe(other).requirements


def test_whatever_is_written_goes_where_every_user_may_write() -> None:
    environment = recipe(QWEN).environment
    written = [name for name, value in environment.items() if value.startswith("/")]
    assert set(written) - {"HF_HOME"} == {
        name
        for name in written
        if environment[name].startswith("/tmp/")  # noqa: S108 - read alone
    }
    assert environment["HF_HOME"].startswith(f"{ROOT}/")
    assert recipe(QWEN).lines[-1] == f"RUN rm -rf {environment['XDG_CACHE_HOME']}"


def test_what_starts_with_python_is_in_the_image() -> None:
    made = recipe(QWEN)
    files = [to for source in made.sources for _path, to in source.files()]
    for module in (made.start, weights.__name__, "dynamo_conformance.cpu_engine.make_weights"):
        assert any(to.endswith(f"/{module.replace('.', '/')}.py") for to in files)
    assert not any(to.endswith("/engine_image.py") for to in files)


def test_each_setting_of_pods_is_said() -> None:
    said = "\n".join(what for _where, what in changes(QWEN))
    environment = recipe(QWEN).environment
    for name in ("VLLM_CPU_KVCACHE_SPACE", "OMP_NUM_THREADS", *engine_image.NO_COMPILER):
        assert f"{name}={environment[name]}: " in said
    made = dict(changes(Models(models=("Qwen/Qwen3-0.6B",), drafts=("a/Qwen3-8B-draft",))))
    assert made["Qwen/Qwen3-0.6B"] == "two layers of random weights as qwen3, 40960 tokens"
    assert made["a/Qwen3-8B-draft"] == "a draft head of random weights"


def test_the_ledger_has_the_engine_that_is_in_it() -> None:
    assert engine_image.ENGINE.replace(" ", "==") in recipe(QWEN).requirements


def test_tox_installs_what_the_image_has() -> None:
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(REPOSITORY / "tox.ini", encoding="utf-8")
    section = tox["testenv:cpu-engine"]
    # The package itself may be installed elsewhere.
    room = "conformance/dynamo_conformance/cpu_engine"
    installed = Path(engine_image.__file__).with_name("requirements.txt")
    assert (REPOSITORY / room / installed.name).read_bytes() == installed.read_bytes()
    assert f"-r {room}/requirements.txt" in section["deps"]
    assert f"UV_OVERRIDE = {{tox_root}}/{room}/overrides.txt" in section["set_env"]
