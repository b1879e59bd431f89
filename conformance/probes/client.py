"""The client that people really use, with nothing that could hide a fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openai import DefaultHttpxClient, OpenAI

from conformance.probes.probe import REQUEST_SECONDS

if TYPE_CHECKING:
    from conformance.probes.probe import Endpoint


def openai_client(endpoint: Endpoint) -> OpenAI:
    """Return an OpenAI client for the endpoint; it never retries."""
    # Reading the certificates of the world takes a fifth of a second of computing, and an endpoint
    # here is plain HTTP.
    http = DefaultHttpxClient(verify=not endpoint.url.startswith("http://"))
    return OpenAI(
        base_url=f"{endpoint.url}/v1",
        api_key="none",
        max_retries=0,
        timeout=REQUEST_SECONDS,
        http_client=http,
    )
