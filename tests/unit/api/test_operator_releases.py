"""Each rule of the webhook by release: nothing before `since`, something from then to `until`."""

from __future__ import annotations

import pytest

from dynamo_conformance.api import admission, crd, crd_history
from dynamo_conformance.api.admission.request import Request
from dynamo_conformance.api.admission.rule_rows import Row, field_row, rules
from dynamo_conformance.api.cluster_parts import Cluster
from dynamo_conformance.api.operator_releases import (
    DEFAULT_OPERATOR,
    OPERATORS,
    Operator,
    find,
    minors,
    nearest,
    order,
)
from dynamo_conformance.api.verdict import Verdict, judge
from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.read import read_graph

IMAGE = "nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1"
GPU = "resources: {limits: {nvidia.com/gpu: 1}}"
GROVE = Cluster(grove=True)
NONE = Cluster()
EPP = "type: epp, eppConfig: {configMapRef: {name: c, key: k}}"
POWER = "dynamo.nvidia.com/gpu-power-limit"
MEMORY = "gpuMemoryService: {mode: InterPod}"
OVERRIDE = "providerOverride: {apiVersion: grove.io/v1, target: X}"


def beta(
    component: str = "type: worker",
    *,
    spec: str = "",
    main: str = "",
    note: str = "",
    pod: str = "",
    image: str = IMAGE,
) -> str:
    return f"""
apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata: {{name: agg{note and ", annotations: {"}{note}{note and "}"}}}
spec: {{{spec}{spec and ", "}components: [
  {{name: Worker, {component}, podTemplate: {{{pod}{pod and ", "}spec: {{containers: [
    {{name: main, image: '{image}'{main and ", "}{main}}}]}}}}}}]}}
"""


def alpha(service: str, *, spec: str = "", containers: str = "") -> str:
    return f"""
apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: {{name: agg}}
spec: {{{spec}{spec and ", "}services: {{Worker: {{componentType: worker, {service},
  extraPodSpec: {{mainContainer: {{image: '{IMAGE}'}}{containers and ", "}{containers}}}}}}}}}
"""


def experiment(text: str, *, kind: str = "worker", spec: str = "", main: str = "") -> str:
    return beta(f"type: {kind}, experimental: {{{text}}}", spec=spec, main=main)


def restart(strategy: str) -> str:
    return beta(spec=f"restart: {{id: a, strategy: {{{strategy}}}}}")


def power(value: str, main: str = "") -> str:
    return beta(pod=f"metadata: {{annotations: {{{POWER}: '{value}'}}}}", main=main)


