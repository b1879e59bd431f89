"""Stands where the engine's own package would: see `dynamo_conformance.mock_engine`."""
