"""Dynamo's own encoder for vLLM: loads an image, encodes it, and hands it to who asked."""

from __future__ import annotations

from dynamo.common.constants import EmbeddingTransferMode
from dynamo.vllm.multimodal_handlers import EncodeWorkerHandler
from vllm.engine.arg_utils import AsyncEngineArgs


def make(model: str) -> EncodeWorkerHandler:
    """Return the encoder that encode_worker.py runs; a loop must be running.

    Embeddings travel as they do between `dynamo.vllm` workers that were told nothing else.
    """
    return EncodeWorkerHandler(AsyncEngineArgs(model=model), EmbeddingTransferMode.NIXL_WRITE)
