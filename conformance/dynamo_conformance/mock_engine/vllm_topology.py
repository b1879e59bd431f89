"""Which ranks and nodes a `dynamo.vllm` process stands for, as vLLM 0.31.0 works it out.

Two ways lead over several nodes. A model split over nodes (`--nnodes`) has one process that
serves and others, `--headless`, that lend their GPUs. Data parallelism has a range of ranks on
each node; with the hybrid or external load balancer each node serves its own ranks, otherwise
the first serves all and the others are `--headless`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.mock_engine.engine_refusal import CannotSimulate, ValueRefusal
from dynamo_conformance.mock_engine.worker_spec import MultinodeGroup, Ranks

if TYPE_CHECKING:
    from dynamo_conformance.engines.role import Role
    from dynamo_conformance.mock_engine.typed_arguments import TypedArguments

_INVALID = "Invalid data-parallel launch options: "
_NODE_EXECUTORS = ("mp", "uni", "external_launcher")
_DEFAULT_MASTER_PORT = 29501
_DEFAULT_RPC_PORT = 29550


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """This process's place in its engine."""

    ranks: Ranks
    group: MultinodeGroup | None
    serves: bool


def read(settings: TypedArguments, *, model: str, role: Role) -> Topology:
    """Return this process's place in its engine.

    Args:
        settings: The command line.
        model: What all processes of the engine must load.
        role: What all of them must be.

    Raises:
        EngineRefusal: when vLLM would not start with these flags, or the mock engine cannot.
    """
    if settings.switch("headless") and settings.switch("data_parallel_hybrid_lb"):
        raise ValueRefusal("data_parallel_hybrid_lb is not applicable in headless mode")
    if settings.switch("data_parallel_hybrid_lb") and settings.switch("data_parallel_external_lb"):
        raise ValueRefusal(
            f"{_INVALID}`--data-parallel-hybrid-lb` and `--data-parallel-external-lb` cannot be "
            "enabled together. Enable only one load-balancing mode."
        )
    agreement = (
        ("--model", model),
        ("--disaggregation-mode", str(role)),
        ("--tensor-parallel-size", str(settings.at_least_one("tensor_parallel_size"))),
        ("--pipeline-parallel-size", str(settings.at_least_one("pipeline_parallel_size"))),
    )
    if settings.at_least_one("nnodes") > 1:
        return _over_nodes(settings, agreement)
    return _over_ranks(settings, agreement)


def _over_nodes(settings: TypedArguments, agreement: tuple[tuple[str, str], ...]) -> Topology:
    nodes = settings.at_least_one("nnodes")
    rank = settings.whole("node_rank") or 0
    _check_nodes(settings, nodes=nodes, rank=rank)
    headless = bool(settings.switch("headless"))
    if headless and rank == 0:
        raise CannotSimulate(
            "--headless with --node-rank 0: the first node runs the scheduler and serves; "
            "leave --headless to the other nodes"
        )
    if not headless and rank > 0:
        raise CannotSimulate(
            f"--node-rank {rank} without --headless: only the first node of a model that spans "
            "nodes serves; add --headless"
        )
    return Topology(
        ranks=Ranks(),
        group=MultinodeGroup(
            unit="node",
            start=rank,
            count=1,
            size=nodes,
            host=settings.text("master_addr") or "127.0.0.1",
            port=settings.whole("master_port") or _DEFAULT_MASTER_PORT,
            agreement=agreement,
        ),
        serves=not headless,
    )


