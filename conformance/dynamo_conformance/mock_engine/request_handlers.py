"""Workers that Dynamo's mocker has no part for.

Those are workers that encode images, workers behind them, and workers that embed texts. Each is an
endpoint of its own on the real runtime, registered as the real worker registers. What goes between
them goes through the runtime's own clients, so each hop is in the workers' counters. Nothing looks
at an image, and a vector is made from the digest of its text.
"""

from __future__ import annotations

import base64
import hashlib
import random
import struct
from typing import TYPE_CHECKING, TypeAlias

from dynamo_conformance.engines.engine import Engine
from dynamo_conformance.engines.role import Role
from dynamo_conformance.mock_engine import encode_exchange
from dynamo_conformance.mock_engine.answer_length import answer_length
from dynamo_conformance.mock_engine.chosen_answers import NO_PARSERS, Parsers
from dynamo_conformance.mock_engine.mock_runtime import (
    MockRuntime,
    open_runtime,
    publish_budget,
    register,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from dynamo.llm import ModelRuntimeConfig
    from dynamo.runtime import Client, Context, DistributedRuntime

    from dynamo_conformance.engines.flag import Json
    from dynamo_conformance.mock_engine.worker_spec import WorkerSpec

    Request: TypeAlias = dict[str, Json]
    Handler: TypeAlias = (
        Callable[[Request, Context], AsyncIterator[Request]]
        | Callable[[str, Context], AsyncIterator[str]]
    )

DIMENSIONS = 1024
"""As many numbers as a vector of Qwen3-Embedding-0.6B has."""

ANSWER_TOKENS = range(1000, 2000)
"""The ids that the mocker answers with, each a visible word of the mock vocabulary."""


def serve(worker: WorkerSpec, planes: dict[str, str | None]) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        worker: The worker to be.
        planes: What `create_runtime` is given.

    Raises:
        StartFault: when the runtime ends without having been asked to.
    """
    import uvloop
    from dynamo.runtime.logging import configure_dynamo_logging

    configure_dynamo_logging()
    uvloop.run(_serve(worker, planes))


async def _serve(worker: WorkerSpec, planes: dict[str, str | None]) -> None:
    response = planes["response_plane"] or "tcp"
    mock = MockRuntime(worker, open_runtime(**{**planes, "response_plane": response}))
    endpoint = mock.runtime.endpoint(worker.endpoint)
    handler = await _handler(worker, mock.runtime)
    labels = [("model", worker.served_name)]
    serving = endpoint.serve_endpoint(handler, metrics_labels=labels)
    await mock.serve(serving, register(worker, endpoint, _card(worker)))


async def _handler(worker: WorkerSpec, runtime: DistributedRuntime) -> Handler:
    """Return what answers requests, once those whom it asks are there, as the real worker waits."""
    if worker.embeds:
        return embed
    if worker.engine is Engine.VLLM and worker.role is Role.ENCODE:
        return encode_for_vllm
    links = worker.links
    encoder = await _client(runtime, links.encoder)
    prefill = await _client(runtime, links.prefill)
    onward = await _client(runtime, links.onward)
    # TensorRT-LLM meets its encoder with the first image.
    waits_for = None if worker.engine is Engine.TRTLLM else encoder or onward
    if waits_for is not None:
        await waits_for.wait_for_instances()

    async def generate(request: Request, context: Context) -> AsyncIterator[Request]:
        if encoder is not None and images(request):
            await have_encoded(encoder, request, context, engine=worker.engine)
        if prefill is not None:
            await _ask(prefill, request, context)
        if onward is not None:
            async for answer in await onward.round_robin(request, context=context):
                yield answer.data()
            return
        check_length(request, worker)
        for chunk in answer_to(
            request,
            worker.role,
            context_length=worker.max_model_len,
            parsers=worker.parsers,
        ):
            yield chunk

    return generate


def check_length(request: Request, worker: WorkerSpec) -> None:
    """Refuse a prompt that the worker's engine would refuse.

    Frontends know no token budget of SGLang's encode workers, who leave it to those behind them
    (dynamo.sglang.register of 1.6.1).

    Raises:
        ValueError: The prompt is longer than the context.
    """
    tokens, limit = request.get("token_ids"), worker.max_model_len
    if worker.role is Role.ENCODE or worker.truncates or limit is None:
        return
    if isinstance(tokens, list) and len(tokens) >= limit:
        raise ValueError(f"The input ({len(tokens)} tokens) is longer than the context of {limit}.")


async def _client(runtime: DistributedRuntime, path: str | None) -> Client | None:
    return await runtime.endpoint(path).client() if path is not None else None


async def _ask(client: Client, request: Request, context: Context) -> None:
    """Have a peer do its part.

    Raises:
        RuntimeError: It did not answer.
    """
    answers = [one.data() async for one in await client.round_robin(request, context=context)]
    if not answers:
        raise RuntimeError("no answer from the worker that was asked")


async def have_encoded(
    client: Client, request: Request, context: Context, *, engine: Engine
) -> None:
    """Have an encode worker encode the images of a request.

    Raises:
        RuntimeError: It answered, but not for every image.
    """
    if engine is not Engine.VLLM:
        await _ask(client, request, context)
        return
    asked = encode_exchange.question(addresses(request), request=context.id())
    answers = [item.data() async for item in await client.round_robin(asked, context=context)]
    count = sum(encode_exchange.count_encoded(answer) for answer in answers)
    if count != images(request):
        raise RuntimeError(f"{images(request)} images were asked of an encode worker, {count} came")


async def encode_for_vllm(request: str, context: Context) -> AsyncIterator[str]:  # noqa: ARG001
    """Answer a vLLM worker that has images encoded."""
    yield encode_exchange.answer(request)


def images(request: Request) -> int:
    """Return how many images a request carries."""
    return len(addresses(request))


def addresses(request: Request) -> list[str]:
    """Return the URLs of a request's images; of one that the frontend fetched, an empty text."""
    media = request.get("multi_modal_data")
    items = media.get("image_url") if isinstance(media, dict) else None
    if not isinstance(items, list):
        return []
    return [str(item.get("Url") or "") if isinstance(item, dict) else str(item) for item in items]


def answer_to(
    request: Request,
    role: Role,
    *,
    context_length: int | None = None,
    parsers: Parsers = NO_PARSERS,
) -> list[Request]:
    """Return what a worker of a role answers: tokens, or what the next one needs of it.

    Args:
        request: As the frontend, or another worker, hands it over.
        role: The worker's role.
        context_length: Longest sequence in tokens; None when it is not known.
        parsers: What reads the answer.
    """
    if role is Role.ENCODE:
        return [{"encoded_images": images(request)}]
    tokens = request.get("token_ids")
    prompt = len(tokens) if isinstance(tokens, list) else 0
    if role is Role.PREFILL:
        first: list[Json] = [random.choice(ANSWER_TOKENS)]  # noqa: S311 - no secret
        handoff: Request = {"mock_engine": "no block leaves this worker"}
        return [{"token_ids": first, "index": 0, "disaggregated_params": handoff}]
    length = answer_length(request, context_length=context_length, parsers=parsers)
    count = length.tokens
    drawn = random.choices(ANSWER_TOKENS, k=count)  # noqa: S311 - no secret
    chunks: list[Request] = [
        {"token_ids": [token], "index": 0} for token in (length.chosen or drawn)[:count]
    ]
    chunks[-1] |= {
        "finish_reason": length.reason,
        "completion_usage": {
            "prompt_tokens": prompt,
            "completion_tokens": count,
            "total_tokens": prompt + count,
        },
    }
    return chunks


async def embed(request: Request, context: Context) -> AsyncIterator[Request]:  # noqa: ARG001
    """Answer a request for embeddings, in the form that workers hand to the frontend.

    The runtime looks for a parameter of the name `context`, and hands over nothing without it.
    """
    given = request.get("input")
    inputs = given if isinstance(given, list) and not _is_tokens(given) else [given]
    wanted = request.get("dimensions")
    size = wanted if isinstance(wanted, int) else DIMENSIONS
    used = sum(len(text) if isinstance(text, list) else len(str(text).split()) for text in inputs)
    yield {
        "object": "list",
        "model": request.get("model"),
        "data": [
            {"object": "embedding", "index": index, "embedding": encoded(vector(str(one), size))}
            for index, one in enumerate(inputs)
        ],
        "usage": {"prompt_tokens": used, "total_tokens": used},
    }


def _is_tokens(given: list[Json]) -> bool:
    return bool(given) and all(isinstance(one, int) for one in given)


def vector(text: str, size: int) -> list[float]:
    """Return a vector of length 1: for the same text the same, for another another."""
    draw = random.Random(hashlib.sha256(text.encode()).digest())  # noqa: S311 - no secret
    numbers = [draw.gauss(0.0, 1.0) for _ in range(size)]
    length = sum(number * number for number in numbers) ** 0.5
    return [number / length for number in numbers]


def encoded(numbers: list[float]) -> str:
    """Return numbers as the workers send them: little-endian 32-bit floats in base64."""
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def _card(worker: WorkerSpec) -> ModelRuntimeConfig:
    from dynamo.llm import ModelRuntimeConfig

    card = ModelRuntimeConfig()
    card.context_length = worker.max_model_len
    card.tool_call_parser = worker.tool_call_parser
    card.reasoning_parser = worker.reasoning_parser
    publish_budget(card, worker)
    # Nothing here has a KV cache, so there are no events of one.
    card.kv_event_publishing_enabled = False
    card.enable_local_indexer = False
    return card
