"""Graphs that answer and do not do what they promise: caught on every engine.

Each is Ready, and a chat with it is answered; what is wrong is the role, the model or the router.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox

SOON = ("--dynamo-timeout", "15")
MODEL = {"vllm_v1": "--model", "sglang": "--model-path", "tensorrt_llm": "--model"}
ENGINES = tuple(MODEL)

engines = pytest.mark.parametrize("engine", ENGINES)


@pytest.fixture(autouse=True)
def short_waits(sandbox: Sandbox) -> None:
    shutil.copy(Path(__file__).with_name("short_waits.py"), sandbox.folder / "conftest.py")


def with_role_lost(sandbox: Sandbox, engine: str) -> Path:
    """Both workers without their flag: each does everything, and nothing is handed over."""
    path = sandbox.changed("k8s/disagg.yaml", engine=engine)
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = list(lines)
    for number, line in enumerate(lines):
        if line.strip() == "- --disaggregation-mode":
            kept[number] = kept[number + 1] = ""
    path.write_text("".join(kept), encoding="utf-8")
    return path


def with_another_model(sandbox: Sandbox, engine: str) -> Path:
    """The second of two graphs' worth of workers serves another model."""
    path = sandbox.changed("k8s/agg.yaml", engine=engine)
    text = path.read_text(encoding="utf-8")
    begin = text.rindex("    - name: ", 0, text.index("type: worker"))
    other = text[begin:].replace("Worker\n", "WorkerToo\n", 1).replace("Qwen3-0.6B", "Qwen3-8B")
    path.write_text(text + other, encoding="utf-8")
    return path


def with_router_lost(sandbox: Sandbox, engine: str) -> Path:
    """The frontend takes turns, and nobody reads what the workers publish."""
    return sandbox.changed(
        "k8s/agg_router.yaml", ("name: DYN_ROUTER_MODE", "name: DYN_ROUTER_MOD"), engine=engine
    )


@engines
def test_lost_roles(sandbox: Sandbox, engine: str) -> None:
    path = with_role_lost(sandbox, engine)
    linted = sandbox.dynamo("lint", str(path))
    assert linted.text.count("[role-mismatch]") == 2
    served = sandbox.pytest("-m", "e2e", *SOON, str(path))
    assert "expected:  1 backend, 1 prefill\n  got:       2 backend" in served.text
    assert "expected:  4 requests served as prefill\n  got:       0 served" in served.text
    # It answers, which is what makes it dangerous.
    assert "2 failed" in served.text


@engines
def test_another_model(sandbox: Sandbox, engine: str) -> None:
    """The runtime refuses a second model on one endpoint: whoever is late ends, soon or at once."""
    path = with_another_model(sandbox, engine)
    served = sandbox.pytest("-m", "e2e", *SOON, str(path))
    assert served.code == 1
    late = "Worker exited with code 1" in served.text or "WorkerToo exited" in served.text
    assert late or "expected:  2 backend\n  got:       1 backend" in served.text


@engines
def test_a_lost_router_mode(sandbox: Sandbox, engine: str) -> None:
    path = with_router_lost(sandbox, engine)
    linted = sandbox.dynamo("lint", str(path))
    assert "publishes KV events, and the router reads none: it is round-robin" in linted.text
    served = sandbox.pytest("-m", "e2e", *SOON, str(path))
    assert "FAIL graph.kv-router: " in served.text
    assert "1 failed" in served.text


ASK = """\
                # Ask the encode worker of this graph for every image.
                - --route-to-encoder
"""
SUFFIX = "-$(DYN_NAMESPACE_WORKER_SUFFIX)"


def trtllm_encoder(sandbox: Sandbox) -> Path:
    """A prefill worker of TensorRT-LLM that looks for its encoder where nobody is."""
    cases = Path(__file__).parents[1] / "unit" / "lint" / "cases"
    text = (cases / "encoder-handle" / "fail" / "own-pods.yaml").read_text(encoding="utf-8")
    path = sandbox.folder / "trtllm_disagg.yaml"
    assert text.count(SUFFIX) == 1
    path.write_text(text.replace(SUFFIX, ""), encoding="utf-8")
    return path


def vllm_encoder(sandbox: Sandbox) -> Path:
    """An encode worker of vLLM that nobody asks."""
    return sandbox.changed("k8s/vllm_disagg.yaml", (ASK, ""), engine="multimodal")


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (vllm_encoder, "encodes images, and no worker asks it to"),
        (
            trtllm_encoder,
            "the operator gives workers a namespace with a suffix, so nobody is there",
        ),
    ],
)
def test_an_encoder_that_is_not_asked(
    sandbox: Sandbox, plant: Callable[[Sandbox], Path], words: str
) -> None:
    path = plant(sandbox)
    assert words in sandbox.dynamo("lint", str(path)).text
    served = sandbox.pytest("-m", "e2e", *SOON, str(path))
    assert "FAIL graph.encode: " in served.text
    assert "FAIL chat." not in served.text


def test_an_engine_file_without_its_transceiver(sandbox: Sandbox) -> None:
    path = sandbox.changed("k8s/disagg.yaml", ("backend: DEFAULT", "{}"), engine="tensorrt_llm")
    served = sandbox.pytest("-m", "e2e", *SOON, str(path))
    assert "without cache_transceiver_config in the engine file" in served.text
    assert served.code == 1
