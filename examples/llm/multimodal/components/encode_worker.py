"""An encode worker: sees the images of each request before anything fetches them.

    dynamo serve --component components.encode_worker --model Qwen/Qwen2.5-VL-7B-Instruct

This one holds house rules: how many images a request may bring, and from where. A server that
fetches whatever address a client names reaches what the client does not. vLLM workers that were
started with `--route-to-encoder` ask it, in the Dynamo namespace that they share, at
`encode.generate`. Change `check` for rules of your own, engine.py for what encodes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

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

    from dynamo.runtime import Context, DistributedRuntime

DEFAULT_MODEL = "Qwen/Qwen2.5-VL-7B-Instruct"
PLACE = "encode.generate"
"""Component and endpoint at which vLLM's workers look for an encode worker."""


class Encoder(Protocol):
    """What encodes images; engine.py has it, and alone imports one."""

    async def async_init(self, runtime: DistributedRuntime) -> None:
        """Make ready what carries embeddings."""

    def generate(self, request: str, context: Context) -> AsyncIterator[str]:
        """Answer a request with what fetches its embeddings, both as JSON."""

    def cleanup(self) -> None:
        """Let everything go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a request may bring.

    Attributes:
        max_images: The most images; one with more is refused.
        schemes: How their addresses may begin; others are refused.
        hosts: From where they may be fetched, where an address names a host; empty allows all.
    """

    max_images: int = 4
    schemes: frozenset[str] = frozenset({"data", "https"})
    hosts: frozenset[str] = frozenset()

    def check(self, addresses: list[str]) -> None:
        """Refuse images that may not be encoded.

        Raises:
            InvalidArgument: With the reason; the address itself is not repeated.
        """
        if len(addresses) > self.max_images:
            raise InvalidArgument(f"{len(addresses)} images; {self.max_images} are allowed")
        for address in addresses:
            parts = urlsplit(address)
            if parts.scheme not in self.schemes:
                allowed = ", ".join(sorted(self.schemes))
                raise InvalidArgument(f"an image's address must begin with one of: {allowed}")
            if self.hosts and parts.scheme != "data" and parts.hostname not in self.hosts:
                raise InvalidArgument("images may not be fetched from that host")


class EncodeWorker:
    """Encodes images, by the rules."""

    def __init__(self, rules: Rules, encoder: Encoder) -> None:
        self._rules = rules
        self._encoder = encoder

    async def generate(self, request: str, context: Context) -> AsyncIterator[str]:
        """Answer one request of a vLLM worker; Dynamo hands the context over by its name."""
        self._rules.check(addresses_of(request))
        async for answer in self._encoder.generate(request, context):
            yield answer


def addresses_of(request: str) -> list[str]:
    """Return the addresses of a request's images; what the frontend has fetched has none."""
    groups = json.loads(request)["multimodal_inputs"] or ()
    images = (group["multimodal_input"] or {} for group in groups)
    return [image["image_url"] for image in images if image.get("image_url") is not None]


async def serve(model: str, config: DynamoRuntimeConfig) -> None:
    """Serve until the process is asked to end."""
    # Only here, so that all the rest is there without an engine.
    from components.engine import make

    runtime, loop = create_runtime(
        config.discovery_backend,
        config.request_plane,
        config.event_plane,
        response_plane=config.response_plane,
    )
    endpoint = runtime.endpoint(f"{config.namespace}.{PLACE}")
    install_signal_handlers(loop, runtime, [endpoint])
    encoder: Encoder = make(model)
    await encoder.async_init(runtime)
    worker = EncodeWorker(Rules(), encoder)
    try:
        await asyncio.gather(
            endpoint.serve_endpoint(worker.generate, metrics_labels=[("model", model)]),
            # The frontend lists the model once all are there that need one another.
            register_model(
                ModelInput.Tokens,
                ModelType.Empty,
                endpoint,
                model,
                model,
                worker_type=WorkerType.Encode,
                needs=[[WorkerType.Prefill, WorkerType.Decode], [WorkerType.Aggregated]],
            ),
        )
    finally:
        encoder.cleanup()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="components.encode_worker")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="hub id or folder")
    DynamoRuntimeArgGroup().add_arguments(parser)
    given = parser.parse_args()
    config = DynamoRuntimeConfig.from_cli_args(given)
    config.validate()
    configure_dynamo_logging()
    asyncio.run(serve(given.model, config))


if __name__ == "__main__":
    main()
