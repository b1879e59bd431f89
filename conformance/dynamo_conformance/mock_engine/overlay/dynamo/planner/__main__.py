"""`python3 -m dynamo.planner`, simulated by the mock engine."""

from dynamo_conformance.mock_engine.mock_planner import main

if __name__ == "__main__":
    main()
