"""Stands for vllm.inputs."""

from dynamo_conformance.mock_engine.libraries.vllm import TokensPrompt

__all__ = ["TokensPrompt"]
