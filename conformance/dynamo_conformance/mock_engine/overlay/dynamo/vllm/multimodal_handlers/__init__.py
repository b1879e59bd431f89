"""Stands for dynamo.vllm.multimodal_handlers."""

from dynamo_conformance.mock_engine.libraries.encode_api import EncodeWorkerHandler

__all__ = ["EncodeWorkerHandler"]
