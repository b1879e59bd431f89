"""`python3 -m dynamo_conformance.operator`: controller and webhook server in one process.

Ends in order at SIGTERM or SIGINT. Exit codes: 0 asked to end, 1 anything else.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from pathlib import Path

import kopf

from dynamo_conformance.api.cluster_parts import Cluster
from dynamo_conformance.kube.errors import ApiError
from dynamo_conformance.kube.labels import OPERATOR_NAME
from dynamo_conformance.operator.cluster_api import ClusterApi
from dynamo_conformance.operator.controller import controller
from dynamo_conformance.operator.installation.manifests import CERTIFICATES, PORT
from dynamo_conformance.operator.read_context import features
from dynamo_conformance.operator.webhook.webhook_server import application, serving

_LOG = logging.getLogger(__name__)

FEATURES_SECONDS = 10.0
"""How long it is remembered what the cluster has."""


class _Features:
    """What the cluster has, asked again from time to time."""

    def __init__(self) -> None:
        self._api = ClusterApi()
        self._known: Cluster | None = None
        self._asked_at = 0.0

    async def __call__(self) -> Cluster:
        if self._known is None or time.monotonic() > self._asked_at + FEATURES_SECONDS:
            self._asked_at = time.monotonic()
            try:
                self._known = features(await self._api.get("/apis") or {})
            except ApiError as error:
                _LOG.warning("the API server does not report what the cluster has: %s", error)
        return self._known or Cluster()

    async def close(self) -> None:
        await self._api.aclose()


async def run(certificates: Path, *, port: int = PORT) -> None:
    """Run until the process is asked to end.

    Args:
        certificates: The folder with the webhook server's certificate and key.
        port: Where it listens.
    """
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    known = _Features()
    made = controller()
    try:
        # The webhooks first: without them the controller cannot read a graph.
        async with serving(application(known), certificates, port=port):
            await kopf.operator(
                registry=made.registry,
                settings=made.settings,
                clusterwide=True,
                standalone=True,
                stop_flag=over,
                # It would look for the name of a user that the image does not have.
                identity=OPERATOR_NAME,  # type: ignore[arg-type]  # kopf exports no name for it
            )
    finally:
        await known.close()


def main() -> None:
    """Log in plain lines, and run."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("kopf").setLevel(logging.WARNING)
    asyncio.run(run(Path(CERTIFICATES)))


if __name__ == "__main__":
    main()
