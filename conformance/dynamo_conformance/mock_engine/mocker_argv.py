"""Translates a worker into the command line of Dynamo's own mocker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.role import Role

if TYPE_CHECKING:
    from dynamo_conformance.mock_engine.worker_spec import WorkerSpec


def mocker_argv(worker: WorkerSpec, *, speedup: float) -> list[str]:
    """Return the arguments of `dynamo.mocker` that simulate a worker.

    Args:
        worker: The worker.
        speedup: How many times faster than the mocker's timing model it answers; 0 for at once.
    """
    words = [
        *("--engine-type", str(worker.engine)),
        *("--model-path", worker.model),
        *("--model-name", worker.served_name),
        *("--endpoint", worker.endpoint),
        *("--disaggregation-mode", str(worker.role)),
        *("--block-size", str(worker.block_size)),
        *("--data-parallel-size", str(worker.ranks.local)),
        *("--speedup-ratio", f"{speedup:g}"),
    ]
    for flag, value in (
        ("--max-model-len", worker.max_model_len),
        ("--max-num-seqs", worker.max_num_seqs),
        ("--max-num-batched-tokens", worker.max_num_batched_tokens),
        ("--zmq-kv-events-ports", first_event_port(worker)),
        ("--bootstrap-ports", worker.bootstrap_port if worker.role is Role.PREFILL else None),
    ):
        if value is not None:
            words += [flag, str(value)]
    words.append(_switch("enable-prefix-caching", on=worker.prefix_caching))
    if worker.chunked_prefill is not None:
        words.append(_switch("enable-chunked-prefill", on=worker.chunked_prefill))
    return [*words, *worker.runtime_words]


def _switch(name: str, *, on: bool) -> str:
    return f"--{name}" if on else f"--no-{name}"


def first_event_port(worker: WorkerSpec) -> int | None:
    """Return the port of the first local rank's KV events, None when none is opened.

    The engines add the rank to the configured port, counted over the whole deployment.
    """
    if worker.kv_events is None or worker.kv_events.port is None:
        return None
    return worker.kv_events.port + worker.ranks.start
