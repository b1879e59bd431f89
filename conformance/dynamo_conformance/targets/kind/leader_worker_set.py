"""LeaderWorkerSet, which runs the graphs that span nodes.

The Dynamo operator takes the LeaderWorkerSet way only if the API group of Volcano's gangs exists
too. The definition alone is enough: pods keep the default scheduler.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import yaml

from dynamo_conformance.kube.labels import PART, WORLD
from dynamo_conformance.targets.interface import TargetUnavailableError
from dynamo_conformance.targets.kind.simulated_resources import apply

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynamo_conformance.kube.connection import Connection

VERSION = "v0.9.0"
MANIFEST_VARIABLE = "DYN_CONFORMANCE_LWS_MANIFEST"
PUBLIC_MANIFEST = (
    f"https://github.com/kubernetes-sigs/lws/releases/download/{VERSION}/manifests.yaml"
)
"""What the project itself publishes; the variable names another address or a file."""

DEFINITION = "leaderworkersets.leaderworkerset.x-k8s.io"
NAMESPACE, DEPLOYMENT = "lws-system", "lws-controller-manager"
READY_SECONDS = 180.0
APPLY_SECONDS = 120.0
POLL_SECONDS = 0.5

_SMALLEST_SET = """
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: dynamo-conformance-try, namespace: default}
spec: {leaderWorkerTemplate: {workerTemplate: {spec: {containers: [{name: main, image: none}]}}}}
"""
_GANG_DEFINITION = f"""
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: podgroups.scheduling.volcano.sh
  labels: {{{PART}: {WORLD}}}
spec:
  group: scheduling.volcano.sh
  names: {{kind: PodGroup, plural: podgroups, singular: podgroup, shortNames: [pg]}}
  scope: Namespaced
  versions:
    - name: v1beta1
      served: true
      storage: true
      schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}
"""
"""The smallest definition that gives the cluster the API group which the operator looks for."""


def ensure_orchestrator(connection: Connection, *, progress: Callable[[str], None]) -> None:
    """Return when LeaderWorkerSets can be made; what is installed already is left as it is.

    Raises:
        TargetUnavailableError: It cannot be installed, or does not become ready.
    """
    apply(connection, [yaml.safe_load(_GANG_DEFINITION)])
    if connection.kubectl("get", "crd", DEFINITION).returncode:
        source = os.environ.get(MANIFEST_VARIABLE) or PUBLIC_MANIFEST
        progress(f"kind: installing LeaderWorkerSet {VERSION}")
        done = connection.kubectl(
            "apply", "--server-side", "--filename", source, timeout=APPLY_SECONDS
        )
        if done.returncode:
            raise TargetUnavailableError(
                f"LeaderWorkerSet cannot be installed from {source}: {done.stderr.strip()}; "
                f"{MANIFEST_VARIABLE} names another address or a file"
            )
    # Its webhook must answer, not only its pod be there: a set that is refused stays away.
    deadline = time.monotonic() + READY_SECONDS
    while not _takes_sets(connection):
        if time.monotonic() > deadline:
            raise TargetUnavailableError(
                f"LeaderWorkerSet's webhook is not ready after {READY_SECONDS:.0f} s"
            )
        time.sleep(POLL_SECONDS)


def _takes_sets(connection: Connection) -> bool:
    tried = connection.kubectl("create", "--dry-run=server", "--filename", "-", stdin=_SMALLEST_SET)
    return tried.returncode == 0
