"""Low latency kernels of expert parallelism take few tokens of a rank at a time.

SGLang hands DeepEP's at most `SGLANG_DEEPEP_NUM_MAX_DISPATCH_TOKENS_PER_RANK` tokens (128, and 1024
at most), in `--deepep-mode` low_latency, and in auto where it decodes. It looks at neither when it
captures CUDA graphs (up to a batch of 512 on large GPUs) nor when it batches requests (2048 and
more on each rank): DeepEP's assertion then ends the worker, at start or under load. The same
befalls a worker that computes prompts in mode low_latency.

vLLM's `deepep_low_latency` and `nixl_ep` do not fail: the scheduler takes 256 tokens a step, which
is enough to decode, and computes a prompt of 16384 tokens in 64 steps.

Fix: SGLang: raise the variable, and limit `--cuda-graph-max-bs-decode` and `--max-running-requests`
(of all ranks together) to it; prefill in mode normal. vLLM: `deepep_high_throughput` where prompts
are computed, or workers of their own for it.

PASS:
    decode: args: [..., --deepep-mode, low_latency, --max-running-requests, "2048",
                   --cuda-graph-max-bs-decode, "128"]  # with --dp-size 16

FAIL:
    decode: args: [..., --deepep-mode, low_latency]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.engines import limits
from dynamo_conformance.engines.role import Role
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.manifest.quantity import parse_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.engine_settings import EngineSettings
    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.node import Mark

SEVERITY = Severity.ERROR

_BACKEND = "moe_a2a_backend"
_MODE = "deepep_mode"
_REQUESTS = "max_running_requests"
_CAPTURE = "cuda_graph_max_bs_decode"
_CAPTURED = "cuda_graph_bs_decode"
_CHUNK = "chunked_prefill_size"
_DRAFTS = "speculative_num_draft_tokens"
_READ = (
    _BACKEND,
    _MODE,
    _REQUESTS,
    _CAPTURE,
    _CAPTURED,
    _CHUNK,
    _DRAFTS,
    "tp_size",
    "dp_size",
    "enable_dp_attention",
)
_NO_GRAPHS = ("disable_cuda_graph", "disable_decode_cuda_graph")
_SPLITS = ("enable_two_batch_overlap", "attn_cp_size", "dcp_size", "pp_size")
"""Settings by which fewer tokens go at a time than is reckoned here."""
_TP_OF_LARGE_CAPTURE = 4
_PREFILLS = (Role.AGG, Role.PREFILL)
_DECODES = (Role.AGG, Role.DECODE)

_ALL_TO_ALL = "all2all_backend"
_STEP = "max_num_batched_tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ranks:
    """How an SGLang worker shares its requests out.

    Attributes:
        groups: How many data parallel groups the requests are shared among.
        size: How many ranks share the tokens of a group.
        drafts: How many tokens a request has in a step.
    """

    groups: int
    size: int
    drafts: int

    def tokens(self, requests: int) -> int:
        """Return the tokens that each rank sends for so many requests of its group."""
        return -(-requests * self.drafts // self.size)

    def requests(self, tokens: int) -> int:
        """Return how many requests a group may have for so many tokens of each rank."""
        return max(tokens * self.size // self.drafts, 1)


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each worker that sends its experts more tokens than they take at a time."""
    for settings in subject.studied_settings:
        if settings.module == "dynamo.sglang":
            yield from _sglang(settings)
        elif settings.module == "dynamo.vllm":
            yield from _vllm(settings)


def _sglang(settings: EngineSettings) -> Iterator[Problem]:
    if settings.text(_BACKEND) != "deepep" or settings.text(_MODE) == "normal":
        return
    if any(settings.unknown(dest) for dest in _READ):
        return
    known = limits.load().sglang
    variable = settings.environment(known.variable)
    most = known.default if variable is None else parse_whole(variable.value)
    if variable is not None and most is not None and most > known.most:
        message = f"{known.variable} {most}: DeepEP takes {known.most} at most, and SGLang ends"
        yield Problem(variable.mark, f"{message} at start; give {known.most} or less")
    # With 0, other kernels than DeepEP's are meant.
    elif most and not any(settings.text(dest) not in (None, "1", "False") for dest in _SPLITS):
        ranks = _ranks(settings)
        yield from _decodes(settings, ranks, most)
        yield from _prefills(settings, ranks, most)


