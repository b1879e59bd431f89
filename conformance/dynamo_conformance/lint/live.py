"""The CRD that a cluster really has, asked for with kubectl."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from dynamo_conformance.lint.problems import DefinitionError

if TYPE_CHECKING:
    from pathlib import Path

CRD = "dynamographdeployments.nvidia.com"
_DEADLINE = 30.0


def crd_from_cluster(context: str | None, *, folder: Path) -> Path:
    """Write the CRD of the cluster below `folder`, and return where.

    Args:
        context: The kubeconfig context; kubectl's current one when None.
        folder: A folder to write into.

    Raises:
        DefinitionError: There is no kubectl, no cluster, or no such CRD in it.
    """
    chosen = ["--context", context] if context else []
    try:
        done = subprocess.run(
            ["kubectl", *chosen, "get", "crd", CRD, "-o", "json"],
            capture_output=True,
            timeout=_DEADLINE,
            check=False,
        )
    except FileNotFoundError as error:
        text = "kubectl is not installed, and --crd-from-cluster asks it; --crd FILE needs none"
        raise DefinitionError(text) from error
    except subprocess.TimeoutExpired as error:
        raise DefinitionError(f"the cluster did not answer in {_DEADLINE:g} s") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise DefinitionError(f"kubectl get crd {CRD}: {said[-1] if said else 'failed'}")
    path = folder / "crd.json"
    path.write_bytes(done.stdout)
    return path
