"""The cluster of these tests: a kind cluster with its world and the reference operator."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from planted_faults import PROVEN

from dynamo_conformance.plugin.options import NODE_IMAGE_VARIABLE
from dynamo_conformance.targets.cluster.apply import Manifest
from dynamo_conformance.targets.kind.base_setup import BaseSetupOptions, prepare
from dynamo_conformance.targets.kind.kind_cluster import DEFAULT_NAME, KindOptions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
