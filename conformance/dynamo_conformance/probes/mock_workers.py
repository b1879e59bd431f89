"""Whether the mock engine simulates a graph's workers: they report it themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests

from dynamo_conformance.probes.graph_probe import REQUEST_SECONDS

if TYPE_CHECKING:
    from dynamo_conformance.probes.graph_probe import Endpoint

ROUTE = "/engine/mock"
"""Where a mock worker reports about itself, on its system port; a real engine answers 404."""


@dataclass(frozen=True, slots=True)
class MockWorkers:
    """What the mock engine reports of itself.

    Attributes:
        version: The digest of all that it is made of.
        unread: Settings of the workers that only the real engine understands.
    """

    version: str
    unread: tuple[str, ...]


def mock_workers(endpoint: Endpoint) -> MockWorkers | None:
    """Return what the mock engine reports, or None when a real engine answers.

    Workers without a system port cannot be asked, and are taken for mock workers: nothing
    passes for proven that may not be.
    """
    if not endpoint.workers:
        return MockWorkers("", ())
    urls = [worker.system_url for worker in endpoint.workers]
    answers = [answer for url in urls if (answer := _ask(endpoint, url)) is not None]
    if not answers:
        return None
    unread = {setting for answer in answers for setting in answer.unread}
    return MockWorkers(answers[0].version, tuple(sorted(unread)))


def _ask(endpoint: Endpoint, url: str) -> MockWorkers | None:
    with endpoint.session() as session:
        answer = session.post(f"{url}{ROUTE}", json={}, timeout=REQUEST_SECONDS)
    if answer.status_code != requests.codes.ok:
        return None
    body = answer.json()
    return MockWorkers(str(body["version"]), tuple(str(setting) for setting in body["unread"]))
