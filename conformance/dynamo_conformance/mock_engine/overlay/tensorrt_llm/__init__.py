"""TensorRT-LLM's Python API, as far as the components of the examples use it; simulated."""

from dynamo_conformance.mock_engine.libraries.trtllm_api import LLM, SamplingParams

__all__ = ["LLM", "SamplingParams"]
