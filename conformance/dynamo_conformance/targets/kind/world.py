"""The world that graphs find in the test cluster: the cluster is adapted, never the manifest."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from dynamo_conformance.targets.kind import policy
from dynamo_conformance.targets.kind.devices import advertise
from dynamo_conformance.targets.kind.objects import apply
from dynamo_conformance.targets.kind.orchestrator import ensure_orchestrator
from dynamo_conformance.targets.kind.stand_in import ensure_engine_image
from dynamo_conformance.targets.target import Change

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from dynamo_conformance.kube.connection import Connection
    from dynamo_conformance.targets.kind.cluster import KindCluster
    from dynamo_conformance.targets.kind.demand import Demand


def furnish(
    cluster: KindCluster,
    connection: Connection,
    demand: Demand,
    *,
    mock: bool,
    scaling: str | None,
    progress: Callable[[str], None],
) -> tuple[Change, ...]:
    """Give the cluster what graphs need of it, all parts at the same time.

    Args:
        cluster: The cluster.
        connection: The way to its API.
        demand: What the graphs need.
        mock: Whether the mock engine's image answers to the names of the graphs' images.
        scaling: The version of the policy that scales requests; None where the cluster takes none.
        progress: Is told what takes long.

    Returns:
        What is different here from a cluster with GPUs.

    Raises:
        TargetUnavailableError: Something cannot be had.
    """
    with ThreadPoolExecutor(max_workers=4, thread_name_prefix="world") as pool:
        parts: list[Future[tuple[Change, ...]]] = [
            pool.submit(advertise, connection, demand.resources),
            pool.submit(_scale_requests, connection, scaling),
        ]
        if mock:
            parts.append(
                pool.submit(ensure_engine_image, cluster, demand.images, progress=progress)
            )
        if demand.spans:
            parts.append(pool.submit(_orchestrate, connection, progress))
        return tuple(change for part in parts for change in part.result())


UNSCALED = (
    f"the cluster serves no {policy.KIND}, so pods ask for all that their manifests say; make the "
    "cluster with Kubernetes 1.34 or later"
)


def policy_version(connection: Connection) -> str | None:
    """Return in which version the cluster takes the policy that scales requests, or None."""
    served = connection.kubectl("api-resources", "--api-group", policy.GROUP, "--no-headers")
    return policy.best_version(served.stdout)


def _scale_requests(connection: Connection, version: str | None) -> tuple[Change, ...]:
    """Let pods ask for next to nothing, where the cluster can do it."""
    if version is None:
        return (Change("requests", UNSCALED),)
    apply(connection, policy.scaling_policy(version))
    asked = ", ".join(f"{name} {value}" for name, value in policy.REQUESTS.items())
    return (Change("pods", f"each container requests {asked}"),)


def _orchestrate(connection: Connection, progress: Callable[[str], None]) -> tuple[Change, ...]:
    ensure_orchestrator(connection, progress=progress)
    return ()
