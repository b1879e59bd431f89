"""TensorRT-LLM's Python API, as far as the components of the examples use it; played, too."""

from dynamo_conformance.mock_engine.libraries.trtllm import LLM, SamplingParams

__all__ = ["LLM", "SamplingParams"]
