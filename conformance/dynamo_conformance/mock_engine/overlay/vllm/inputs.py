"""Stands for vllm.inputs."""

from dynamo_conformance.mock_engine.libraries.vllm_api import TokensPrompt

__all__ = ["TokensPrompt"]
