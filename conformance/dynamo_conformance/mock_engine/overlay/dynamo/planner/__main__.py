"""`python3 -m dynamo.planner`, played by the mock engine."""

from dynamo_conformance.mock_engine.planner import main

if __name__ == "__main__":
    main()