def _ranks(settings: EngineSettings) -> _Ranks:
    tensor = settings.number("tp_size") or 1
    is_split = settings.switched("enable_dp_attention")
    groups = (settings.number("dp_size") or 1) if is_split else 1
    drafts = settings.number(_DRAFTS) or 1
    return _Ranks(groups=max(groups, 1), size=max(tensor // max(groups, 1), 1), drafts=drafts)


def _decodes(settings: EngineSettings, ranks: _Ranks, most: int) -> Iterator[Problem]:
    """Yield a batch of decode, captured or of requests, that is too large."""
    if settings.part.role not in _DECODES:
        return
    given = settings.number(_REQUESTS)
    running = limits.load().sglang.requests if given is None else given // ranks.groups
    batch = _captured(settings)
    captured = ranks.tokens(min(batch, running)) if batch is not None else 0
    name = settings.part.component.name
    if captured > most:
        message = (
            f'component "{name}" captures CUDA graphs of up to {captured} tokens on each rank, and '
            f"DeepEP's low latency takes {most}: it ends at start; {_advice(ranks, captured, most)}"
        )
        yield Problem(_first(settings, _CAPTURED, _CAPTURE, _MODE, _BACKEND), message)
    elif ranks.tokens(running) > most:
        tokens = ranks.tokens(running)
        more = " and more" if given is None else ""
        message = (
            f'component "{name}" may decode {tokens} tokens{more} on each rank at a time, and '
            f"DeepEP's low latency takes {most}: it ends under load; {_advice(ranks, tokens, most)}"
        )
        mark = _first(settings, _REQUESTS, _MODE, _BACKEND)
        yield Problem(mark, message, severity=Severity.WARNING)


def _advice(ranks: _Ranks, tokens: int, most: int) -> str:
    """Return how to make it fit: fewer requests, or a higher limit where there is one."""
    known = limits.load().sglang
    batch = ranks.requests(most)
    fewer = f"--max-running-requests {batch * ranks.groups} and --cuda-graph-max-bs-decode {batch}"
    higher = f"set {known.variable} to {tokens}, or " if tokens <= known.most else ""
    return f"{higher}give {fewer}"


def _captured(settings: EngineSettings) -> int | None:
    """Return the largest batch of the CUDA graphs; None without any, or when it is not known."""
    disabled = any(settings.given(dest) for dest in _NO_GRAPHS)
    backend = settings.text("cuda_graph_backend_decode")
    if disabled or backend == "disabled" or settings.given("cuda_graph_config"):
        return None
    if settings.given(_CAPTURED):
        arguments = settings.part.arguments
        sizes = arguments.get(_CAPTURED) if arguments is not None else None
        numbers = [parse_whole(size) for size in sizes] if isinstance(sizes, tuple) else []
        return max((number for number in numbers if number is not None), default=None)
    if settings.given(_CAPTURE):
        return settings.number(_CAPTURE)
    tensor = settings.number("tp_size") or 1
    return limits.load().sglang.capture[tensor >= _TP_OF_LARGE_CAPTURE]


def _prefills(settings: EngineSettings, ranks: _Ranks, most: int) -> Iterator[Problem]:
    """Yield a worker that computes prompts with kernels that are for decode."""
    if not _prompts(settings) or settings.text(_MODE) != "low_latency":
        return
    given = settings.number(_CHUNK)
    # At or below 0, prompts are computed whole.
    chunk = given if given is not None and given > 0 else limits.load().sglang.chunk
    tokens = -(-chunk // ranks.groups // ranks.size)
    if tokens > most:
        mode = "normal" if settings.part.role is Role.PREFILL else "auto"
        message = (
            f'component "{settings.part.component.name}" computes prompts {tokens} tokens at a '
            f"time on each rank, and DeepEP's low latency takes {most}: the first long prompt ends "
            f"it; give --deepep-mode {mode}"
        )
        yield Problem(settings.mark(_MODE), message)


def _prompts(settings: EngineSettings) -> bool:
    """Whether a worker computes prompts, and is meant to: role-mismatch is about other ones."""
    return settings.part.role in _PREFILLS and settings.part.component.type != Role.DECODE


def _vllm(settings: EngineSettings) -> Iterator[Problem]:
    """Yield a vLLM worker that computes prompts in small steps."""
    known = limits.load().vllm
    if not _prompts(settings) or settings.text(_ALL_TO_ALL) not in known.backends:
        return
    spread = settings.switched("enable_expert_parallel")
    if not spread or (settings.number("data_parallel_size") or 1) <= 1:
        return
    if settings.unknown(_STEP) or settings.given(_STEP):
        return
    message = (
        f'component "{settings.part.component.name}" computes prompts, {known.tokens} tokens a '
        f"step: more {settings.text(_ALL_TO_ALL)} does not take; give --all2all-backend "
        "deepep_high_throughput, or decode on workers of their own"
    )
    yield Problem(settings.mark(_ALL_TO_ALL), message, severity=Severity.WARNING)


def _first(settings: EngineSettings, *dests: str) -> Mark:
    return settings.mark(*(dest for dest in dests if settings.given(dest)))
