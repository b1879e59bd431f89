"""Stands for dynamo.vllm.multimodal_handlers: an encoder that looks at no image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.mock_engine import encode_exchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from dynamo.common.constants import EmbeddingTransferMode

    from dynamo_conformance.mock_engine.libraries.vllm_api import AsyncEngineArgs


class EncodeWorkerHandler:
    """dynamo.vllm.multimodal_handlers.EncodeWorkerHandler."""

    def __init__(
        self, engine_args: AsyncEngineArgs, embedding_transfer_mode: EmbeddingTransferMode
    ) -> None:
        self.model = engine_args.model
        self.embedding_transfer_mode = embedding_transfer_mode

    async def async_init(self, runtime: object) -> None:
        """Make ready what carries embeddings."""

    async def generate(
        self,
        request: str,
        context: object,  # noqa: ARG002
    ) -> AsyncIterator[str]:
        """Answer one request of a vLLM worker."""
        yield encode_exchange.answer(request)

    def cleanup(self) -> None:
        """Let everything go."""
