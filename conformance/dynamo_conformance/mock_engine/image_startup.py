"""Imported whenever Python starts in the mock engine's image, before any program."""

from dynamo_conformance.mock_engine.custom_worker_model import lay_out

lay_out()
