"""A processor: sees each request before a worker does, and each answer before the client.

    dynamo serve --component components.processor --behind dyn://behind.backend.generate

This one holds house rules: how long prompts and answers may be, and how wild. Clients meet the
model under its own name here; the worker that answers registers in a Dynamo namespace that the
frontend does not look into, so nobody gets past the rules. That takes a `--namespace` of the
frontend's and the processor's own: in `dynamo`, the default, a frontend looks into every one.
Change `apply` for rules of your own.
"""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo.common.configuration.groups.runtime_args import (
    DynamoRuntimeArgGroup,
    DynamoRuntimeConfig,
)
from dynamo.common.utils.graceful_shutdown import install_signal_handlers
from dynamo.common.utils.runtime import create_runtime
from dynamo.llm import ModelInput, ModelType, WorkerType, register_model
from dynamo.llm.exceptions import InvalidArgument
from dynamo.runtime.logging import configure_dynamo_logging

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any

    from dynamo.runtime import Client, Context

DEFAULT_MODEL = "Qwen/Qwen3-0.6B"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a request may ask.

    Attributes:
        max_prompt: The longest prompt in tokens; a longer one is refused.
        max_answer: The longest answer in tokens; who asks for more gets this.
        max_temperature: The highest temperature; who asks for more gets this.
    """

    max_prompt: int = 8192
    max_answer: int = 1024
    max_temperature: float = 1.2

    def apply(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the request as the worker gets it.

        Raises:
            InvalidArgument: It may not be answered; the client gets a 400 with this text.
        """
        tokens = len(request["token_ids"])
        if tokens > self.max_prompt:
            raise InvalidArgument(f"the prompt has {tokens} tokens; {self.max_prompt} are allowed")
        stop = dict(request.get("stop_conditions") or {})
        sampling = dict(request.get("sampling_options") or {})
        stop["max_tokens"] = min(stop.get("max_tokens") or self.max_answer, self.max_answer)
        if sampling.get("temperature") is not None:
            sampling["temperature"] = min(sampling["temperature"], self.max_temperature)
        return {**request, "stop_conditions": stop, "sampling_options": sampling}


class Processor:
    """Answers through a worker, by the rules."""

    def __init__(self, rules: Rules, worker: Client) -> None:
        self._rules = rules
        self._worker = worker

    async def generate(
        self, request: dict[str, Any], context: Context
    ) -> AsyncIterator[dict[str, Any]]:
        """Answer one request; Dynamo hands the context over because of the parameter's name."""
        allowed = self._rules.apply(request)
        async for answer in await self._worker.round_robin(allowed, context=context):
            yield answer.data()


async def serve(model: str, behind: str, config: DynamoRuntimeConfig) -> None:
    """Serve until the process is asked to end."""
    runtime, loop = create_runtime(
        config.discovery_backend,
        config.request_plane,
        config.event_plane,
        response_plane=config.response_plane,
    )
    endpoint = runtime.endpoint(f"{config.namespace}.processor.generate")
    install_signal_handlers(loop, runtime, [endpoint])
    worker = await runtime.endpoint(behind).client()
    await worker.wait_for_instances()
    processor = Processor(Rules(), worker)
    await asyncio.gather(
        endpoint.serve_endpoint(processor.generate, metrics_labels=[("model", model)]),
        register_model(
            ModelInput.Tokens,
            ModelType.Chat | ModelType.Completions,
            endpoint,
            model,
            model,
            worker_type=WorkerType.Aggregated,
            ignore_weights=True,
        ),
    )


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="components.processor")
    parser.add_argument(
        "--model", default=DEFAULT_MODEL, help="hub id or folder, for its tokenizer"
    )
    parser.add_argument("--behind", required=True, help="dyn://namespace.component.endpoint to ask")
    DynamoRuntimeArgGroup().add_arguments(parser)
    given = parser.parse_args()
    config = DynamoRuntimeConfig.from_cli_args(given)
    config.validate()
    configure_dynamo_logging()
    asyncio.run(serve(given.model, given.behind, config))


if __name__ == "__main__":
    main()
