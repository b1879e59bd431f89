"""Imported whenever Python starts in the mock engine's image, before any program."""

from dynamo_conformance.mock_engine.own_models import lay_out

lay_out()
