"""Command lines of other releases, as the mock engine reads them there."""

from __future__ import annotations

import pytest

from dynamo_conformance.engines.engine import Engine
from dynamo_conformance.engines.releases import Release, known
from dynamo_conformance.engines.role import Role
from dynamo_conformance.mock_engine.engine_refusal import EngineRefusal
from dynamo_conformance.mock_engine.mock_worker import RELEASE_VARIABLE, other_release
from dynamo_conformance.mock_engine.release_reader import read
from dynamo_conformance.mock_engine.release_serving import planes

OLD, NEW = Release(0, 9, 1), Release(1, 4, 2)


@pytest.mark.parametrize(
    ("engine", "words", "release", "role"),
    [
        (Engine.VLLM, "--model m", OLD, Role.AGG),
        (Engine.VLLM, "--model m --is-prefill-worker", Release(0, 4, 1), Role.PREFILL),
        (Engine.VLLM, "--model m --is-prefill-worker", OLD, Role.PREFILL),
        (Engine.VLLM, "--model m --is-decode-worker", OLD, Role.DECODE),
        (Engine.VLLM, "--model m --is_decode_worker", OLD, Role.DECODE),
        (Engine.VLLM, "--model m --disaggregation-mode decode", NEW, Role.DECODE),
        (Engine.VLLM, "--model=m --disaggregation-mode=decode", NEW, Role.DECODE),
        (Engine.SGLANG, "--model-path m --disaggregation-mode prefill", OLD, Role.PREFILL),
        (Engine.TRTLLM, "--model-path m --disaggregation-mode prefill_and_decode", OLD, Role.AGG),
        (Engine.TRTLLM, "--model-path m --disaggregation-mode decode", NEW, Role.DECODE),
    ],
)
def test_role(engine: Engine, words: str, release: Release, role: Role) -> None:
    worker = read(engine, words.split(), {}, release)
    assert (worker.role, worker.model, worker.public) == (role, "m", role is not Role.PREFILL)


@pytest.mark.parametrize(
    ("engine", "words", "release", "why"),
    [
        (Engine.VLLM, "--model m --disaggregation-mode decode", OLD, "disaggregation-mode"),
        (Engine.VLLM, "--model m --is-prefill-worker", NEW, "is-prefill-worker"),
        (
            Engine.TRTLLM,
            "--model-path m --disaggregation-mode prefill_and_decode",
            NEW,
            "prefill_and_decode",
        ),
        (Engine.VLLM, "--model m --headless", NEW, "plays workers of text on one node"),
        (Engine.VLLM, "--model m --multimodal-worker", OLD, "plays workers of text on one node"),
        (Engine.VLLM, "--model m --block-size many", OLD, "block-size"),
    ],
)
def test_refused(engine: Engine, words: str, release: Release, why: str) -> None:
    with pytest.raises(EngineRefusal, match=why):
        read(engine, words.split(), {}, release)


def test_what_else_it_acts_on() -> None:
    words = "--model m --served-model-name a,b --max-model-len 77 --block-size 32"
    worker = read(Engine.VLLM, words.split(), {"DYN_NAMESPACE": "n"}, OLD)
    assert (worker.served_name, worker.max_model_len, worker.block_size) == ("a", 77, 32)
    assert worker.endpoint == "dyn://n.backend.generate"


def test_the_suffix_of_a_rollout_is_read_where_the_release_reads_it() -> None:
    env = {"DYN_NAMESPACE": "n", "DYN_NAMESPACE_WORKER_SUFFIX": "x"}
    ends = [
        read(Engine.VLLM, ["--model", "m"], env, release).endpoint.split(".")[0]
        for release in (OLD, NEW)
    ]
    assert ends == ["dyn://n", "dyn://n-x"]


def test_every_release_reads_the_smallest_worker() -> None:
    for release in known():
        assert read(Engine.VLLM, ["--model", "m"], {}, release).role is Role.AGG


def test_planes() -> None:
    env = {"DYN_DISCOVERY_BACKEND": "file", "DYN_STORE_KV": "mem", "DYN_REQUEST_PLANE": "tcp"}
    assert planes(OLD, (), env) == {"discovery": "mem", "request": "tcp", "event": "nats"}
    assert planes(NEW, (), env)["discovery"] == "file"
    assert planes(NEW, ("--discovery-backend", "mem"), env)["discovery"] == "mem"
    with pytest.raises(EngineRefusal, match="request-plane"):
        planes(NEW, ("--request-plane=http",), env)


def test_which_release() -> None:
    assert other_release({}) is None
    assert other_release({RELEASE_VARIABLE: "0.9.1"}) == OLD
    with pytest.raises(EngineRefusal, match="takes a release"):
        other_release({RELEASE_VARIABLE: "old"})