EMPTY = (
    "apiVersion: nvidia.com/v1beta1\nkind: DynamoGraphDeployment\nmetadata: {name: a}\nspec: {}\n"
)
CASES = {
    "graph-empty": EMPTY,
    "origin-version": beta(note="nvidia.com/dynamo-operator-origin-version: x"),
    "executor-backend": beta(note="nvidia.com/vllm-distributed-executor-backend: x"),
    "discovery-mode": beta(note="nvidia.com/dynamo-kube-discovery-mode: x"),
    "failover-discovery": experiment("failover: {mode: IntraPod}, gpuMemoryService: {}", main=GPU),
    "grove-update-strategy": beta(note="nvidia.com/grove-update-strategy: x"),
    "priority-class": beta(spec="priorityClassName: high"),
    "name-length-whole": beta().replace("name: agg", f"name: {'g' * 42}"),
    "name-length": beta().replace("name: Worker", f"name: {'w' * 43}"),
    "min-available": beta("type: worker, minAvailable: 1"),
    "shared-memory-negative": beta("type: worker, sharedMemorySize: -1Gi"),
    "shared-memory-size": alpha("sharedMemory: {disabled: false}"),
    "epp-cluster": beta(EPP),
    "epp-multinode": beta(f"{EPP}, multinode: {{nodeCount: 2}}"),
    "epp-replicas": beta(f"{EPP}, replicas: 2"),
    "epp-config": beta("type: epp", image="x/epp:1.4.0"),
    "epp-config-native-image": beta("type: epp"),
    "epp-native-config": beta(EPP),
    "epp-config-name": beta("type: epp, eppConfig: {configMapRef: {key: k}}"),
    "epp-config-choice": alpha("eppConfig: {}"),
    "sidecar-template": (
        "apiVersion: nvidia.com/v1beta1\nkind: DynamoGraphDeployment\nmetadata: {name: a}\n"
        "spec: {components: [{name: W, type: worker, frontendSidecar: x}]}\n"
    ),
    "sidecar-empty": beta("type: worker, frontendSidecar: ''"),
    "sidecar-unknown": beta("type: worker, frontendSidecar: x"),
    "gms-worker": experiment("gpuMemoryService: {}", kind="frontend", main=GPU),
    "gms-gpu": experiment("gpuMemoryService: {}"),
    "gms-between-pods": experiment(MEMORY, main=GPU),
    "gms-grove": experiment(MEMORY, main=GPU),
    "gms-vllm": experiment(MEMORY, main=GPU),
    "gms-client-twice": experiment("gpuMemoryService: {extraClientContainers: [main, main]}"),
    "gms-client-unknown": experiment("gpuMemoryService: {extraClientContainers: [x]}"),
    "failover-gms": experiment("failover: {}"),
    "failover-mode": experiment(f"failover: {{mode: IntraPod}}, {MEMORY}"),
    "failover-between-pods": experiment(f"failover: {{mode: InterPod}}, {MEMORY}"),
    "failover-gpu": experiment(f"failover: {{mode: InterPod}}, {MEMORY}"),
    "failover-gpu-whole": experiment(
        f"failover: {{mode: InterPod}}, {MEMORY}",
        main="resources: {limits: {nvidia.com/gpu: 500m}}",
    ),
    "failover-type": experiment(f"failover: {{mode: InterPod}}, {MEMORY}", kind="frontend"),
    "failover-shadows": alpha("failover: {enabled: true, mode: intraPod, numShadows: 2}"),
    "scaling-group": experiment("grove: {forceScalingGroup: true}"),
    "checkpoint-disabled": experiment("checkpoint: {enabled: true}"),
    "checkpoint-clients-gms": experiment("checkpoint: {job: {gmsClientContainers: [main]}}"),
    "checkpoint-clients-mode": experiment(
        f"checkpoint: {{job: {{gmsClientContainers: [main]}}}}, {MEMORY}"
    ),
    "checkpoint-gms": experiment("checkpoint: {enabled: true}, gpuMemoryService: {}"),
    "snapshot-between-pods": experiment(f"checkpoint: {{enabled: true}}, {MEMORY}"),
    "snapshot-failover": experiment("checkpoint: {enabled: true}, failover: {}"),
    "image": beta(image=""),
    "runtime-version": beta(image="x/y:latest"),
    "power-whole": power("many"),
    "power-positive": power("0"),
    "power-claims": power("300", "resources: {claims: [{name: gpu}]}"),
    "elastic-command": beta(
        spec="backendFramework: vllm",
        main="args: [--enable-elastic-ep, --data-parallel-backend, ray]",
    ),
    "restart-order-parallel": restart("type: Parallel, order: [Worker]"),
    "restart-order-twice": restart("order: [Worker, Worker]"),
    "restart-order-unknown": restart("order: [Wroker]"),
    "restart-order-number": restart("order: [Worker, Other]"),
    "topology-graph": beta("type: worker, topologyConstraint: {packDomain: rack}"),
    "topology-domain": beta(spec="topologyConstraint: {clusterTopologyName: t}"),
    "topology-components": beta(
        "type: worker, topologyConstraint: {packDomain: rack}",
        spec="topologyConstraint: {clusterTopologyName: t}",
    ).replace("components: [", "components: [{name: Other, type: worker}, "),
    "kv-policy-name": beta(spec="experimental: {kvTransferPolicy: {clusterTopologyName: A_B}}"),
    "kv-policy-grove": beta(spec="experimental: {kvTransferPolicy: {clusterTopologyName: a}}"),
    "override-grove": beta(spec=OVERRIDE),
    "override-api": beta(spec=OVERRIDE),
    "override-target": beta(spec=OVERRIDE),
    "pvc-name": alpha("replicas: 1", spec="pvcs: [{create: false}]"),
    "mount-point": alpha("volumeMounts: [{name: v}]"),
    "ingress-host": alpha("ingress: {enabled: true}"),
    "sidecar-name": alpha(
        "frontendSidecar: {}", containers="containers: [{name: sidecar-frontend}]"
    ),
    "dynamo-namespace": alpha("dynamoNamespace: x"),
    "autoscaling": alpha("autoscaling: {enabled: true}"),
}
BY_DECODING = {"number-range"}
"""Rules that hold before the webhook looks; another test has them."""


