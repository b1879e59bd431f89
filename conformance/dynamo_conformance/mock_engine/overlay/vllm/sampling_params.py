"""Stands for vllm.sampling_params."""

from dynamo_conformance.mock_engine.libraries.vllm_api import RequestOutputKind, SamplingParams

__all__ = ["RequestOutputKind", "SamplingParams"]
