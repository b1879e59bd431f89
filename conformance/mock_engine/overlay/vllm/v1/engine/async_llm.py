"""Stands for vllm.v1.engine.async_llm."""

from conformance.mock_engine.libraries.vllm import AsyncLLM

__all__ = ["AsyncLLM"]
