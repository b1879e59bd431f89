"""A worker of your own: Dynamo's part and the engine's, with yours between them.

    dynamo serve --component components.worker --model Qwen/Qwen3-0.6B

Dynamo registers it, routes to it, cancels and drains it; see `dynamo.common.backend`. Change
`generate` for what happens to each request, `asked_of` for what a client may ask.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Self

from dynamo.common.backend import (
    EngineConfig,
    GenerateChunk,
    GenerateRequest,
    LLMEngine,
    LlmRegistration,
    WorkerConfig,
)
from dynamo.common.backend.run import run
from dynamo.common.configuration.groups.runtime_args import (
    DynamoRuntimeArgGroup,
    DynamoRuntimeConfig,
)
from dynamo.common.utils.runtime import parse_endpoint
from dynamo.llm.exceptions import InvalidArgument

from components.seam import Asked, Engine

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from dynamo._core import Context

DEFAULT_MODEL = "Qwen/Qwen3-0.6B"


class Worker(LLMEngine):
    """One model, served."""

    def __init__(self, engine: Engine, *, model: str, served_name: str | None = None) -> None:
        self._engine = engine
        self._model = model
        self._served_name = served_name
        self._context_length = 0

    @classmethod
    async def from_args(cls, argv: list[str] | None = None) -> tuple[Self, WorkerConfig]:
        """Read the command line; `--help` shows Dynamo's flags beside these three."""
        parser = argparse.ArgumentParser(prog="components.worker")
        parser.add_argument("--model", default=DEFAULT_MODEL, help="hub id or folder")
        parser.add_argument("--served-model-name", help="the name clients use (default: --model)")
        parser.add_argument("--context-length", type=int, help="the longest sequence in tokens")
        DynamoRuntimeArgGroup().add_arguments(parser)
        given = parser.parse_args(argv)
        config = DynamoRuntimeConfig.from_cli_args(given)
        config.validate()
        # Only here, so that all the rest is there without an engine.
        from components.engine import make

        engine = make(given.model, given.context_length)
        worker = cls(engine, model=given.model, served_name=given.served_model_name)
        served = given.served_model_name or given.model
        place = place_of(config.endpoint)
        return worker, WorkerConfig.from_runtime_config(config, given.model, served, **place)

    async def start(self, worker_id: int) -> EngineConfig:  # noqa: ARG002
        """Load the model, and tell Dynamo what it can hold."""
        limits = await self._engine.start()
        self._context_length = limits.context_length
        return EngineConfig(
            model=self._model,
            served_model_name=self._served_name or self._model,
            llm=LlmRegistration(
                context_length=limits.context_length,
                kv_cache_block_size=limits.block_size,
                total_kv_blocks=limits.blocks,
            ),
        )

    async def generate(
        self, request: GenerateRequest, context: Context
    ) -> AsyncGenerator[GenerateChunk, None]:
        """Answer one request.

        Raises:
            InvalidArgument: It cannot be answered; the client gets a 400 with this text.
        """
        prompt = list(request["token_ids"])
        room = self._context_length - len(prompt)
        if room < 1:
            raise InvalidArgument(
                f"the prompt has {len(prompt)} tokens; with an answer, {self._context_length} fit"
            )
        asked = asked_of(request, room=room)
        count = 0
        async for step in self._engine.generate(context.id(), prompt, asked):
            count += len(step.tokens)
            chunk: GenerateChunk = {"token_ids": step.tokens, "index": 0}
            if step.finish is not None:
                chunk["finish_reason"] = step.finish
                chunk["completion_usage"] = {
                    "prompt_tokens": len(prompt),
                    "completion_tokens": count,
                    "total_tokens": len(prompt) + count,
                }
            yield chunk

    async def abort(self, context: Context) -> None:
        """The client is gone."""
        await self._engine.abort(context.id())

    async def cleanup(self) -> None:
        """Dynamo has drained this worker."""
        await self._engine.stop()


def place_of(endpoint: str | None) -> dict[str, str]:
    """Return where `--endpoint dyn://namespace.component.endpoint` has a worker answer.

    `WorkerConfig` would take the whole of it for the endpoint's name alone.

    Raises:
        ValueError: It is no three words.
    """
    if endpoint is None:
        return {}
    return dict(zip(("namespace", "component", "endpoint"), parse_endpoint(endpoint), strict=True))


def asked_of(request: GenerateRequest, *, room: int) -> Asked:
    """Return what a request asks of the engine.

    Args:
        request: As the frontend sends it, tokenized.
        room: How many tokens the context still holds after the prompt.
    """
    stop = request.get("stop_conditions") or {}
    sampling = request.get("sampling_options") or {}
    temperature, top_p = sampling.get("temperature"), sampling.get("top_p")
    return Asked(
        max_tokens=min(stop.get("max_tokens") or room, room),
        temperature=1.0 if temperature is None else temperature,
        top_p=1.0 if top_p is None else top_p,
        seed=sampling.get("seed"),
        stop_tokens=tuple(stop.get("stop_token_ids_hidden") or ()),
        ignore_eos=bool(stop.get("ignore_eos")),
    )


if __name__ == "__main__":
    run(Worker)
