"""`python3 -m dynamo.trtllm`, simulated by the mock engine."""

from dynamo_conformance.engines.engine import Engine
from dynamo_conformance.mock_engine.mock_worker import main

if __name__ == "__main__":
    main(Engine.TRTLLM)
