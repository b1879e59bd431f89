"""Stands for vllm.inputs."""

from conformance.mock_engine.libraries.vllm import TokensPrompt

__all__ = ["TokensPrompt"]
