"""Stands for vllm.engine.arg_utils."""

from dynamo_conformance.mock_engine.libraries.vllm_api import AsyncEngineArgs

__all__ = ["AsyncEngineArgs"]
