"""The server that answers the API server, over TLS."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from dynamo_conformance.operator.installation.certificate import CERTIFICATE, KEY
from dynamo_conformance.operator.installation.crds import CONVERT
from dynamo_conformance.operator.installation.manifests import MUTATE, PORT, READY, VALIDATE
from dynamo_conformance.operator.webhook.conversion_webhook import convert
from dynamo_conformance.operator.webhook.mutating_webhook import mutate
from dynamo_conformance.operator.webhook.review import ReviewError, refusal_of
from dynamo_conformance.operator.webhook.validating_webhook import validate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from dynamo_conformance.api.cluster_parts import Cluster
    from dynamo_conformance.manifest.node import Plain
    from dynamo_conformance.operator.webhook.review import Answer

MAX_BYTES = 64 * 2**20
"""A list of all graphs of a large cluster in one review."""

_LOG = logging.getLogger(__name__)


def application(cluster: Callable[[], Awaitable[Cluster]]) -> web.Application:
    """Return the web application.

    Args:
        cluster: Tells what the cluster has.
    """

    async def admission(review: Plain) -> Answer:
        known = await cluster()
        return await asyncio.to_thread(validate, review, cluster=known)

    async def defaults(review: Plain) -> Answer:
        return await asyncio.to_thread(mutate, review)

    async def conversion(review: Plain) -> Answer:
        return await asyncio.to_thread(convert, review)

    async def ready(_request: web.Request) -> web.Response:
        return web.Response(text="ready\n")

    made = web.Application(client_max_size=MAX_BYTES)
    for path, answer in ((CONVERT, conversion), (MUTATE, defaults), (VALIDATE, admission)):
        made.router.add_post(path, _answering(path, answer))
    made.router.add_get(READY, ready)
    return made


def _answering(
    path: str, answer: Callable[[Plain], Awaitable[Answer]]
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            answered = await answer(json.loads(await request.read()))
        except (ReviewError, ValueError, RecursionError) as error:
            _LOG.warning("%s was asked what is no review: %s", path, error)
            return web.Response(status=400, text=f"no review: {error}\n")
        if (refusal := refusal_of(answered)) is not None:
            _LOG.info("%s refused: %s", path, refusal)
        return web.json_response(answered)

    return handle


@asynccontextmanager
async def serving(
    made: web.Application, certificates: Path, *, host: str | None = None, port: int = PORT
) -> AsyncIterator[int]:
    """Serve until the context is left; gives the port.

    Args:
        made: The application.
        certificates: The folder with `tls.crt` and `tls.key`.
        host: At which address to listen; None means all.
        port: Where to listen; 0 takes a free one, which all addresses do not share.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / CERTIFICATE, certificates / KEY)
    runner = web.AppRunner(made, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, host, port, ssl_context=context)
    await site.start()
    taken: int = runner.addresses[0][1]
    _LOG.info("answering the API server on port %d", taken)
    try:
        yield taken
    finally:
        await runner.cleanup()