def said(text: str, operator: Operator, cluster: Cluster = NONE) -> dict[str, str]:
    """Return the ids of the rules that an operator's webhook applies, with its words."""
    (document,) = read_documents(text, file="g.yaml")
    request = Request(
        root=document.root,
        graph=read_graph(document),
        version=document.version or "",
        operator=operator,
        cluster=cluster,
    )
    every = (*admission.refusals(request), *admission.warnings(request))
    return {violation.rule: violation.message for violation in every}


def test_every_row_has_a_case_and_a_place_in_the_study() -> None:
    assert {*CASES, *BY_DECODING} == set(rules())
    assert all(row.section and row.what for row in rules().values())


@pytest.mark.parametrize("row", [rules()[rule] for rule in CASES], ids=lambda row: row.id)
def test_a_rule_holds_from_since_to_until(row: Row) -> None:
    cluster = GROVE if row.id.startswith("name-length") else NONE
    holding = [one.name for one in minors() if row.id in said(CASES[row.id], one, cluster)]
    names = [one.name for one in minors()]
    first = names.index(min((row.since, *row.unsure), key=order))
    ended = max((row.until or "99.0", *row.unsure), key=order)
    end = names.index(ended) + (ended in row.unsure) if ended in names else len(names)
    assert holding == names[first:end]
    assert set(row.unsure) <= set(holding)


@pytest.mark.parametrize(
    "row", [row for row in rules().values() if row.unsure], ids=lambda row: row.id
)
def test_what_is_not_known_of_a_release_is_said_to_be(row: Row) -> None:
    for name in row.unsure:
        operator = find(name)
        assert operator is not None
        assert row.is_unsure(operator)
    assert not row.is_unsure(OPERATORS[DEFAULT_OPERATOR])


def verdict(text: str, name: str) -> Verdict:
    operator = find(name)
    assert operator is not None
    (document,) = read_documents(text, file="g.yaml")
    return judge(document, definition=crd.load(operator.version), cluster=NONE)


def test_an_uncertain_refusal_is_no_refusal() -> None:
    text = alpha("ingress: {enabled: true}")
    (unsure,) = verdict(text, "0.8").uncertain
    assert (unsure.unsure, unsure.rule) == ("0.8.1", "ingress-host")
    assert verdict(text, "0.8").accepted
    assert verdict(text, "0.7") == Verdict()
    assert not verdict(text, "0.9").accepted


def test_operators_before_1_4_say_one_error_at_a_time_in_free_words() -> None:
    text = alpha("ingress: {enabled: true}, volumeMounts: [{name: v}]")
    ours = [refusal.message for refusal in verdict(text, "1.3").refusals]
    later = "; operator 1.3.1 says so only after its first error is gone"
    where = "spec.services[Worker]"
    assert {message.removesuffix(later) for message in ours} == {
        f"{where}.ingress.host is required when ingress is enabled",
        f"{where}.volumeMounts[0].mountPoint is required when useAsCompilationCache is false",
    }
    assert [message.endswith(later) for message in ours] == [False, True]
    newer = [refusal.message for refusal in verdict(text, "1.4").refusals]
    assert all(": Required value: is required when" in message for message in newer)


def test_a_number_too_wide_is_refused_by_who_has_a_webhook() -> None:
    text = alpha("multinode: {nodeCount: 5000000000}")
    assert [item.rule for item in verdict(text, "0.9").refusals] == ["number-range"]
    assert verdict(text, "0.7").accepted
    assert [item.rule for item in verdict(text, "0.8").uncertain] == ["number-range"]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("1.3", alpha("runtimeVersionOverride: 1.4.0"), "; operator 1.4 and later know it"),
        ("0.5", alpha("volumeMounts: [{name: v}]"), "; operator 0.6 and later know it"),
        ("1.4", alpha("pvc: {name: v}"), "; operators before 0.6 took it"),
        ("1.4", alpha("replicas: 1", spec="dynamoGraph: a"), "; operators before 0.7 took it"),
    ],
)
def test_an_unknown_field_is_dated(name: str, text: str, expected: str) -> None:
    (field,) = verdict(text, name).violations
    assert field.message.endswith(expected)


