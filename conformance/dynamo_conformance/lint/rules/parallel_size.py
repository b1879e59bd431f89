"""Tensor, pipeline and data parallel sizes multiply to the GPUs of the container times the nodes.

With too few GPUs the engine dies at start, and the API server has admitted it; GPUs above that
number are reserved and idle. Several nodes are joined by the operator, which reads only
`--tensor-parallel-size N` and the like in `args`: it does not see `-tp N` nor `=`.

Fix: make `nvidia.com/gpu` times `multinode.nodeCount` the product of the sizes.

PASS:
    args: [--model, Qwen/Qwen3-32B, --tensor-parallel-size, "4"]
    resources: {limits: {nvidia.com/gpu: "4"}}

FAIL:
    args: [--model, Qwen/Qwen3-32B, --tensor-parallel-size, "4"]
    resources: {limits: {nvidia.com/gpu: "2"}}
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from dynamo_conformance.engines.role import Role
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.manifest.graph import GPU
from dynamo_conformance.rendering import flags

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dynamo_conformance.lint.engine_settings import EngineSettings
    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.graph import Container
    from dynamo_conformance.manifest.node import Mark

SEVERITY = Severity.ERROR

_ROLES = (Role.AGG, Role.PREFILL, Role.DECODE)
_SPLITS = {
    "dynamo.vllm": (
        "tensor_parallel_size",
        "pipeline_parallel_size",
        "prefill_context_parallel_size",
    ),
    "dynamo.sglang": ("tp_size", "pp_size"),
    "dynamo.trtllm": ("tensor_parallel_size", "pipeline_parallel_size"),
}
"""What splits one copy of the model; data parallelism makes more copies of it."""
_COPIES = {"dynamo.vllm": "data_parallel_size", "dynamo.sglang": "dp_size"}
# Whoever gives one of these places the ranks by hand, or on GPUs that are not this container's.
_BY_HAND = {
    "dynamo.vllm": (
        "nnodes",
        "node_rank",
        "headless",
        "distributed_executor_backend",
        "data_parallel_backend",
        "enable_elastic_ep",
    ),
    "dynamo.sglang": (
        "nnodes",
        "node_rank",
        "base_gpu_id",
        "gpu_id_step",
        "use_ray",
        "dwdp_size",
        "elastic_ep_backend",
        "image_diffusion_worker",
        "video_generation_worker",
    ),
    "dynamo.trtllm": ("modality",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What the command line asks for and what the pods have.

    Attributes:
        subject: The graph's document.
        settings: The component's settings.
        main: Its main container.
        split: GPUs of one copy of the model.
        copies: How many copies there are.
        factors: The sizes above 1 by dest.
    """

    subject: Subject
    settings: EngineSettings
    main: Container
    split: int
    copies: int
    factors: Mapping[str, int]

    @property
    def nodes(self) -> int:
        return self.settings.part.component.node_count

    @property
    def needed(self) -> int:
        return self.split * self.copies

    @property
    def available(self) -> int:
        return self.main.gpus * self.nodes

    @property
    def asked(self) -> str:
        parts = (f"{self.settings.label(dest)} {size}" for dest, size in self.factors.items())
        return " times ".join(parts) or "one GPU, no parallel size is given"

    @property
    def mark(self) -> Mark:
        return self.settings.mark(*self.factors)

    @property
    def gpu_mark(self) -> Mark:
        resources = self.main.node.mapping("resources")
        limits = resources.mapping("limits") if resources is not None else None
        value = limits.get(GPU) if limits is not None else None
        return value.mark if value is not None else self.main.node.mark

    @property
    def gpu(self) -> str:
        """What the author calls a GPU."""
        return self.subject.words.gpu_key(self.subject.document.path_at(self.gpu_mark))

    @property
    def name(self) -> str:
        return f'component "{self.settings.part.component.name}"'


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each worker whose GPUs are not what its parallel sizes need."""
    for settings in subject.studied_settings:
        if settings.part.role in _ROLES:
            plan = _plan(subject, settings)
            problem = _problem(plan) if plan is not None else None
            if problem is not None:
                yield problem


def _plan(subject: Subject, settings: EngineSettings) -> _Plan | None:
    """Return what is asked for, or None when that cannot be known."""
    component, module = settings.part.component, settings.module
    main = component.main
    if main is None or not main.gpus or module not in _SPLITS or settings.overridden:
        return None
    if component.node.get("experimental") is not None or component.node_count < 1:
        return None
    if _placed_by_hand(settings):
        return None
    sizes = {dest: settings.number(dest) for dest in _SPLITS[module]}
    copies = _copies_dest(settings)
    if copies is not None:
        sizes[copies] = settings.number(copies)
    known = {dest: size for dest, size in sizes.items() if size}
    if len(known) < len(sizes):
        return None
    count = known.get(copies or "", 1)
    return _Plan(
        subject=subject,
        settings=settings,
        main=main,
        split=prod(known.values()) // count,
        copies=count,
        factors={dest: size for dest, size in known.items() if size > 1},
    )


def _placed_by_hand(settings: EngineSettings) -> bool:
    by_hand = any(settings.given(dest) for dest in _BY_HAND[settings.module])
    return by_hand or settings.environment("CUDA_VISIBLE_DEVICES") is not None


def _copies_dest(settings: EngineSettings) -> str | None:
    """Return the setting that says how many copies of the model run here, or None for one."""
    if settings.module == "dynamo.sglang" and settings.switched("enable_dp_attention"):
        return None
    if settings.module == "dynamo.vllm" and settings.part.component.node_count == 1:
        if settings.given("data_parallel_size_local"):
            return "data_parallel_size_local"
        if settings.given("data_parallel_rank") or settings.given("data_parallel_external_lb"):
            return None
    return _COPIES.get(settings.module)


def _problem(plan: _Plan) -> Problem | None:
    if plan.needed > plan.available:
        return Problem(plan.mark, _too_few(plan))
    if plan.nodes > 1:
        problem = _over_nodes(plan)
        if problem is not None:
            return problem
    if plan.needed < plan.available:
        message = (
            f"{plan.name} has {_gpus(plan)} but uses {plan.needed} ({plan.asked}); "
            f"set {plan.gpu} to what it uses, or raise the parallel size"
        )
        return Problem(plan.gpu_mark, message, severity=Severity.WARNING)
    return None


def _too_few(plan: _Plan) -> str:
    """Return what to say of too few GPUs; only a whole number per node can be advised."""
    each, rest = divmod(plan.needed, plan.nodes)
    advice = f'set {plan.gpu} to "{each}" or ' if not rest else ""
    return (
        f"{plan.name} needs {plan.needed} GPUs ({plan.asked}) but has {_gpus(plan)}; "
        f"{advice}lower the parallel size"
    )


def _over_nodes(plan: _Plan) -> Problem | None:
    module = plan.settings.module
    if module == "dynamo.sglang" and plan.split % plan.nodes:
        message = (
            f"{plan.name} splits its model over {plan.split} GPUs, which {plan.nodes} nodes cannot "
            "share evenly; make the parallel size a multiple of multinode.nodeCount"
        )
        return Problem(plan.mark, message)
    return _vllm_over_nodes(plan) if module == "dynamo.vllm" else None


def _vllm_over_nodes(plan: _Plan) -> Problem | None:
    gpus = plan.main.gpus
    if plan.needed <= gpus:
        message = (
            f"{plan.name} fits on one node ({plan.asked}), so the operator joins nothing and each "
            f"of its {plan.nodes} nodes runs by itself; remove multinode, or raise the parallel "
            "size"
        )
        mark = plan.settings.part.component.node.key_mark("multinode")
        return Problem(mark, message, severity=Severity.WARNING)
    if not _operator_sees(plan.main):
        message = (
            f"{plan.name} spans nodes ({plan.asked}), but the operator does not see it and joins "
            f"nothing: it reads only `{flags.TENSOR_PARALLEL} N` and the like in args; write the "
            "long flags with their values after a space"
        )
        return Problem(plan.mark, message)
    ranks = gpus // plan.split * plan.nodes
    if plan.split <= gpus and ranks != plan.copies:
        message = (
            f"{plan.name}: the operator starts {gpus // plan.split} ranks on each of {plan.nodes} "
            f"nodes, {ranks} in all, but {plan.settings.label('data_parallel_size')} is "
            f"{plan.copies}; write {ranks}"
        )
        return Problem(plan.settings.mark("data_parallel_size"), message)
    return None


def _operator_sees(main: Container) -> bool:
    """Whether the operator itself finds that one node does not hold everything."""
    args = flags.expanded(main.node)
    names = (flags.TENSOR_PARALLEL, flags.PIPELINE_PARALLEL, flags.DATA_PARALLEL)
    return prod(flags.number(args, name) for name in names) > main.gpus


def _gpus(plan: _Plan) -> str:
    gpus = plan.main.gpus
    each = f"{gpus} GPU" if gpus == 1 else f"{gpus} GPUs"
    return each if plan.nodes == 1 else f"{each} on each of {plan.nodes} nodes"
