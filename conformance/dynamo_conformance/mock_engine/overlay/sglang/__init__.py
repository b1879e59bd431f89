"""SGLang's Python API, as far as the components of the examples use it; played, too."""

from dynamo_conformance.mock_engine.libraries.sglang import Engine

__all__ = ["Engine"]
