"""Stands where the engine's own package would: see `conformance.mock_engine`."""