def test_a_field_that_a_release_may_have_is_uncertain() -> None:
    (field,) = verdict(alpha("scalingAdapter: {enabled: true}"), "0.8").uncertain
    assert field.unsure == "0.8.1"
    assert verdict(alpha("scalingAdapter: {enabled: true}"), "0.8").accepted
    assert verdict(alpha("scalingAdapter: {enabled: true}"), "0.9") == Verdict()


@pytest.mark.parametrize("operator", minors(), ids=lambda operator: operator.name)
def test_a_crd_knows_the_fields_of_its_release(operator: Operator) -> None:
    versions = crd.load(operator.version).versions
    assert ("v1beta1" in versions) == operator.since("1.2")
    spec = versions["v1alpha1"].properties["spec"].properties
    service = spec["services"].additional
    assert service is not None
    for field, since in (
        ("restart", "0.9"), ("topologyConstraint", "1.1"), ("priorityClassName", "1.3"),
        ("providerOverride", "1.5-dev"),
    ):  # fmt: skip
        assert (field in spec) == operator.since(since)
    for field, since in (
        ("multinode", "0.5"), ("subComponentType", "0.6"), ("modelRef", "0.8"),
        ("eppConfig", "1.0"), ("gpuMemoryService", "1.1"), ("runtimeVersionOverride", "1.4"),
    ):  # fmt: skip
        assert (field in service.properties) == operator.since(since)
    assert ("pvc" in service.properties) != operator.since("0.6")


def test_the_newest_crd_is_left_as_it_is_by_older_ones() -> None:
    crd.load("0.3.2")
    raw = crd_history.read("1.5.0-dev")["crd"]
    assert isinstance(raw, dict)
    assert crd_history.versions("1.5.0-dev") == crd_history.versions_of(raw)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1.4", "1.4.2"), ("1.4.0", "1.4.0"), ("v1.4.1", "1.4.1"), ("1.5", "1.5.0"),
     ("1.5-dev", "1.5.0-dev"), ("0.4", "0.4.1"), ("1.4.9", None), ("2", None), ("x", None),
     ("1.6", None)],
)  # fmt: skip
def test_a_name_is_the_newest_known_patch(text: str, expected: str | None) -> None:
    operator = find(text)
    assert (operator.version if operator is not None else None) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1.4.9", "1.4.2"), ("v1.6.1", "1.5.0"), ("1.5.0-dev", "1.5.0-dev"), ("0.1.0", "0.3.2"),
     ("1.4.2-rc1", "1.4.2"), ("1.5.1-dev", "1.5.0-dev"), ("latest", None), ("", None), ("1", None)],
)  # fmt: skip
def test_an_installed_operator_has_the_rules_of_the_nearest_older_one(
    text: str, expected: str | None
) -> None:
    operator = nearest(text)
    assert (operator.version if operator is not None else None) == expected


def test_the_row_of_a_field_is_the_one_that_says_most_of_its_path() -> None:
    row = field_row(("spec", "services", "W", "scalingAdapter", "enabled"))
    assert row is not None
    assert row.id == "field-adapter-enabled"
    assert field_row(("spec", "services", "W", "replicas")) is None


@pytest.mark.parametrize(("name", "unsure", "refused"), [("1.4", 1, 0), ("1.5", 0, 1)])
def test_what_needs_grove_can_be_uncertain_too(name: str, unsure: int, refused: int) -> None:
    operator = find(name)
    assert operator is not None
    (document,) = read_documents(CASES["elastic-command"], file="g.yaml")
    found = judge(document, definition=crd.load(operator.version), cluster=NONE)
    assert (len(found.uncertain), len(found.refusals)) == (unsure, refused)
    (document,) = read_documents(CASES["scaling-group"], file="g.yaml")
    found = judge(document, definition=crd.load(operator.version), cluster=NONE)
    rules_said = {item.rule or item.kind for item in (*found.uncertain, *found.refusals)}
    assert "scaling-group" in rules_said


def test_every_operator_judges_every_kind_of_manifest() -> None:
    for operator in minors():
        for text in CASES.values():
            (document,) = read_documents(text, file="g.yaml")
            definition = crd.load(operator.version)
            if document.version in definition.versions:
                found = judge(document, definition=definition)
                assert all(item.message for item in found.uncertain)
