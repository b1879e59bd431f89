"""What stands in for SGLang's kernels on a CPU, with SGLang and PyTorch played."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.cpu_engine.weights import overlay_path

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGE = overlay_path() / "sgl_kernel" / "__init__.py"
GIB = 2**30


class PlayedLibrary:
    """Keeps what is declared with it."""

    def __init__(self, namespace: str, kind: str) -> None:
        self.namespace, self.kind, self.schemas = namespace, kind, list[str]()

    def define(self, schema: str) -> None:
        """Keep a schema."""
        self.schemas.append(schema)


class Hooks(dict[str, tuple["Callable[..., object]", str]]):
    """Keeps what is registered, by the end of its place."""

    def register(self, place: str, hook: Callable[..., object], kind: str) -> None:
        """Keep a hook."""
        self[place.rpartition(".")[2]] = (hook, kind)


@pytest.fixture
def hooks() -> Hooks:
    """Return the played registry of SGLang."""
    return Hooks()


@pytest.fixture
def kernels(monkeypatch: pytest.MonkeyPatch, hooks: Hooks) -> ModuleType:
    """Return the stand-in, imported anew."""
    torch, registry = ModuleType("torch"), ModuleType("hook_registry")
    torch.library = SimpleNamespace(Library=PlayedLibrary)  # type: ignore[attr-defined]
    torch.cuda = SimpleNamespace(Event=None)  # type: ignore[attr-defined]
    registry.HookRegistry = hooks  # type: ignore[attr-defined]
    registry.HookType = SimpleNamespace(  # type: ignore[attr-defined]
        AFTER="after", BEFORE="before", REPLACE="replace"
    )
    monkeypatch.setitem(sys.modules, "torch", torch)
    for name in ("sglang", "sglang.srt", "sglang.srt.plugins"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "sglang.srt.plugins.hook_registry", registry)
    spec = importlib.util.spec_from_file_location("sgl_kernel", PACKAGE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_kernel_for_a_cpu_is_there_and_refuses(kernels: ModuleType) -> None:
    with pytest.raises(NotImplementedError, match=r"^sgl_kernel\.verify_tree_greedy_cpu is "):
        kernels.verify_tree_greedy_cpu(1, mode=2)


def test_other_kernels_are_missing(kernels: ModuleType) -> None:
    assert not hasattr(kernels, "silu_and_mul")


def test_operators_are_described_but_not_what_says_that_there_are_kernels(
    kernels: ModuleType,
) -> None:
    library = kernels.LIBRARY
    assert (library.namespace, library.kind) == ("sgl_kernel", "DEF")
    assert "fused_sigmoid_mul_cpu(Tensor x) -> Tensor" in library.schemas
    assert not any(schema.startswith("convert_weight_packed") for schema in library.schemas)


@pytest.mark.parametrize(("limit", "left"), [("0.5", GIB // 2), ("4", 3 * GIB), (None, 3 * GIB)])
def test_the_kv_cache_is_limited_when_a_limit_is_set(
    kernels: ModuleType,
    hooks: Hooks,
    monkeypatch: pytest.MonkeyPatch,
    limit: str | None,
    left: int,
) -> None:
    monkeypatch.delenv(kernels.KV_CACHE_GB, raising=False)
    if limit is not None:
        monkeypatch.setenv(kernels.KV_CACHE_GB, limit)
    hook, kind = hooks["_profile_available_bytes"]
    assert kind == "after"
    assert hook(3 * GIB, object(), 9.0) == left


def test_nixl_sends_from_host_memory(kernels: ModuleType, hooks: Hooks) -> None:
    kinds = {"DRAM": 0, "VRAM": 1}
    hook, kind = hooks["register_buffer_to_engine"]
    assert kind == "before"
    assert hook(SimpleNamespace(agent=SimpleNamespace(nixl_mems=kinds))) is None
    assert kinds == {"DRAM": 0, "VRAM": 0}
    assert kernels.DESCRIBED


def test_an_event_is_done_when_it_is_recorded(kernels: ModuleType) -> None:
    assert sys.modules["torch"].cuda.Event is kernels.DoneEvent
    start, end = kernels.DoneEvent(enable_timing=True), kernels.DoneEvent()
    start.record()
    end.record(object())
    assert end.query()
    start.recorded, end.recorded = 2.0, 2.5
    assert start.elapsed_time(end) == pytest.approx(500)
