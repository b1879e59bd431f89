"""The server that the API server asks, over TLS, with a certificate of ours."""

from __future__ import annotations

import asyncio
import io
import json
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import pytest
from webhook_helpers import Body, conversion_review, review

from dynamo_conformance.api.cluster_parts import Cluster
from dynamo_conformance.kube.resources import table
from dynamo_conformance.operator.installation.certificate import (
    CERTIFICATE,
    HOST,
    KEY,
    Certificate,
)
from dynamo_conformance.operator.webhook.webhook_server import application, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

GRAPH: Body = {
    "apiVersion": "nvidia.com/v1beta1",
    "kind": "DynamoGraphDeployment",
    "metadata": {"name": "g"},
    "spec": {"components": [{"name": "W"}]},
}


@pytest.fixture(scope="module")
def certificate() -> Certificate:
    return Certificate.new()


@asynccontextmanager
async def client(
    folder: Path, certificate: Certificate
) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    """A session that trusts what the API server is told to trust, and nothing else."""
    (folder / CERTIFICATE).write_bytes(certificate.certificate)
    (folder / KEY).write_bytes(certificate.key)
    trusted = ssl.create_default_context(cadata=certificate.authority.decode())

    async def cluster() -> Cluster:
        return Cluster()

    async with (
        serving(application(cluster), folder, host="127.0.0.1", port=0) as port,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusted)) as session,
    ):
        yield session, f"https://127.0.0.1:{port}"


async def post(session: aiohttp.ClientSession, url: str, body: bytes) -> tuple[int, Body]:
    async with session.post(url, data=io.BytesIO(body), server_hostname=HOST) as found:
        text = await found.text()
        return found.status, table(json.loads(text)) if found.status == 200 else {"text": text}


def test_each_path_answers_its_review(tmp_path: Path, certificate: Certificate) -> None:
    async def ask() -> dict[str, Body]:
        asked = {
            "/convert": conversion_review("v1alpha1", GRAPH),
            "/mutate": review(GRAPH),
            "/validate": review(GRAPH),
        }
        async with client(tmp_path, certificate) as (session, url):
            found = {}
            for path, body in asked.items():
                status, answer = await post(session, url + path, json.dumps(body).encode())
                assert status == 200
                found[path] = table(answer["response"])
            return found

    found = asyncio.run(ask())
    objects = found["/convert"]["convertedObjects"]
    assert isinstance(objects, list)
    assert table(objects[0])["apiVersion"] == "nvidia.com/v1alpha1"
    assert found["/mutate"]["patchType"] == "JSONPatch"
    assert found["/validate"]["allowed"] is False


@pytest.mark.parametrize("path", ["/convert", "/mutate", "/validate"])
@pytest.mark.parametrize(
    "body", [b"", b"{", b"null", b"[]", b"{}", b"\xff\xfe", b"[" * 100_000], ids=range(7)
)
def test_what_is_no_review_is_answered_so(
    tmp_path: Path, certificate: Certificate, path: str, body: bytes
) -> None:
    async def ask() -> tuple[int, Body]:
        async with client(tmp_path, certificate) as (session, url):
            return await post(session, url + path, body)

    status, answer = asyncio.run(ask())
    assert status == 400
    assert str(answer["text"]).startswith("no review: ")


def test_a_large_list_is_taken(tmp_path: Path, certificate: Certificate) -> None:
    async def ask() -> int:
        padded: Body = {**GRAPH, "metadata": {"name": "g", "annotations": {"a": "x" * 30_000}}}
        review = json.dumps(conversion_review("v1alpha1", *[padded] * 100)).encode()
        assert len(review) > 2 * 2**20
        async with client(tmp_path, certificate) as (session, url):
            return (await post(session, url + "/convert", review))[0]

    assert asyncio.run(ask()) == 200


def test_it_says_when_it_is_ready(tmp_path: Path, certificate: Certificate) -> None:
    async def ask() -> int:
        async with (
            client(tmp_path, certificate) as (session, url),
            session.get(f"{url}/ready", server_hostname=HOST) as found,
        ):
            return found.status

    assert asyncio.run(ask()) == 200


def test_what_is_refused_is_logged_in_one_line(
    tmp_path: Path, certificate: Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    async def ask() -> None:
        async with client(tmp_path, certificate) as (session, url):
            leaving: Body = {**GRAPH, "metadata": {"name": "g", "deletionTimestamp": "now"}}
            for body in (GRAPH, leaving):
                await post(session, url + "/validate", json.dumps(review(body)).encode())

    asyncio.run(ask())
    (line,) = [one for one in caplog.messages if "refused" in one]
    assert line.startswith('/validate refused: DynamoGraphDeployment.nvidia.com "g" is invalid: ')
