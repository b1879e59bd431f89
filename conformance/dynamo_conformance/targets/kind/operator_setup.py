"""The operator of a kind cluster: the real operator where it is, else the reference operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.images import ImageError, base_image, build
from dynamo_conformance.operator.installation.crds import (
    InstalledOperator,
)
from dynamo_conformance.operator.installation.install import (
    InstallError,
    find,
    install,
)
from dynamo_conformance.operator.installation.operator_image import (
    recipe,
)
from dynamo_conformance.targets.interface import TargetUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynamo_conformance.kube.connection import Connection
    from dynamo_conformance.targets.kind.kind_cluster import KindCluster

REFERENCE, REAL = "reference", "real"


def ensure_operator(
    connection: Connection,
    cluster: KindCluster,
    *,
    wanted: str,
    progress: Callable[[str], None],
) -> InstalledOperator:
    """Return whose operator the cluster has, the reference operator installed where none was.

    Args:
        connection: The way to the cluster's API.
        cluster: The cluster.
        wanted: `auto`, or the operator that it must be: `reference` or `real`.
        progress: Is called with what takes long.

    Raises:
        TargetUnavailableError: It is not the operator that is wanted, or cannot be installed.
    """
    try:
        present = find(connection.kubectl)
        if present is InstalledOperator.REAL or wanted == REAL:
            _check(present, wanted, cluster.name)
            return present
        built = build(recipe(), base=base_image())
        cluster.load(built.name)
        if present is InstalledOperator.NONE:
            progress("kind: installing the reference operator")
        install(connection.kubectl, image=built.name)
    except (ImageError, InstallError) as error:
        raise TargetUnavailableError(str(error)) from error
    return InstalledOperator.REFERENCE


def _check(present: InstalledOperator, wanted: str, cluster: str) -> None:
    if wanted == REFERENCE:
        raise TargetUnavailableError(
            f"the kind cluster {cluster} has an operator that is not ours, and two of them would "
            "disturb each other; use another cluster (--dynamo-kind-cluster), or that operator "
            "(--dynamo-operator=auto)"
        )
    if present is not InstalledOperator.REAL:
        raise TargetUnavailableError(
            f"the kind cluster {cluster} has no Dynamo operator; install one, or let the reference "
            "operator be used (--dynamo-operator=auto)"
        )
