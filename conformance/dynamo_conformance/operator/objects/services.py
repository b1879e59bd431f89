"""Services: one for every component, through which the runtime finds its pods, one for a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.kube.resources import kube_object
from dynamo_conformance.manifest.graph import FRONTEND
from dynamo_conformance.operator.objects.last_applied import noted
from dynamo_conformance.rendering import labels, names
from dynamo_conformance.rendering.environment import HTTP_PORT, SYSTEM_PORT
from dynamo_conformance.rendering.pod_context import DISCOVERY_BACKEND, KUBERNETES, Position

if TYPE_CHECKING:
    from dynamo_conformance.kube.resources import KubeObject, Owner
    from dynamo_conformance.manifest.node import Plain
    from dynamo_conformance.rendering.pod_context import PodContext

_MANAGED_BY = "nvidia.com/managed-by"


def component_service(context: PodContext, *, owner: Owner) -> KubeObject | None:
    """Return the Service of a component, or None where only frontends get one."""
    component = context.component
    if context.uses_etcd and component.type != FRONTEND:
        return None
    service_labels = labels.workload_labels(context)
    if not context.uses_etcd:
        # The runtime looks for EndpointSlices with these labels; they are copied from the Service.
        service_labels[DISCOVERY_BACKEND] = KUBERNETES
        service_labels[labels.DISCOVERY_ENABLED] = "true"
    port = ("http", HTTP_PORT) if component.type == FRONTEND else ("system", SYSTEM_PORT)
    made = kube_object(
        "v1",
        "Service",
        names.service_name(context.name),
        namespace=context.namespace,
        owner=owner,
        labels=service_labels,
        annotations=context.annotations,
        spec={"ports": [_port(*port, target=port[0])], "selector": _selector(context)},
    )
    return noted(made)


def model_service(context: PodContext, *, owner: Owner) -> KubeObject | None:
    """Return the headless Service of the model that a component serves, or None without one."""
    model = labels.model_name(context.component)
    if model is None:
        return None
    selected: dict[str, str] = {labels.MODEL_HASH: names.model_hash(model)}
    spec: dict[str, Plain] = {
        "clusterIP": "None",
        "ports": [_port("system", SYSTEM_PORT, target=SYSTEM_PORT)],
        "selector": {**selected},
    }
    made = kube_object(
        "v1",
        "Service",
        names.model_service(model),
        namespace=context.namespace,
        owner=owner,
        labels={**selected, _MANAGED_BY: "dynamo-operator"},
        annotations={labels.MODEL: model},
        spec=spec,
    )
    return noted(made)


def is_model_service(item: KubeObject) -> bool:
    """Whether an object is the Service of a model, of which a namespace has one for all graphs."""
    return item.kind == "Service" and _MANAGED_BY in item.labels


def _selector(context: PodContext) -> dict[str, Plain]:
    """Return the selector of the pods; their generation is not part of it."""
    selector: dict[str, Plain] = {
        labels.COMPONENT: context.component.name,
        labels.COMPONENT_TYPE: context.component.type or "",
        labels.NAMESPACE: labels.namespace_label(context),
    }
    if context.component.node_count > 1:
        selector[labels.ROLE] = labels.ROLES[Position.LEADER]
    return selector


def _port(name: str, number: int, *, target: int | str) -> dict[str, Plain]:
    return {"name": name, "port": number, "protocol": "TCP", "targetPort": target}
