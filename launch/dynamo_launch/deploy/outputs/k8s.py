"""A DynamoGraphDeployment: a folder for `kubectl apply -f`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.document import V1ALPHA1, Document
from dynamo_conformance.manifest.node import Mark, Scalar
from dynamo_conformance.manifest.prerequisites import prerequisites
from dynamo_conformance.manifest.release import runtime_version
from dynamo_conformance.manifest.to_v1alpha1 import to_v1alpha1
from dynamo_conformance.rendering.names import workload_name
from dynamo_launch.deploy.output import File
from dynamo_launch.deploy.outputs.output_checks import check_images
from dynamo_launch.deploy.outputs.yaml_comments import commented, heading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.manifest.graph import Component, Graph
    from dynamo_launch.config.config_error import ConfigErrors
    from dynamo_launch.deploy.output import Order

LONGEST = 63
"""How long the name of a Service, and a label's value, may be."""

_HASH = "0" * 8
_VERSION = Mark(0, 2)
_WANTED = "dynamo-lint: allow api-deprecated because it was asked for"


class K8s:
    """The output for clusters with the Dynamo operator."""

    summary = "Kubernetes: a DynamoGraphDeployment for the Dynamo operator."

    def check(self, order: Order, errors: ConfigErrors) -> None:
        """Add an error for what the operator or the API server refuses."""
        check_images(order, errors)
        for component in order.graph.components:
            _check_release(component, order, errors)
            _check_name(component, order, errors)

    def files(self, order: Order) -> tuple[File, ...]:
        """Return the one manifest."""
        root = order.graph.root
        beside = {}
        if order.api_version == V1ALPHA1:
            root = to_v1alpha1(root.replaced("apiVersion", Scalar("", _VERSION)))
            beside[_VERSION] = _WANTED
        head = (*heading(order), "", *_needs(order.graph))
        text = commented(root, order.source_map, head=head, beside=beside)
        return (File(name=_name(order), text=text),)

    def kept(self, order: Order) -> tuple[str, ...]:
        """Return nothing: secrets are the cluster's."""
        del order
        return ()

    def next_steps(self, order: Order, folder: str) -> tuple[str, ...]:
        """Return how to create the graph, and how to wait for it."""
        name = order.graph.name
        return (
            f"kubectl apply -f {folder}",
            f"kubectl wait dgd/{name} --for=condition=Ready --timeout=15m",
        )


def _name(order: Order) -> str:
    return f"{order.graph.name}.yaml"


def _needs(graph: Graph) -> Iterator[str]:
    """Yield what must be in the namespace before."""
    document = Document("", 0, graph.root)
    needed = sorted({(item.kind, item.name) for item in prerequisites((document,))})
    if needed:
        yield "It needs in its namespace:"
    for kind, name in needed:
        how = ""
        if kind == "Secret":
            how = f": kubectl create secret generic {name} --from-literal=NAME=VALUE"
        elif kind == "ConfigMap":
            how = f": kubectl create configmap {name} --from-file=FOLDER"
        yield f"  {kind} {name}{how}"


def _check_release(component: Component, order: Order, errors: ConfigErrors) -> None:
    main = component.main
    image = main.node.get("image") if main is not None else None
    if main is None or image is None or not main.image:
        return
    if runtime_version(main.image) is None and "runtimeVersionOverride" not in component.node:
        place = order.origin(image.mark)
        text = (
            f'the tag of "{main.image}" does not tell the Dynamo release that it holds, which the '
            "operator must know; write runtime_version: 1.6.1, or what it is"
        )
        errors.error(place, text)


def _check_name(component: Component, order: Order, errors: ConfigErrors) -> None:
    made = workload_name(order.graph, component, worker_hash=_HASH)
    if len(made) > LONGEST:
        place = order.origin(component.mark)
        text = (
            f'the operator makes "{made}" of it, {len(made)} characters, and Kubernetes takes '
            f"{LONGEST}; shorten this name or the graph's by {len(made) - LONGEST}"
        )
        errors.error(place, text)
