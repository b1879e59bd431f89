"""Secrets for image registries, found in a graph's namespace by the registries of its images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.graph import Container
from dynamo_conformance.rendering.node_merge import made, sequence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamo_conformance.manifest.node import Mapping

DISABLED = "nvidia.com/disable-image-pull-secret-discovery"
DOCKER_HUB = "docker.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullSecret:
    """A Secret that opens registries.

    Attributes:
        name: Its name.
        hosts: The registries, by host.
    """

    name: str
    hosts: frozenset[str]


def with_secrets(
    spec: Mapping, secrets: Iterable[PullSecret], *, annotations: dict[str, str]
) -> Mapping:
    """Return a pod spec with the secrets that open the registries of its images.

    Args:
        spec: The pod spec; what its author listed stays, and stays first.
        secrets: The secrets of the namespace.
        annotations: The component's annotations, one of which turns this off.
    """
    if annotations.get(DISABLED) == "true":
        return spec
    containers = (*spec.mappings("initContainers"), *spec.mappings("containers"))
    needed = {
        image_host(image) for container in containers if (image := Container(container).image)
    }
    listed = {secret.string("name") for secret in spec.mappings("imagePullSecrets")}
    missing = sorted(
        secret.name for secret in secrets if secret.hosts & needed and secret.name not in listed
    )
    if not missing:
        return spec
    added = (made(name=name) for name in missing)
    return spec.replaced("imagePullSecrets", sequence((*spec.sequence("imagePullSecrets"), *added)))


def image_host(image: str) -> str:
    """Return the registry of an image by the rule of container engines."""
    first, slash, _ = image.partition("/")
    is_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
    return first if is_host else DOCKER_HUB


def auth_host(address: str) -> str:
    """Return the registry that an entry of a Docker configuration is for."""
    host = address.partition("://")[2] or address
    host = host.partition("/")[0]
    return DOCKER_HUB if host == f"index.{DOCKER_HUB}" else host
