"""The client that people really use, with nothing that could hide a fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openai import OpenAI

from conformance.probes.probe import REQUEST_SECONDS

if TYPE_CHECKING:
    from conformance.probes.probe import Endpoint


def openai_client(endpoint: Endpoint) -> OpenAI:
    """Return an OpenAI client for the endpoint; it never retries."""
    return OpenAI(
        base_url=f"{endpoint.url}/v1", api_key="none", max_retries=0, timeout=REQUEST_SECONDS
    )
