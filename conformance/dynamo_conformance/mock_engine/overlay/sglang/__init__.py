"""SGLang's Python API, as far as the components of the examples use it; simulated."""

from dynamo_conformance.mock_engine.libraries.sglang_api import Engine

__all__ = ["Engine"]
