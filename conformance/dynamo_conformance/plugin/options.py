"""The options of the plugin; all of them begin with `--dynamo-`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

TARGETS = ("local", "compose", "kind", "cluster")
OPERATORS = ("auto", "reference", "real")
KUBECONFIG_VARIABLE = "DYN_CONFORMANCE_KUBECONFIG"
CONTEXT_VARIABLE = "DYN_CONFORMANCE_KUBE_CONTEXT"
NODE_IMAGE_VARIABLE = "DYN_CONFORMANCE_NODE_IMAGE"
SCRIPTS_INI = "dynamo_scripts"
DEFAULT_TIMEOUT = 120.0
DEFAULT_ARTIFACTS = "build/conformance"


def add_options(parser: pytest.Parser) -> None:
    """Declare the options; `pytest --help` shows them in groups of their own."""
    group = parser.getgroup("dynamo", "Dynamo conformance")
    group.addoption(
        "--dynamo-target",
        choices=TARGETS,
        help="where graphs are run (default: local)",
    )
    group.addoption(
        "--dynamo-engine",
        choices=("mock", "real"),
        default="mock",
        help="mock needs no GPU, real uses the engines that are installed (default: mock)",
    )
    group.addoption(
        "--dynamo-timeout",
        type=float,
        default=DEFAULT_TIMEOUT,
        metavar="SECONDS",
        help=f"how long a graph may take to answer (default: {DEFAULT_TIMEOUT:.0f})",
    )
    group.addoption(
        "--dynamo-artifacts",
        type=Path,
        default=Path(DEFAULT_ARTIFACTS),
        metavar="DIR",
        help=f"where the logs of failed examples are kept (default: {DEFAULT_ARTIFACTS})",
    )
    group.addoption(
        "--dynamo-changed-since",
        metavar="REF",
        help="only examples that differ from a git revision: their manifest, scripts, components, "
        "and the files these name",
    )
    group.addoption(
        "--dynamo-ledger",
        type=Path,
        metavar="FILE",
        help="write what this run proves into FILE, the ledger in the folder of the examples",
    )
    group.addoption(
        "--dynamo-compare",
        type=Path,
        metavar="FILE",
        help="fail when this run shows less of an example than the ledger FILE says",
    )
    group.addoption(
        "--dynamo-report",
        type=Path,
        metavar="FILE",
        help="write what this run saw as one HTML page",
    )
    _add_cluster_options(parser.getgroup("dynamo-cluster", "Dynamo conformance in a cluster"))
    parser.addini(SCRIPTS_INI, "run launch/local/*.sh too", type="bool", default=False)


def _add_cluster_options(group: pytest.OptionGroup) -> None:
    """Declare what only the targets `kind` and `cluster` look at."""
    group.addoption(
        "--dynamo-kubeconfig",
        type=Path,
        default=os.environ.get(KUBECONFIG_VARIABLE),
        metavar="FILE",
        help=f"the kubeconfig to use (default: ${KUBECONFIG_VARIABLE}, or kubectl's own)",
    )
    group.addoption(
        "--dynamo-kube-context",
        default=os.environ.get(CONTEXT_VARIABLE),
        metavar="NAME",
        help="the context of the kubeconfig; the target `cluster` takes none that is not named "
        f"(default: ${CONTEXT_VARIABLE})",
    )
    group.addoption(
        "--dynamo-operator",
        choices=OPERATORS,
        default="auto",
        help="auto uses the Dynamo operator of the cluster, and in kind the reference operator "
        "where there is none; the others insist (default: auto)",
    )
    group.addoption(
        "--dynamo-namespace",
        metavar="NAME",
        help="an existing namespace to use, one example at a time (default: one made per example)",
    )
    group.addoption(
        "--dynamo-bring",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="manifests (a Secret, a PersistentVolumeClaim) to apply in the namespace of each "
        "example before it; can be given several times",
    )
    group.addoption(
        "--dynamo-pods",
        type=int,
        metavar="N",
        help="how many pods run at once, which decides how many examples do "
        "(default: what the nodes hold; 1 example at a time with --dynamo-namespace)",
    )
    group.addoption(
        "--dynamo-kind-cluster",
        default="dynamo-conformance",
        metavar="NAME",
        help="the kind cluster to use, made if there is none (default: dynamo-conformance)",
    )
    group.addoption(
        "--dynamo-kind-image",
        default=os.environ.get(NODE_IMAGE_VARIABLE),
        metavar="IMAGE",
        help=f"the node image of a new kind cluster (default: ${NODE_IMAGE_VARIABLE}, or kind's)",
    )
    group.addoption(
        "--dynamo-kubernetes-version",
        metavar="X.Y.Z",
        help="the Kubernetes version of a new kind cluster, by kind's public node images",
    )
    group.addoption(
        "--dynamo-kind-delete",
        action="store_true",
        help="delete the kind cluster after the run, unless somebody else made it",
    )
