"""The client of a cluster's API, against small servers of this process."""

from __future__ import annotations

import asyncio
import ssl

from dynamo_conformance.kube.client import Access, Client

SOON = 5.0


async def cancel_in_the_handshake() -> None:
    """Cancel a request whose server never answers the handshake."""
    greeted, closed = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        greeted.set()
        while await reader.read(4096):
            pass
        closed.set_result(None)
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    async def login() -> Access:
        return Access(server=f"https://localhost:{port}", headers={}, tls=context)

    client = Client(login)
    async with server:
        asked = asyncio.create_task(client.get("/"))
        await asyncio.wait_for(greeted.wait(), SOON)
        asked.cancel()
        await asyncio.wait([asked])
        assert asked.cancelled()
        # Asked for while the client is still there: closing that is no help.
        await asyncio.wait_for(closed, SOON)
        await client.aclose()


def test_a_cancelled_handshake_closes_its_connection() -> None:
    asyncio.run(cancel_in_the_handshake())
