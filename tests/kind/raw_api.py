"""A cluster's API as it is on the wire: what is sent, and what comes back with which warnings."""

from __future__ import annotations

import asyncio
import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unittest import mock

import aiohttp
import kopf

from dynamo_conformance.kube.resources import table

if TYPE_CHECKING:
    from pathlib import Path

    from dynamo_conformance.manifest.node import Plain

JSON = "application/json"
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"

_WARNING = re.compile(r'299 - "((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Reply:
    """What an API server answers."""

    status: int
    body: dict[str, Plain]
    warnings: tuple[str, ...]

    @property
    def accepted(self) -> bool:
        return self.status < 300

    @property
    def message(self) -> str:
        return str(self.body.get("message", "")) if not self.accepted else ""


class RawApi:
    """Requests to a cluster, one after another."""

    def __init__(self, kubeconfig: Path) -> None:
        with mock.patch.dict(os.environ, {"KUBECONFIG": str(kubeconfig)}):
            info = kopf.login_with_kubeconfig(settings=kopf.OperatorSettings())
        assert info is not None
        self._info = info
        self._runner = asyncio.Runner()
        self._session: aiohttp.ClientSession | None = None

    def close(self) -> None:
        if self._session is not None:
            self._runner.run(self._session.close())
        self._runner.close()

    def send(
        self, method: str, path: str, body: Plain = None, *, content: str = JSON, **params: str
    ) -> Reply:
        """Send a request and return the answer, whatever it is."""
        return self._runner.run(self._send(method, path, body, content, params))

    async def _send(
        self, method: str, path: str, body: Plain, content: str, params: dict[str, str]
    ) -> Reply:
        if self._session is None:
            connector = aiohttp.TCPConnector(ssl=self._info.as_ssl_context())
            self._session = aiohttp.ClientSession(
                connector=connector, headers=self._info.as_http_headers()
            )
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": content} if data is not None else None
        url = self._info.server.rstrip("/") + path
        async with self._session.request(
            method, url, data=data, headers=headers, params=params
        ) as found:
            text = await found.text()
            lines = found.headers.getall("Warning", [])
            warnings = [one for line in lines for one in _WARNING.findall(line)]
            read: Plain = json.loads(text) if found.content_type == JSON else {"message": text}
            return Reply(
                found.status, table(read), tuple(one.replace('\\"', '"') for one in warnings)
            )
