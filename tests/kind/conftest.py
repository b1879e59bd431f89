"""The cluster of these tests: a kind cluster with its world and the reference operator.

`DYN_CONFORMANCE_KUBECONFIG` names another cluster that is made ready for the examples.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cluster_runs import Targets
from planted_faults import PROVEN

from dynamo_conformance.kube.connection import Connection
from dynamo_conformance.plugin.options import NODE_IMAGE_VARIABLE
from dynamo_conformance.targets.cluster.apply import Manifest
from dynamo_conformance.targets.kind.base_setup import BaseSetupOptions, prepare
from dynamo_conformance.targets.kind.kind_cluster import DEFAULT_NAME, KindOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

CLUSTER_VARIABLE = "DYN_CONFORMANCE_KIND_CLUSTER"


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


@pytest.fixture(scope="session")
def kubeconfig() -> Iterator[Path]:
    """Make the cluster ready for the examples that are served in it, once."""
    options = BaseSetupOptions(
        kind=KindOptions(
            name=os.environ.get(CLUSTER_VARIABLE, DEFAULT_NAME),
            image=os.environ.get(NODE_IMAGE_VARIABLE),
        )
    )
    manifests = [Manifest.read(one) for one in PROVEN]
    with prepare(options, manifests, progress=_say) as base_setup:
        yield base_setup.cluster.kubeconfig


@pytest.fixture(scope="module")
def kubeconfig_file(request: pytest.FixtureRequest) -> Path:
    named = os.environ.get("DYN_CONFORMANCE_KUBECONFIG")
    return Path(named) if named else Path(request.getfixturevalue("kubeconfig"))


@pytest.fixture(scope="module")
def connection(kubeconfig_file: Path) -> Iterator[Connection]:
    with Connection(kubeconfig_file) as opened:
        yield opened


@pytest.fixture
def targets(connection: Connection) -> Iterator[Targets]:
    made = Targets(connection, [], f"test-{secrets.token_hex(3)}")
    yield made
    for removal in made.removals:
        removal.wait()
    assert made.left() == []
