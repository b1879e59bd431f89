from __future__ import annotations

from dataclasses import replace

import pytest
from dynamo.mocker.args import parse_args

from dynamo_conformance.engines.engine import Engine
from dynamo_conformance.engines.role import Role
from dynamo_conformance.mock_engine.mocker_argv import first_event_port, mocker_argv
from dynamo_conformance.mock_engine.worker_spec import KvEvents, Ranks, WorkerSpec

WORKER = WorkerSpec(
    engine=Engine.VLLM,
    role=Role.AGG,
    model="a/b",
    served_name="b",
    endpoint="dyn://ns.backend.generate",
    block_size=16,
)


def test_the_mocker_reads_what_the_worker_is() -> None:
    worker = replace(
        WORKER,
        role=Role.PREFILL,
        engine=Engine.SGLANG,
        max_model_len=512,
        max_num_seqs=8,
        max_num_batched_tokens=64,
        chunked_prefill=False,
        ranks=Ranks(start=2, local=2, size=4),
        kv_events=KvEvents(port=20080),
        bootstrap_port=12345,
        runtime_words=("--discovery-backend", "file"),
    )
    args = parse_args(mocker_argv(worker, speedup=50))
    assert args.model_path == "a/b"
    assert args.model_name == "b"
    assert args.endpoint == "dyn://ns.backend.generate"
    assert args.engine_type == "sglang"
    assert args.is_prefill_worker
    assert args.block_size == 16
    assert args.max_model_len == 512
    assert args.max_num_seqs == 8
    assert args.max_num_batched_tokens == 64
    assert args.enable_prefix_caching is True
    assert args.enable_chunked_prefill is False
    assert args.dp_size == 2
    assert args.speedup_ratio == 50
    assert args.zmq_kv_events_ports_list == [20082]
    assert args.bootstrap_ports_list == [12345]
    assert args.discovery_backend == "file"


def test_what_is_not_told_stays_the_mockers_default() -> None:
    given = parse_args(mocker_argv(WORKER, speedup=0))
    default = parse_args([])
    for name in ("max_model_len", "max_num_seqs", "max_num_batched_tokens", "num_gpu_blocks"):
        assert getattr(given, name) == getattr(default, name)
    assert given.zmq_kv_events_ports_list == []
    assert given.bootstrap_ports_list == []


@pytest.mark.parametrize("caching", [True, False])
def test_prefix_caching(caching: bool) -> None:  # noqa: FBT001 -- a case
    args = parse_args(mocker_argv(replace(WORKER, prefix_caching=caching), speedup=1))
    assert args.enable_prefix_caching is caching


def test_only_prefill_opens_a_bootstrap_port() -> None:
    words = mocker_argv(replace(WORKER, bootstrap_port=12345), speedup=1)
    assert "--bootstrap-ports" not in words


@pytest.mark.parametrize(
    ("events", "start", "port"),
    [(None, 0, None), (KvEvents(port=None), 0, None), (KvEvents(port=5557), 8, 5565)],
)
def test_event_ports_count_all_ranks(events: KvEvents | None, start: int, port: int | None) -> None:
    worker = replace(WORKER, kv_events=events, ranks=Ranks(start=start, local=8, size=16))
    assert first_event_port(worker) == port
