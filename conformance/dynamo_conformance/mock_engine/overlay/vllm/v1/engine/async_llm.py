"""Stands for vllm.v1.engine.async_llm."""

from dynamo_conformance.mock_engine.libraries.vllm_api import AsyncLLM

__all__ = ["AsyncLLM"]
