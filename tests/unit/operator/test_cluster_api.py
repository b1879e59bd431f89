"""Calls to an API server, against a small HTTP server of this process."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from dynamo_conformance.kube.client import Access
from dynamo_conformance.kube.errors import ApiError
from dynamo_conformance.kube.resources import DEPLOYMENTS, SERVICES, KubeObject
from dynamo_conformance.operator.cluster_api import ClusterApi

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

DEPLOYMENT = KubeObject(
    {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": "ns", "uid": "7"},
    }
)


class Requests:
    """What was asked, and the answers to give."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str, str]] = []
        self.tokens: list[str] = []
        self.answers: list[tuple[int, object]] = []

    async def handle(self, request: web.Request) -> web.Response:
        text = await request.text()
        content = request.headers.get("Content-Type", "")
        self.seen.append((request.method, request.path_qs, content, text))
        self.tokens.append(request.headers["Authorization"])
        status, answer = self.answers.pop(0) if self.answers else (200, json.loads(text or "{}"))
        return web.json_response(answer, status=status)


@asynccontextmanager
async def serving(requests: Requests) -> AsyncIterator[ClusterApi]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", requests.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    logins = iter(range(100))

    async def login() -> Access:
        (address,) = runner.addresses
        token = {"Authorization": f"Bearer token-{next(logins)}"}
        return Access(server=f"http://127.0.0.1:{address[1]}", headers=token)

    api = ClusterApi(login)
    try:
        yield api
    finally:
        await api.aclose()
        await runner.cleanup()


def run(requests: Requests, test: Callable[[ClusterApi], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(10), serving(requests) as api:
            await test(api)

    asyncio.run(limited())


def test_paths_and_kinds_of_patches() -> None:
    requests = Requests()

    async def test(api: ClusterApi) -> None:
        await api.apply(DEPLOYMENT)
        await api.create(DEPLOYMENT)
        await api.merge(DEPLOYMENT, {"spec": {"replicas": 1}})
        await api.edit(DEPLOYMENT, [{"op": "add"}], subresource="status")
        await api.delete(DEPLOYMENT)

    # The last two answers stand for whole objects.
    requests.answers = [(200, dict(DEPLOYMENT))] * 5
    run(requests, test)
    manager = "fieldManager=dynamo-conformance-operator"
    at = "/apis/apps/v1/namespaces/ns/deployments"
    assert [(method, path, content) for method, path, content, _ in requests.seen] == [
        ("PATCH", f"{at}/d?{manager}&force=true", "application/apply-patch+yaml"),
        ("POST", f"{at}?{manager}", "application/json"),
        ("PATCH", f"{at}/d?{manager}", "application/merge-patch+json"),
        ("PATCH", f"{at}/d/status?{manager}", "application/json-patch+json"),
        ("DELETE", f"{at}/d", "application/json"),
    ]
    options = json.loads(requests.seen[-1][3])
    assert options == {"propagationPolicy": "Background", "preconditions": {"uid": "7"}}


def test_items_say_of_what_kind_they_are() -> None:
    requests = Requests()
    requests.answers = [(200, {"items": [{"metadata": {"name": "a"}}]}), (404, {})]

    async def test(api: ClusterApi) -> None:
        (one,) = await api.items(SERVICES, "ns", labelSelector="a=b")
        assert (one.kind, one.api_version, one.name) == ("Service", "v1", "a")
        assert await api.items(DEPLOYMENTS, None) == ()

    run(requests, test)
    assert requests.seen[0][1] == "/api/v1/namespaces/ns/services?labelSelector=a%3Db"
    assert requests.seen[1][1] == "/apis/apps/v1/deployments"


def test_a_token_that_is_no_longer_taken_is_replaced() -> None:
    requests = Requests()
    requests.answers = [(401, {}), (200, {"a": 1})]

    async def test(api: ClusterApi) -> None:
        assert await api.get("/apis") == {"a": 1}

    run(requests, test)
    assert requests.tokens == ["Bearer token-0", "Bearer token-1"]


def test_requests_that_are_refused_together_renew_the_token_once() -> None:
    requests = Requests()
    requests.answers = [(401, {}), (401, {}), (200, {}), (200, {})]

    async def test(api: ClusterApi) -> None:
        await asyncio.gather(api.get("/apis/a"), api.get("/apis/b"))

    run(requests, test)
    assert requests.tokens == ["Bearer token-0"] * 2 + ["Bearer token-1"] * 2


def test_what_is_not_there_is_none_and_what_is_gone_stays_gone() -> None:
    requests = Requests()
    requests.answers = [(404, {}), (409, {}), (404, {}), (409, {})]

    async def test(api: ClusterApi) -> None:
        assert await api.get("/apis/x") is None
        assert await api.create(DEPLOYMENT) is None
        await api.delete(DEPLOYMENT)
        await api.delete(DEPLOYMENT)

    run(requests, test)


@pytest.mark.parametrize(
    ("status", "answer", "message", "is_final"),
    [
        (403, {"message": "not yours"}, "not yours", True),
        (422, {"message": "no"}, "no", True),
        (500, {}, "Internal Server Error", False),
        (503, {"message": "later"}, "later", False),
        (429, {"message": "slow down"}, "slow down", False),
    ],
)
def test_refusals_say_why(
    status: int, answer: dict[str, str], message: str, *, is_final: bool
) -> None:
    requests = Requests()
    requests.answers = [(status, answer)] * 3

    async def test(api: ClusterApi) -> None:
        for call in (api.apply(DEPLOYMENT), api.get("/apis"), api.delete(DEPLOYMENT)):
            with pytest.raises(ApiError) as caught:
                await call
            assert caught.value.message == message
            assert caught.value.is_final is is_final

    run(requests, test)


def test_a_namespace_that_ends_says_so() -> None:
    requests = Requests()
    causes = [{"reason": "NamespaceTerminating", "field": "metadata.namespace"}]
    requests.answers = [(403, {"message": "no", "details": {"causes": causes}}), (403, {})]

    async def test(api: ClusterApi) -> None:
        for namespace_terminating in (True, False):
            with pytest.raises(ApiError) as caught:
                await api.apply(DEPLOYMENT)
            assert caught.value.namespace_terminating is namespace_terminating
            assert caught.value.is_final is not namespace_terminating

    run(requests, test)
