"""KV blocks have one size across prefill workers, decode workers and the router.

SGLang refuses the handoff when prefill and decode were given different page sizes. vLLM's NIXL
connector converts some sizes, but the router hashes the prompt in blocks of one size and so finds
no prefix on workers that use another; the same is true of workers of one model, and of a size that
is given to the frontend or the endpoint picker.

Fix: give every worker, and the router if it has one, the same block size.

PASS:
    prefill: args: [..., --page-size, "16"]
    decode:  args: [..., --page-size, "16"]

FAIL:
    prefill: args: [..., --page-size, "16"]
    decode:  args: [..., --page-size, "64"]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.engines.role import Role
from dynamo_conformance.engines.serving import served_model
from dynamo_conformance.engines.trtllm_options import BLOCK_SIZE
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.manifest.graph import EPP
from dynamo_conformance.manifest.quantity import parse_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.engine_settings import EngineSettings
    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.node import Mark

SEVERITY = Severity.ERROR

# TensorRT-LLM tells Dynamo its own block size whatever --kv-block-size says.
_DESTS = {"dynamo.vllm": "block_size", "dynamo.sglang": "page_size"}
_ROUTER = "kv_cache_block_size"
_ROUTER_VARIABLE = "DYN_KV_CACHE_BLOCK_SIZE"


@dataclass(frozen=True, slots=True)
class _Size:
    """A block size that somebody wrote down.

    Attributes:
        settings: The component it is for.
        tokens: The size.
        mark: Where it is written.
        label: The flag or variable.
    """

    settings: EngineSettings
    tokens: int
    mark: Mark
    label: str

    @property
    def text(self) -> str:
        return f'component "{self.settings.part.component.name}" has {self.label} {self.tokens}'


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each block size that is not the first one's."""
    everyone = subject.studied_settings
    workers = [size for worker in everyone if (size := _of_worker(worker)) is not None]
    if not workers:
        return
    for size in workers[1:]:
        first = next(worker for worker in workers if _shares_model(worker, size))
        if size.tokens != first.tokens:
            yield _unlike(size, first)
    models = {served_model(worker.settings.part) for worker in workers}
    for router in everyone if len(models) == 1 and None not in models else ():
        size_of_router = _of_router(router)
        if size_of_router is not None and size_of_router.tokens != workers[0].tokens:
            message = (
                f"{size_of_router.text}, but {workers[0].text}: the router finds no prefix; give "
                "both one size"
            )
            yield Problem(size_of_router.mark, message, severity=Severity.WARNING)


def _unlike(size: _Size, first: _Size) -> Problem:
    pair = {size.settings.part.role, first.settings.part.role}
    fatal = size.settings.module == first.settings.module == "dynamo.sglang"
    if fatal and pair == {Role.PREFILL, Role.DECODE}:
        message = f"{size.text}, but {first.text}: SGLang refuses the handoff; give both one size"
        return Problem(size.mark, message)
    message = f"{size.text}, but {first.text}: a KV router counts in one size; give both the same"
    return Problem(size.mark, message, severity=Severity.WARNING)


def _shares_model(one: _Size, other: _Size) -> bool:
    if one is other:
        return True
    model = served_model(one.settings.part)
    return model is not None and model == served_model(other.settings.part)


def _of_worker(settings: EngineSettings) -> _Size | None:
    """Return a worker's block size where it is given; engines choose the default by the model."""
    if settings.part.role not in (Role.AGG, Role.PREFILL, Role.DECODE):
        return None
    dest = _DESTS.get(settings.module)
    if dest is None:
        return _of_trtllm(settings)
    # Both make SGLang use other sizes than the one that is written.
    if settings.module == "dynamo.sglang" and (
        settings.given("dcp_size") or settings.given("enable_hisparse")
    ):
        return None
    tokens = settings.number(dest)
    if tokens is None:
        return None
    return _Size(settings, tokens, settings.mark(dest), settings.label(dest))


def _of_trtllm(settings: EngineSettings) -> _Size | None:
    """Return the block size that TensorRT-LLM's own options give."""
    tokens = settings.option(BLOCK_SIZE)
    if not isinstance(tokens, int):
        return None
    mark, label = settings.option_mark(BLOCK_SIZE), settings.option_label(BLOCK_SIZE)
    return _Size(settings, tokens, mark, label)


def _of_router(settings: EngineSettings) -> _Size | None:
    """Return the block size that a frontend or an endpoint picker is given."""
    if settings.part.role is Role.FRONTEND and settings.given(_ROUTER):
        tokens = settings.number(_ROUTER)
        if tokens is None:
            return None
        return _Size(settings, tokens, settings.mark(_ROUTER), settings.label(_ROUTER))
    if settings.part.component.type == EPP:
        variable = settings.environment(_ROUTER_VARIABLE)
        size = parse_whole(variable.value) if variable is not None else None
        if variable is not None and size is not None:
            return _Size(settings, size, variable.mark, variable.name)
    return None
