"""Checks of an OpenAI endpoint, one module per area; a probe that returns has passed."""
