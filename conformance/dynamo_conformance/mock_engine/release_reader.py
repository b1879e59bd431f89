"""Reads the command line of a worker of another release than the one whose catalogs are whole.

What the mock engine acts on are a dozen flags, most of them called the same in every release. How
a release tells roles, and what it says by variables, is asked of `engines.releases`; what it
refuses, its catalog says. Everything else is passed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from dynamo_conformance.engines import catalog
from dynamo_conformance.engines.engine import Engine
from dynamo_conformance.engines.fault import UsageFault
from dynamo_conformance.engines.releases import nearest, ways
from dynamo_conformance.engines.role import COMPONENTS, Role
from dynamo_conformance.mock_engine.engine_refusal import (
    CannotSimulate,
    UsageRefusal,
    ValueRefusal,
)
from dynamo_conformance.mock_engine.vllm_reader import DEFAULT_MODEL
from dynamo_conformance.mock_engine.worker_spec import WorkerSpec, endpoint, namespace, needs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dynamo_conformance.engines.releases import Release

_SPREAD: Final = ("--nnodes", "--node-rank", "--headless", "--data-parallel-start-rank")
_OTHER_KINDS: Final = (
    "--embedding-worker", "--multimodal-processor", "--multimodal-encode-worker",
    "--multimodal-worker", "--multimodal-decode-worker", "--multimodal-encode-prefill-worker",
    "--image-diffusion-worker", "--video-generation-worker", "--classify-worker", "--realtime",
    "--route-to-encoder",
)  # fmt: skip
"""What makes a worker one that answers with no text, or asks another one for what is in images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _EngineFlags:
    """How an engine calls what the mock engine acts on.

    Attributes:
        model: The model.
        length: Longest sequence in tokens.
        block: Tokens in one KV cache block.
        default_block: How many these are where nothing says it.
    """

    model: tuple[str, ...]
    length: str
    block: str
    default_block: int


_FLAGS: Final = {
    Engine.VLLM: _EngineFlags(
        model=("--model",), length="--max-model-len", block="--block-size", default_block=16
    ),
    Engine.SGLANG: _EngineFlags(
        model=("--model-path", "--model"),
        length="--context-length",
        block="--page-size",
        default_block=1,
    ),
    Engine.TRTLLM: _EngineFlags(
        model=("--model-path", "--model"),
        length="--max-seq-len",
        block="--kv-block-size",
        default_block=32,
    ),
}


def read(
    engine: Engine, words: Sequence[str], env: Mapping[str, str], release: Release
) -> WorkerSpec:
    """Return the worker that a command line describes.

    Args:
        engine: Which one.
        words: What follows `python3 -m dynamo.<engine>`.
        env: The environment.
        release: The release whose runtime is here.

    Raises:
        EngineRefusal: The release would not start with it, or the mock engine cannot.
    """
    _check(engine, words, env, release)
    given = _values(words)
    for flag in (*_OTHER_KINDS, *_SPREAD):
        if flag in given:
            raise CannotSimulate(
                f"{flag}: on Dynamo {release} it plays workers of text on one node alone"
            )
    how, flags = ways(release), _FLAGS[engine]
    role = _role(engine, given, release)
    model = next((given[flag] for flag in flags.model if given.get(flag)), None) or DEFAULT_MODEL
    stated = given.get("--namespace") if how.namespace_flag else None
    stated = stated or env.get(how.namespace_variable)
    # Workers got the flag, and the suffix of a rollout, in the same release.
    suffixed = env if how.namespace_flag else {}
    own = namespace(stated, suffixed)
    return WorkerSpec(
        engine=engine,
        role=role,
        model=model,
        served_name=given.get("--served-model-name", "").split(",")[0].strip() or model,
        endpoint=endpoint(given.get("--endpoint"), namespace=own, component=COMPONENTS[role]),
        block_size=_whole(given, flags.block) or flags.default_block,
        max_model_len=_whole(given, flags.length),
        tool_call_parser=given.get("--dyn-tool-call-parser"),
        reasoning_parser=given.get("--dyn-reasoning-parser"),
        chat_template=given.get("--custom-jinja-template"),
        without_mocker=True,
        public=role is not Role.PREFILL,
        needs=needs(role, encoder=None),
    )


def _check(engine: Engine, words: Sequence[str], env: Mapping[str, str], release: Release) -> None:
    """Refuse what the release's own parser would refuse, where its flags are known."""
    try:
        known = catalog.load(f"dynamo.{engine}", release=str(nearest(release)))
    except catalog.UnknownModule:
        return
    try:
        known.parse(words, env=env)
    except UsageFault as fault:
        raise UsageRefusal(fault.advice) from fault


def _values(words: Sequence[str]) -> dict[str, str]:
    """Return each flag with the first word of its value, empty where it has none."""
    values: dict[str, str] = {}
    for word, after in pairwise((*words, "")):
        if not word.startswith("--"):
            continue
        name, is_joined, value = word.partition("=")
        # vLLM's parser takes both.
        flag = name.replace("_", "-")
        values[flag] = value if is_joined else "" if after.startswith("--") else after
    return values


def _whole(given: Mapping[str, str], flag: str) -> int | None:
    text = given.get(flag)
    if text is None:
        return None
    try:
        value = int(text)
    except ValueError:
        raise ValueRefusal(f"argument {flag}: invalid int value: '{text}'") from None
    return value if value > 0 else None


def _role(engine: Engine, given: Mapping[str, str], release: Release) -> Role:
    """Return the role that a release's words give."""
    how = ways(release).roles[f"dynamo.{engine}"]
    by_flag = [role for flag, role in how.flags.items() if flag in given]
    word = given.get(how.mode) if how.mode is not None else None
    if word is not None and word in how.refused:
        raise ValueRefusal(f"{how.mode} {word}: {how.refused[word]}")
    if word is not None and word not in how.words:
        raise ValueRefusal(
            f"argument {how.mode}: invalid choice: '{word}' (choose from {', '.join(how.words)})"
        )
    if how.exclusive and len(by_flag) + (word is not None) > 1:
        flags = ", ".join(flag for flag in (*how.flags, how.mode or "") if flag in given)
        raise ValueRefusal(f"{flags}: no two of them together")
    named = by_flag[0] if by_flag else how.words[word] if word is not None else how.default
    if named == Role.ENCODE:
        raise CannotSimulate(
            f"an encode worker: on Dynamo {release} it plays workers of text alone"
        )
    return Role(named)