def _check_nodes(settings: TypedArguments, *, nodes: int, rank: int) -> None:
    executor = settings.text("distributed_executor_backend")
    if executor is not None and executor not in _NODE_EXECUTORS:
        raise ValueRefusal(
            "nnodes > 1 can only be set when distributed executor backend is mp, uni or "
            "external_launcher."
        )
    if settings.at_least_one("data_parallel_size") > 1:
        raise CannotSimulate(
            "--nnodes together with --data-parallel-size: use --data-parallel-size-local and "
            "--data-parallel-start-rank on each node instead of --nnodes"
        )
    world = settings.at_least_one("tensor_parallel_size") * settings.at_least_one(
        "pipeline_parallel_size"
    )
    if world % nodes:
        raise ValueRefusal(
            f"{_INVALID}`--nnodes {nodes}` must evenly divide the total world size ({world}). "
            "Adjust `--nnodes`, `--data-parallel-size`, `--pipeline-parallel-size`, "
            "`--tensor-parallel-size`, or `--prefill-context-parallel-size`."
        )
    if not 0 <= rank < nodes:
        raise ValueRefusal(
            f"{_INVALID}`--node-rank` must be between 0 and {nodes - 1}; got "
            f"`--node-rank {rank}`. Set it to this node's zero-based index."
        )


def _over_ranks(settings: TypedArguments, agreement: tuple[tuple[str, str], ...]) -> Topology:
    size = settings.at_least_one("data_parallel_size")
    headless = bool(settings.switch("headless"))
    ranks, serves_own = _own_ranks(settings, size=size, headless=headless)
    if ranks.local > size:
        raise ValueRefusal(
            f"data_parallel_size_local ({ranks.local}) must be <= data_parallel_size ({size})"
        )
    if not 0 <= ranks.start < size:
        raise ValueRefusal(f"data_parallel_rank ({ranks.start}) must be in the range [0, {size})")
    if ranks.local == size:
        if headless:
            raise CannotSimulate(
                "--headless on a single node: there is no other node whose engine it could "
                "belong to"
            )
        return Topology(ranks=ranks, group=None, serves=True)
    group = MultinodeGroup(
        unit="rank",
        start=ranks.start,
        count=ranks.local,
        size=size,
        host=settings.text("data_parallel_address") or "127.0.0.1",
        port=settings.whole("data_parallel_rpc_port") or _DEFAULT_RPC_PORT,
        agreement=agreement,
    )
    if headless or serves_own:
        return Topology(ranks=ranks, group=group, serves=not headless)
    if ranks.start > 0:
        raise CannotSimulate(
            f"ranks {ranks.start} and up without a load balancer of their own: add --headless or "
            "--data-parallel-hybrid-lb"
        )
    return Topology(ranks=Ranks(start=0, local=size, size=size), group=group, serves=True)


def _own_ranks(settings: TypedArguments, *, size: int, headless: bool) -> tuple[Ranks, bool]:
    """Return the ranks on this node, and whether this node serves exactly those."""
    rank = settings.whole("data_parallel_rank")
    local = settings.whole("data_parallel_size_local")
    start = settings.whole("data_parallel_start_rank")
    if settings.switch("data_parallel_external_lb") or rank is not None:
        if rank is None:
            raise ValueRefusal(
                f"{_INVALID}`--data-parallel-external-lb` requires a data-parallel rank. Set "
                "`--data-parallel-rank`, or set `--data-parallel-size` greater than 1 and use "
                "`--nnodes` with `--node-rank` so the rank can be inferred."
            )
        if local not in (1, None):
            raise ValueRefusal(
                f"{_INVALID}an external data-parallel rank requires `--data-parallel-size-local "
                f"1`; got {local}. Set it to 1 or omit it."
            )
        return Ranks(start=rank, local=1, size=size), True
    hybrid = bool(settings.switch("data_parallel_hybrid_lb"))
    if local is None:
        if hybrid:
            raise ValueRefusal(
                f"{_INVALID}`--data-parallel-hybrid-lb` requires `--data-parallel-size-local`. "
                "Set it to the number of data-parallel ranks on this node."
            )
        return Ranks(start=0, local=size, size=size), False
    # A start rank without --headless means the hybrid load balancer.
    hybrid = hybrid or (start is not None and not headless)
    return Ranks(start=start or 0, local=local, size=size), hybrid
