"""What the operator of a cluster installed, asked of kubectl: its CRD, and its own version."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.api.operator_releases import DEFAULT_OPERATOR, nearest, order
from dynamo_conformance.engines.image_release import parse_image
from dynamo_conformance.lint.options import DefinitionError
from dynamo_conformance.manifest.node import Mapping, from_plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dynamo_conformance.manifest.node import Plain

CRD = "dynamographdeployments.nvidia.com"
OPERATORS = "app.kubernetes.io/part-of=dynamo-operator"
VERSION_LABEL = "app.kubernetes.io/version"
ORIGIN = "nvidia.com/dynamo-operator-origin-version"
_OPERATOR = "operator"
"""What the image of every operator is called, kubernetes-operator or dynamo-operator."""

_DEADLINE = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOperator:
    """The operator of a cluster.

    Attributes:
        version: Its version as the cluster has it, or None when nothing says it.
        judged_by: The known operator whose rules are used, or None.
        source: Where the version stands.
    """

    version: str | None
    judged_by: str | None
    source: str

    def __str__(self) -> str:
        """Return the words for the summary."""
        if self.judged_by is None:
            return f"the cluster's CRD and operator {DEFAULT_OPERATOR} (it does not say its own)"
        if self.version == self.judged_by:
            return f"operator {self.judged_by}, the cluster's ({self.source})"
        return f"operator {self.judged_by}, for the cluster's {self.version} ({self.source})"


def crd_from_cluster(context: str | None, *, folder: Path) -> Path:
    """Write the CRD of the cluster below `folder`, and return where.

    Args:
        context: The kubeconfig context; kubectl's current one when None.
        folder: A folder to write into.

    Raises:
        DefinitionError: There is no kubectl, no cluster, or no such CRD in it.
    """
    done = _kubectl(context, "get", "crd", CRD, "-o", "json")
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise DefinitionError(f"kubectl get crd {CRD}: {lines[-1] if lines else 'failed'}")
    path = folder / "crd.json"
    path.write_bytes(done.stdout)
    return path


def operator_from_cluster(context: str | None) -> ClusterOperator:
    """Return the operator of the cluster, as far as its Deployment or its graphs say it.

    Who may not list them learns nothing, and that is no failure.

    Args:
        context: The kubeconfig context; kubectl's current one when None.

    Raises:
        DefinitionError: There is no kubectl, or no answer in time.
    """
    for version, source in (*_of_deployments(context), *_of_graphs(context)):
        known = nearest(version)
        if known is not None:
            return ClusterOperator(
                version=version.removeprefix("v"), judged_by=known.version, source=source
            )
    return ClusterOperator(version=None, judged_by=None, source="")


def _of_deployments(context: str | None) -> Iterator[tuple[str, str]]:
    """Yield the tag of each container's image, then the version that its Deployment is labelled."""
    deployments = _listed(context, "deployments", "-l", OPERATORS)
    for deployment in deployments:
        pod = _at(deployment, "spec", "template", "spec")
        for container in pod.mappings("containers"):
            image = parse_image(container.string("image") or "")
            if _OPERATOR in image.name:  # Beside it may run a proxy.
                yield image.tag, "the tag of its image"
    for deployment in deployments:
        label = _at(deployment, "metadata", "labels").string(VERSION_LABEL)
        yield label or "", f"its label {VERSION_LABEL}"


def _of_graphs(context: str | None) -> Iterator[tuple[str, str]]:
    """Yield the newest version that a graph was created by; the operator may be newer."""
    versions = [
        origin
        for graph in _listed(context, CRD)
        if (origin := _at(graph, "metadata", "annotations").string(ORIGIN))
    ]
    known = [(order(operator.name), text) for text in versions if (operator := nearest(text))]
    if known:
        yield max(known)[1], f"annotation {ORIGIN} of its graphs"


def _at(node: Mapping, *path: str) -> Mapping:
    for key in path:
        node = node.mapping(key) or Mapping()
    return node


def _listed(context: str | None, *words: str) -> tuple[Mapping, ...]:
    done = _kubectl(context, "get", *words, "-A", "-o", "json")
    if done.returncode:
        return ()
    try:
        raw: Plain = json.loads(done.stdout)
    except ValueError:
        return ()
    listed = from_plain(raw)
    return listed.mappings("items") if isinstance(listed, Mapping) else ()


def _kubectl(context: str | None, *words: str) -> subprocess.CompletedProcess[bytes]:
    chosen = ["--context", context] if context else []
    try:
        return subprocess.run(
            ["kubectl", *chosen, *words], capture_output=True, timeout=_DEADLINE, check=False
        )
    except FileNotFoundError as error:
        text = "kubectl is not installed, and --crd-from-cluster asks it; --crd FILE needs none"
        raise DefinitionError(text) from error
    except subprocess.TimeoutExpired as error:
        raise DefinitionError(f"the cluster did not answer in {_DEADLINE:g} s") from error
