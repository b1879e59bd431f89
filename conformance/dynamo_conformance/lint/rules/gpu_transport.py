"""KV blocks lie in GPU memory, and UCX only takes them from there with a CUDA transport.

`UCX_TLS` names the transports that UCX may use. A list without `cuda_copy` (or `cuda`, which stands
for `cuda_copy`, `cuda_ipc` and `gdr_copy`) leaves UCX blind to GPU memory: NIXL's registration of
the KV cache fails, or the first transfer between prefill and decode does. So it is with a list of
exceptions that has one of those two, such as `^cuda`. RDMA alone (`rc`, `dc`, `ib`) does not help.

A transfer that does not go through UCX, blocks that vLLM keeps in host memory for it
(`kv_buffer_device` cpu), and workers without NVIDIA GPUs are not judged.

Fix: add `cuda` to the list, or leave `UCX_TLS` out: UCX then takes whatever it finds.

PASS:
    env: [{name: UCX_TLS, value: "rc,tcp,cuda,self,sm"}]

FAIL:
    env: [{name: UCX_TLS, value: "tcp,self"}]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.parsing import unexpanded
from dynamo_conformance.engines.role import Role
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.lint.rules.kv_connector import CARRIERS, connector_configs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.flag import Json
    from dynamo_conformance.lint.engine_settings import EngineSettings
    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.node import Mark

SEVERITY = Severity.ERROR

_VARIABLE = "UCX_TLS"
_ALL = "all"
_GPU = frozenset({"cuda", "cuda_copy", "cuda_ipc", "gdr_copy"})
_NEEDED = frozenset({"cuda", "cuda_copy"})
"""What GPU memory is noticed and reached by; the other two only make it quicker."""

_OTHER_NIXL = {
    "dynamo.sglang": "SGLANG_DISAGGREGATION_NIXL_BACKEND",
    "dynamo.trtllm": "TRTLLM_NIXL_KVCACHE_BACKEND",
}
"""Variables that give NIXL another backend than UCX."""

_THROUGH_UCX = {"dynamo.sglang": ("nixl",), "dynamo.trtllm": ("UCX", "NIXL", "DEFAULT")}
"""Ways of a handoff that go through UCX, by module."""


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each list of transports with which KV blocks cannot leave a GPU."""
    seen: set[Mark] = set()
    for worker in subject.studied_settings:
        part = worker.part
        if part.role not in (Role.PREFILL, Role.DECODE):
            continue
        main = part.component.main
        certain = uses_ucx(worker) if main is not None and main.gpus else False
        variable = worker.environment(_VARIABLE) if certain is not False else None
        text = variable.value if variable is not None else None
        if variable is None or text is None or variable.mark in seen or _reaches_gpus(text):
            continue
        seen.add(variable.mark)
        message = (
            f'component "{part.component.name}": {_VARIABLE} "{text}" has no CUDA transport, '
            "and KV blocks are in GPU memory; add cuda"
        )
        if text.startswith("^"):
            message = message.removesuffix("add cuda") + "except only what must not be used"
        yield Problem(variable.mark, message, severity=None if certain else Severity.WARNING)


def _reaches_gpus(text: str) -> bool:
    """Whether UCX may use what GPU memory needs, or nobody can tell."""
    excepts = text.startswith("^")
    names = {piece.strip().partition(":")[0].lower() for piece in text.removeprefix("^").split(",")}
    names.discard("")
    if not names or any(unexpanded(name) or "^" in name for name in names):
        return True
    if excepts:
        return not names & _NEEDED
    return bool(names & (_GPU | {_ALL}))


def uses_ucx(worker: EngineSettings) -> bool | None:
    """Whether a worker's KV blocks go from GPU to GPU through UCX; None when only likely."""
    other = worker.environment(_OTHER_NIXL.get(worker.module, ""))
    if other is not None and (other.value or "").upper() != "UCX":
        return False
    if worker.module == "dynamo.vllm":
        return any(_vllm_uses_ucx(config) for config in connector_configs(worker))
    usual = _THROUGH_UCX.get(worker.module)
    if usual is None:
        return False
    carrier = CARRIERS[worker.module](worker)
    if carrier is not None:
        return carrier[0] in usual
    # TensorRT-LLM's engine file is not here; NIXL and UCX are its usual ways.
    return None if worker.module == "dynamo.trtllm" and worker.overridden else False


def _vllm_uses_ucx(config: dict[str, Json]) -> bool:
    extra = config.get("kv_connector_extra_config")
    backends = extra.get("backends", ["UCX"]) if isinstance(extra, dict) else ["UCX"]
    is_nixl = str(config.get("kv_connector")).startswith("Nixl")
    return is_nixl and "UCX" in str(backends) and config.get("kv_buffer_device") != "cpu"
