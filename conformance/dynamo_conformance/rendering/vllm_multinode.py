"""vLLM over several nodes: one engine on all of them, or data parallel ranks on each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.graph import Container
from dynamo_conformance.rendering import environment, flags, names, volumes
from dynamo_conformance.rendering.defaults import SHELL, without_probes
from dynamo_conformance.rendering.labels import EXECUTOR
from dynamo_conformance.rendering.node_merge import appended, made, words
from dynamo_conformance.rendering.pod_context import Position
from dynamo_conformance.rendering.reconcile_failure import NOT_RENDERED, ReconcileFailure

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Mapping, Plain
    from dynamo_conformance.rendering.pod_context import PodContext

MASTER_PORT = 29500
RAY_PORT = 6379
RPC_PORT = 13445

EXECUTOR_BACKEND = "--distributed-executor-backend"
ELASTIC = "--enable-elastic-ep"

WAIT_VOLUME = "wait-leader-script"
WAIT_FOLDER = "/scripts"
WAIT_SCRIPT = "wait-for-leader.py"


def rewritten(container: Mapping, context: PodContext, position: Position) -> Mapping:
    """Return `main` with the flags and variables that vLLM needs at this position.

    Raises:
        ReconcileFailure: The command line asks for elastic expert parallelism.
    """
    if position is not Position.ALONE:
        container = _launched(container, context, position)
        if not _uses_ray(context):
            host = environment.field_variable("VLLM_NIXL_SIDE_CHANNEL_HOST", "status.podIP")
            container = appended(container, "env", host)
        container = without_probes(container, position)
    elif flags.has_value(container, "--data-parallel-backend", "ray"):
        _refuse_elastic(container, context)
    cache = volumes.cache_path(context)
    if cache is not None:
        container = appended(container, "env", environment.variable("VLLM_CACHE_ROOT", cache))
    return container


def completed(spec: Mapping, context: PodContext, position: Position) -> Mapping:
    """Return a follower's pod spec with the wait for the leader's port that `mp` needs."""
    main = spec.mappings("containers")[0]
    if position is not Position.FOLLOWER or not flags.has_value(main, EXECUTOR_BACKEND, "mp"):
        return spec
    host = context.ways.leader_address.replace("(", "{").replace(")", "}")
    wait = f"exec python3 {WAIT_FOLDER}/{WAIT_SCRIPT}"
    script = f'export LEADER_HOST="{host}" LEADER_PORT="{MASTER_PORT}" && {wait}'
    mount: list[Plain] = [{"mountPath": WAIT_FOLDER, "name": WAIT_VOLUME, "readOnly": True}]
    command: list[Plain] = ["sh", "-c", script]
    waiter = made(name="wait-for-leader-mp", command=command, volumeMounts=mount)
    waiter = waiter.replaced("image", main.get("image"))
    source: dict[str, Plain] = {"name": names.wait_leader_config(context.graph)}
    spec = appended(spec, "volumes", made(name=WAIT_VOLUME, configMap=source))
    return appended(spec, "initContainers", waiter)


def _launched(container: Mapping, context: PodContext, position: Position) -> Mapping:
    """Add the flags of the one way that fits: what one node cannot hold decides."""
    if context.ways.vllm_nodes == "ray":
        return _in_ray(container, context, position)
    args = flags.expanded(container)
    gpus = Container(container).gpus
    world = flags.number(args, flags.TENSOR_PARALLEL) * flags.number(args, flags.PIPELINE_PARALLEL)
    if gpus and world > gpus:
        if _uses_ray(context):
            return _with_ray(container, context, position)
        return flags.added(container, _mp(context, position), module="vllm", shell=False)
    _refuse_elastic(container, context)
    if gpus and world * flags.number(args, flags.DATA_PARALLEL) > gpus:
        added = _data_parallel(args, gpus // world, context, position)
        is_follower = position is Position.FOLLOWER
        return flags.added(container, added, module="vllm", shell=is_follower)
    return container


def _mp(context: PodContext, position: Position) -> tuple[str, ...]:
    """Return the flags of one engine whose tensor or pipeline ranks span the nodes."""
    added = (
        EXECUTOR_BACKEND, "mp",
        "--nnodes", str(context.component.node_count),
        "--master-addr", context.ways.leader_address,
        "--master-port", str(MASTER_PORT),
        "--node-rank", position.rank,
    )  # fmt: skip
    return (*added, "--headless") if position is Position.FOLLOWER else added


def _data_parallel(
    args: list[str], local: int, context: PodContext, position: Position
) -> tuple[str, ...]:
    """Return the flags of a node that holds `local` data parallel ranks and serves by itself."""
    start = "0" if position is Position.LEADER else f"$(( {local} * {position.rank} ))"
    total = (
        ()
        if flags.DATA_PARALLEL in args
        else (flags.DATA_PARALLEL, str(local * context.component.node_count))
    )
    hybrid = ("--data-parallel-hybrid-lb", *total) if context.ways.vllm_hybrid else ()
    return (
        *hybrid,
        "--data-parallel-size-local", str(local),
        "--data-parallel-start-rank", start,
        "--data-parallel-address", context.ways.leader_address,
        "--data-parallel-rpc-port", str(RPC_PORT),
    )  # fmt: skip


def _in_ray(container: Mapping, context: PodContext, position: Position) -> Mapping:
    """Start Ray before whatever `args` say, as operators before 0.7 do; the command stays."""
    main = Container(container)
    if position is Position.FOLLOWER:
        script = _follow(context)
    elif main.args:
        line = " ".join(word.text for word in main.args)
        script = f"ray start --head --port={RAY_PORT} && {line}"
    else:
        return container
    return container.replaced("args", words((script,)))


def _follow(context: PodContext) -> str:
    return f"ray start --address={context.ways.leader_address}:{RAY_PORT} --block"


def _with_ray(container: Mapping, context: PodContext, position: Position) -> Mapping:
    """Start Ray around the engine; followers only lend their GPUs."""
    if position is Position.FOLLOWER:
        script = _follow(context)
    else:
        main = Container(container)
        line = " ".join(flags.quoted(word.text) for word in (*main.command, *main.args))
        script = f"ray start --head --port={RAY_PORT} && {line}"
        if context.ways.vllm_hybrid:
            script = f"{script} {EXECUTOR_BACKEND} ray"
    return container.replaced("command", words(SHELL)).replaced("args", words((script,)))


def _uses_ray(context: PodContext) -> bool:
    chosen = context.annotations.get(EXECUTOR, "").lower()
    return chosen == "ray" or context.ways.vllm_nodes != "mp"


def _refuse_elastic(container: Mapping, context: PodContext) -> None:
    if ELASTIC in flags.expanded(container):
        name = context.component.name
        message = f"component {name}: {ELASTIC} makes the operator start Ray, not rendered here"
        raise ReconcileFailure(NOT_RENDERED, message)
