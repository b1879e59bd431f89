"""The calls that the controller makes to the API server, in its own name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import kopf

from dynamo_conformance.kube.client import MERGE_PATCH, Access, Client
from dynamo_conformance.kube.errors import CONFLICT, NOT_FOUND, ApiError
from dynamo_conformance.operator.watched_kinds import BY_KIND

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from dynamo_conformance.kube.resources import KubeObject, Resource
    from dynamo_conformance.manifest.node import Plain

FIELD_MANAGER = "dynamo-conformance-operator"
"""Who the fields belong to that the controller writes."""

APPLY_PATCH = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"

_SECONDS = 30.0
"""A graph that is written goes through the operator's own webhooks first."""

_CONNECTIONS = 16
_MANAGED = {"fieldManager": FIELD_MANAGER}


def kopf_login() -> kopf.ConnectionInfo:
    """Return where the API server is and who we are: the pod's account, or as a kubeconfig says.

    Raises:
        kopf.LoginError: There is neither.
    """
    settings = kopf.OperatorSettings()
    info = kopf.login_with_service_account(settings=settings)
    info = info or kopf.login_with_kubeconfig(settings=settings)
    if info is None:
        raise kopf.LoginError("no service account in this pod, and no kubeconfig")
    return info


async def login() -> Access:
    """Return the same as credentials of the client."""
    info = kopf_login()
    return Access(
        server=info.server.rstrip("/"), headers=info.as_http_headers(), tls=info.as_ssl_context()
    )


class ClusterApi(Client):
    """An API server.

    Args:
        login: Gets credentials; asked again when they are no longer taken.
    """

    def __init__(self, login: Callable[[], Awaitable[Access]] = login) -> None:
        super().__init__(login, seconds=_SECONDS, connections=_CONNECTIONS)

    async def items(
        self, resource: Resource, namespace: str | None, **params: str
    ) -> tuple[KubeObject, ...]:
        """Return the objects of a kind; none where the cluster does not know the kind."""
        try:
            return tuple((await self.list(resource, namespace=namespace, **params))[0])
        except ApiError as error:
            if error.status == NOT_FOUND:
                return ()
            raise

    async def apply(self, wanted: KubeObject) -> KubeObject:
        """Bring an object into the state that is wanted, whatever it is in."""
        params = {**_MANAGED, "force": "true"}
        return await self._patch(wanted, wanted, media=APPLY_PATCH, params=params)

    async def create(self, made: KubeObject, resource: Resource | None = None) -> KubeObject | None:
        """Make an object; return None when there is one of its name already."""
        path = (resource or BY_KIND[made.kind]).path(made.namespace)
        try:
            return await self.json("POST", path, body=made, params=_MANAGED)
        except ApiError as error:
            if error.status == CONFLICT:
                return None
            raise

    async def delete(self, deleted: KubeObject) -> None:
        """Delete this very object, and let what belongs to it be collected."""
        options: dict[str, Plain] = {"propagationPolicy": "Background"}
        if uid := deleted.metadata.get("uid"):
            options["preconditions"] = {"uid": uid}
        try:
            await self.json("DELETE", _path(deleted), body=options)
        except ApiError as error:
            # Deleted already, or there is another one of its name.
            if error.status not in (NOT_FOUND, CONFLICT):
                raise

    async def merge(self, changed: KubeObject, patch: dict[str, Plain]) -> KubeObject:
        """Change some fields of an object."""
        return await self._patch(changed, patch, media=MERGE_PATCH)

    async def edit(
        self, changed: KubeObject, steps: list[Plain], *, subresource: str = ""
    ) -> KubeObject:
        """Change an object step by step."""
        return await self._patch(changed, steps, media=JSON_PATCH, subresource=subresource)

    async def _patch(
        self,
        changed: KubeObject,
        patch: Plain,
        *,
        media: str,
        subresource: str = "",
        params: dict[str, str] = _MANAGED,
    ) -> KubeObject:
        path = _path(changed, subresource)
        return await self.json("PATCH", path, body=patch, params=params, media=media)


def _path(item: KubeObject, subresource: str = "") -> str:
    return BY_KIND[item.kind].path(item.namespace, item.name, sub=subresource)
