"""The validating webhook: what it refuses when a graph is created or changed, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from webhook_helpers import Body, converted, response, review

from dynamo_conformance.api.cluster_parts import Cluster
from dynamo_conformance.kube.resources import table
from dynamo_conformance.operator.webhook.review import ReviewError
from dynamo_conformance.operator.webhook.validating_webhook import validate

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain

NONE = Cluster()
OPERATOR = "system:serviceaccount:dynamo-conformance:reference-operator"
PLANNER = "system:serviceaccount:any:planner-serviceaccount"
PROVIDER = "nvidia.com/workload-provider"
C, SERVICE = "spec.components[0]", "spec.services[W]"


def component(name: str = "W", *, image: str = "a/b:1.6.1", gpus: int = 1, **fields: Plain) -> Body:
    main: Body = {"name": "main", "image": image, "resources": {"limits": {"nvidia.com/gpu": gpus}}}
    template: Plain = {"spec": {"containers": [main]}}
    return {"name": name, "type": "worker", "replicas": 1, "podTemplate": template, **fields}


def experimenting(**experimental: Plain) -> Body:
    return graph(component(experimental={**experimental}))


def in_pods(*, shadows: int) -> Body:
    return experimenting(failover={"mode": "InterPod", "numShadows": shadows})


def graph(*components: Plain, **spec: Plain) -> Body:
    return {
        "apiVersion": "nvidia.com/v1beta1",
        "kind": "DynamoGraphDeployment",
        "metadata": {"name": "g", "namespace": "n"},
        "spec": {"components": [*(components or (component(),))], **spec},
    }


def labelled(body: Body, **metadata: Plain) -> Body:
    return {**body, "metadata": {**table(body["metadata"]), **metadata}}


def answer(asked: Body, cluster: Cluster = NONE) -> Body:
    return response(validate(asked, cluster=cluster))


def refusals(asked: Body, cluster: Cluster = NONE) -> list[str]:
    """Return field and text of each thing that is wrong."""
    found = answer(asked, cluster)
    if found["allowed"] is True:
        return []
    causes = table(table(found["status"])["details"])["causes"]
    assert isinstance(causes, list)
    return [f"{table(one)['field']}: {table(one)['message']}" for one in causes]


def test_a_refusal_reads_as_the_operator_s() -> None:
    body = graph(component(image="repo/x:my-tag"), component("V", sharedMemorySize="-1"))
    found = answer(review(body))
    status = table(found["status"])
    assert (status["code"], status["reason"]) == (422, "Invalid")
    message = str(status["message"])
    assert message.startswith('DynamoGraphDeployment.nvidia.com "g" is invalid: [')
    override = f"{C}.runtimeVersionOverride: Required value: is required when the specified main"
    assert override in message
    assert 'spec.components[1].sharedMemorySize: Invalid value: "-1": must be non-neg' in message
    one = table(answer(review(graph(component(image=""))))["status"])["message"]
    assert one == (
        'DynamoGraphDeployment.nvidia.com "g" is invalid: '
        f"{C}.podTemplate.spec.containers[0].image: Required value: is required"
    )


def test_v1alpha1_is_told_in_its_own_words() -> None:
    service: Plain = {
        "componentType": "worker",
        "dynamoNamespace": "old",
        "ingress": {"enabled": True},
        "extraPodSpec": {"mainContainer": {"image": "repo/x"}},
    }
    written: Body = {
        **graph(),
        "apiVersion": "nvidia.com/v1alpha1",
        "spec": {"services": {"W": service}},
    }
    stored = converted(written, "v1beta1")
    asked = review(stored, version="v1alpha1")
    fields = [one.partition(":")[0] for one in refusals(asked)]
    assert fields == [f"{SERVICE}.ingress.host", f"{SERVICE}.runtimeVersionOverride"]
    warning = (
        f'{SERVICE}.dynamoNamespace is deprecated and ignored. Value "old" will be replaced with '
        '"n-g". Remove this field from your configuration'
    )
    assert answer(asked)["warnings"] == [warning]
    fields = [one.partition(":")[0] for one in refusals(review(stored))]
    assert fields == [f"{C}.runtimeVersionOverride"]


def test_what_the_cluster_has_is_fine() -> None:
    epp = component(type="epp", eppConfig={"configMapRef": {"name": "c", "key": "k"}})
    assert [one.partition(":")[0] for one in refusals(review(graph(epp)))] == [f"{C}.type"]
    assert refusals(review(graph(epp)), Cluster(inference_extension=True)) == []


def test_with_grove_nothing_changes() -> None:
    body = graph(component(minAvailable=1))
    assert len(refusals(review(body), Cluster(grove=True))) == 1


TOPOLOGY: Plain = {"clusterTopologyName": "t", "packDomain": "rack"}
TRANSFER: Plain = {"kvTransferPolicy": {"labelKey": "a/b", "domain": "d"}}
WATTS = "dynamo.nvidia.com/gpu-power-limit"


def limited(watts: str, *, gpus: int = 1) -> Body:
    made = component(gpus=gpus)
    annotations: Plain = {WATTS: watts}
    template = {**table(made["podTemplate"]), "metadata": {"annotations": annotations}}
    return graph({**made, "podTemplate": template})


def restarted(restart: str, phase: str) -> Body:
    return {**graph(restart={"id": restart}), "status": {"rollingUpdate": {"phase": phase}}}


def provided(value: str) -> Body:
    return labelled(graph(), annotations={PROVIDER: value})


RECREATE = "; delete and recreate the DynamoGraphDeployment"
FIXED = f"is immutable and cannot be added, removed, or changed after creation{RECREATE} to change"
COMPONENTS = "component topology is immutable and cannot be modified after creation: components"
TOGGLED = f"cannot be toggled after creation{RECREATE}"
SCALED = (
    "cannot be modified directly when scaling adapter is enabled; scale or update the related "
    "DynamoGraphDeploymentScalingAdapter instead"
)
NODES = "cannot change node topology between single-node and multi-node after creation"
SHADOWS = f"is immutable for inter-pod GMS failover{RECREATE} to change it"
PROVIDED = f"metadata.annotations[{PROVIDER}]"
E = f"{C}.experimental"

ALLOWED = [
    (graph(), graph()),
    (graph(), graph(component(image="a/b:1.7.0"))),
    (graph(), graph(component(replicas=2))),
    (graph(), graph(component(gpus=2))),
    (graph(component("a"), component("b")), graph(component("b"), component("a"))),
    (graph(component(multinode={"nodeCount": 2})), graph(component(multinode={"nodeCount": 3}))),
    (restarted("1", "Completed"), restarted("2", "Completed")),
    (provided("component"), provided("component")),
]
FORBIDDEN = [
    (graph(component("a"), component("b")), graph(component("a"), component("c")),
     f"spec.components: {COMPONENTS} added: [c], components removed: [b]"),
    (graph(backendFramework="vllm"), graph(backendFramework="sglang"),
     'spec.backendFramework: "sglang": is immutable and cannot be changed after creation'),
    (graph(), graph(component(multinode={})), f"{C}.multinode: {NODES}"),
    (graph(), graph(topologyConstraint=TOPOLOGY),
     f"spec.topologyConstraint: {FIXED} topology constraints"),
    (graph(topologyConstraint=TOPOLOGY),
     graph(component(topologyConstraint={"packDomain": "host"}), topologyConstraint=TOPOLOGY),
     f"{C}.topologyConstraint: {FIXED} topology constraints"),
    (graph(), graph(experimental=TRANSFER),
     f"spec.experimental.kvTransferPolicy: {FIXED} the KV transfer policy"),
    (graph(component(scalingAdapter={})), graph(component(replicas=2)), f"{C}.replicas: {SCALED}"),
    (graph(), graph(component(scalingAdapter={}, replicas=2)), f"{C}.replicas: {SCALED}"),
    (restarted("1", "InProgress"), restarted("2", "InProgress"),
     "spec.restart.id: cannot be changed while a rolling update is InProgress"),
    (experimenting(gpuMemoryService={}), experimenting(gpuMemoryService={"mode": "InterPod"}),
     f"{E}.gpuMemoryService.mode: the inter-pod GMS layout {TOGGLED}"),
    (in_pods(shadows=1), in_pods(shadows=2), f"{E}.failover.numShadows: {SHADOWS}"),
    (graph(), in_pods(shadows=1), f"{E}.failover: inter-pod GMS failover {TOGGLED}"),
    (graph(), experimenting(grove={"forceScalingGroup": True}),
     f"{E}.grove.forceScalingGroup: {TOGGLED} to change it"),
    (limited("300"), limited("200"),
     f'{C}.podTemplate.metadata.annotations[{WATTS}]: "200": field is immutable'),
    (limited("300"), limited("300", gpus=2),
     f"{C}.podTemplate.spec.containers[0].resources: field is immutable"),
    (provided("component"), graph(), f'{PROVIDED}: "": field is immutable'),
    (graph(), provided("component"),
     f"{PROVIDED}: may only be materialized by the Dynamo operator"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), ALLOWED)
def test_what_an_update_may_change(old: Body, new: Body) -> None:
    assert refusals(review(new, old=old)) == []


@pytest.mark.parametrize(("old", "new", "expected"), FORBIDDEN)
def test_what_an_update_may_not_change(old: Body, new: Body, expected: str) -> None:
    """What is wrong with the new graph by itself is said too, and no part of this."""
    alone = set(refusals(review(new)))
    found = [one for one in refusals(review(new, old=old)) if one not in alone]
    assert found == [expected]


def test_another_target_of_an_override_is_another_override() -> None:
    def overridden(target: str) -> Body:
        override: Plain = {"apiVersion": "grove.io/v1alpha1", "target": target}
        return graph(component(providerOverride=override), providerOverride=override)

    old, new = overridden("a"), overridden("b")
    found = [one for one in refusals(review(new, old=old)) if one.endswith("field is immutable")]
    assert found == [
        "spec.providerOverride.target: field is immutable",
        f"{C}.providerOverride.target: field is immutable",
    ]


@pytest.mark.parametrize(
    ("user", "may"),
    [(OPERATOR, True), (PLANNER, True), ("planner-serviceaccount", False), ("me", False)],
)
def test_who_may_scale_what_an_adapter_owns(user: str, *, may: bool) -> None:
    old, new = (graph(component(scalingAdapter={}, replicas=count)) for count in (1, 2))
    assert (refusals(review(new, old=old, user=user)) == []) == may


def test_the_operator_may_say_how_a_graph_runs() -> None:
    asked = review(provided("component"), old=graph(), user=OPERATOR)
    assert refusals(asked) == []


def test_another_engine_is_warned_of_too() -> None:
    old, new = (graph(backendFramework=one) for one in ("vllm", "sglang"))
    found = answer(review(new, old=old))
    assert found["warnings"] == ["Changing spec.backendFramework may cause unexpected behavior"]


BAD, GOOD, NO_MAIN = component(image="x:bad"), component(), component(podTemplate={"spec": {}})


@pytest.mark.parametrize(
    ("old", "new", "fields"),
    [
        (BAD, {**BAD, "replicas": 2}, []),
        (NO_MAIN, {**NO_MAIN, "replicas": 2}, []),
        (BAD, component(image="x:worse"), ["runtimeVersionOverride"]),
        (GOOD, BAD, ["runtimeVersionOverride"]),
        ({**BAD, "runtimeVersionOverride": "1.6.1"}, BAD, ["runtimeVersionOverride"]),
        (GOOD, NO_MAIN, ["podTemplate.spec.containers"]),
    ],
)
def test_images_are_looked_at_again_when_they_change(
    old: Body, new: Body, fields: list[str]
) -> None:
    found = [one.partition(":")[0] for one in refusals(review(graph(new), old=graph(old)))]
    assert found == [f"{C}.{field}" for field in fields]


def test_what_is_being_deleted_is_left_alone() -> None:
    body = labelled(graph(BAD), deletionTimestamp="2026-01-01T00:00:00Z")
    assert refusals(review(body, old=graph())) == []


@pytest.mark.parametrize("odd", [None, {}, {"request": {"uid": "u", "object": []}}])
def test_what_is_no_review_is_an_error(odd: Plain) -> None:
    with pytest.raises(ReviewError):
        validate(odd, cluster=NONE)


@pytest.mark.parametrize("odd", [5, [], "x", {"components": 5}, {"components": [5, None, {}]}])
def test_an_odd_object_breaks_nothing(odd: Plain) -> None:
    body: Body = {"metadata": [], "spec": odd}
    for version in ("v1alpha1", "v1beta1", "v9"):
        for asked in (review(body, version=version), review(body, old=body, version=version)):
            assert isinstance(answer(asked)["allowed"], bool)
