"""Names the operator derives: of objects, of the Dynamo namespace, of the worker generation.

Nothing is cut to 63 characters: the operator does not, and the API server then refuses the object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.fields import is_true
from dynamo_conformance.rendering import v1alpha1_extras
from dynamo_conformance.rendering.ways import NEWEST

if TYPE_CHECKING:
    from dynamo_conformance.manifest.graph import Component, Graph
    from dynamo_conformance.manifest.node import Plain
    from dynamo_conformance.rendering.ways import Ways

GLOBAL_NAMESPACE = "dynamo"
PLANNER_ACCOUNT = "planner-serviceaccount"
PICKER_ACCOUNT = "epp-serviceaccount"
SSH_SECRET = "mpi-run-ssh-secret"  # noqa: S105 - the name of a secret, not a secret

_HASH_LENGTH = 8
_NO_NEW_GENERATION = ("replicas", "minAvailable", "scalingAdapter", "type", "name")
"""Changing these does not start new workers."""


def workload_name(graph: Graph, component: Component, *, worker_hash: str) -> str:
    """Return the name of the component's Deployment; a worker's may end in a hash."""
    name = f"{graph.name}-{component.name.lower()}"
    return f"{name}-{worker_hash}" if component.is_worker and worker_hash else name


def set_name(workload: str) -> str:
    """Return the name of the LeaderWorkerSet of a multinode component."""
    return f"{workload}-0"


def service_name(workload: str) -> str:
    """Return the name of the component's Service: a DNS label has no dots and no capitals."""
    return workload.lower().replace(".", "-")


def frontend_service(graph: Graph, component: Component) -> str:
    """Return the name of the Service people send requests to (port 8000)."""
    return service_name(workload_name(graph, component, worker_hash=""))


def dynamo_namespace(
    graph: Graph, component: Component, *, namespace: str, ways: Ways = NEWEST
) -> str:
    """Return the Dynamo namespace the component lives in.

    Args:
        graph: Its graph.
        component: The component.
        namespace: The Kubernetes namespace.
        ways: How the operator calls it.
    """
    if ways.graph_namespace:
        own = v1alpha1_extras.dynamo_namespace(graph, component)
        return own or f"{GLOBAL_NAMESPACE}-{graph.name}"
    wants_global = component.node.get("globalDynamoNamespace")
    if is_true(wants_global):
        return GLOBAL_NAMESPACE
    name = graph.name if ways.namespace_dots else graph.name.replace(".", "-")
    return f"{namespace}-{name}"


def discovery_account(graph: Graph) -> str:
    """Return the service account that may read the cluster's discovery records."""
    return f"{graph.name}-k8s-service-discovery"


def wait_leader_config(graph: Graph) -> str:
    """Return the name of the ConfigMap that holds the script followers wait with."""
    return f"{graph.name}-wait-leader-script"


def model_hash(model: str) -> str:
    """Return the eight digits a model is selected by."""
    return _digits(model)


def model_service(model: str) -> str:
    """Return the name of the headless Service of a model."""
    return f"dynamo-model-{model_hash(model)}"


def scaling_adapter(graph: Graph, component: Component) -> str:
    """Return the name of the object that a component is scaled by."""
    return f"{graph.name}-{component.name.lower()}"


def worker_hash(graph: Graph) -> str:
    """Return the eight digits that name this generation of workers.

    It stands in for the operator's own hash, which needs Go's JSON to the byte: as that one it is
    one for all workers, stable, changes with anything that changes a worker's pods, and is the
    operator's `44136fa3` for a graph without workers.
    """
    workers: dict[str, Plain] = {
        component.name: _generation(graph, component)
        for component in graph.components
        if component.is_worker
    }
    if not workers:
        return _digest({})
    spec = graph.root.mapping("spec")
    shared: dict[str, Plain] = {
        entry.key: entry.value.plain()
        for entry in spec or ()
        if entry.key in ("env", "labels", "annotations", "backendFramework")
    }
    return _digest({"graph": shared, "workers": workers})


def _generation(graph: Graph, component: Component) -> Plain:
    spec: dict[str, Plain] = {
        entry.key: entry.value.plain()
        for entry in component.node
        if entry.key not in _NO_NEW_GENERATION
    }
    labels: dict[str, Plain] = {**v1alpha1_extras.service_labels(graph, component)}
    annotations: dict[str, Plain] = {**v1alpha1_extras.service_annotations(graph, component)}
    return {
        "spec": spec,
        "type": component.type,
        "labels": labels,
        "annotations": annotations,
        "dynamoNamespace": v1alpha1_extras.dynamo_namespace(graph, component),
    }


def _digest(value: Plain) -> str:
    import json

    return _digits(json.dumps(value, sort_keys=True, separators=(",", ":")))


def _digits(text: str) -> str:
    from hashlib import sha256  # It loads OpenSSL, and most names need none of it.

    return sha256(text.encode()).hexdigest()[:_HASH_LENGTH]
