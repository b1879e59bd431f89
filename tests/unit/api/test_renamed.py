"""Unknown fields: what has a meaning in the other version or place comes before spelling."""

from __future__ import annotations

import pytest

from dynamo_conformance.api.verdict import judge
from dynamo_conformance.manifest.document import read_documents

ALPHA = "spec: {{services: {{W: {{{}}}}}}}"
BETA = "spec: {{components: [{{name: W, {}}}]}}"
MAIN = "podTemplate: {{spec: {{containers: [{{name: main, image: a/b:1.6.1, {}}}]}}}}"


def said(version: str, text: str) -> list[str]:
    """Return what is said of the fields that nobody knows."""
    head = f"apiVersion: nvidia.com/{version}\nkind: DynamoGraphDeployment\nmetadata: {{name: g}}\n"
    (document,) = read_documents(f"{head}{text}\n", file="g.yaml")
    found = [one.message for one in judge(document).violations if "unknown field" in one.message]
    return [one.partition("; ")[2] for one in found]


@pytest.mark.parametrize(
    ("field", "advice"),
    [
        ("resources: {limits: {nvidia.com/gpu: '1'}}", 'did you mean "gpu"?'),
        ("resources: {requests: {gpus: '1'}}", 'did you mean "gpu"?'),
        ("resources: {limits: {nvidia-gpu: '1'}}", 'did you mean "gpu"?'),
        (
            "resources: {limits: {amd.com/gpu: '1'}}",
            "v1alpha1 has custom for that: custom: {amd.com/gpu: ...}",
        ),
        (
            "resources: {limits: {rdma/ib: '1'}}",
            "v1alpha1 has custom for that: custom: {rdma/ib: ...}",
        ),
        (
            "resources: {limits: {ephemeral-storage: 1Gi}}",
            "v1alpha1 has custom for that: custom: {ephemeral-storage: ...}",
        ),
        ("resources: {limits: {memroy: 1Gi}}", 'did you mean "memory"?'),
        ("env: []", "v1alpha1 has envs"),
        ("type: worker", "v1alpha1 has componentType"),
        ("podTemplate: {}", "v1alpha1 has extraPodSpec"),
        ("image: a/b", "v1alpha1 has extraPodSpec.mainContainer.image"),
        ("startupProbe: {}", "v1alpha1 has extraPodSpec.mainContainer.startupProbe"),
        ("tolerations: []", "v1alpha1 has extraPodSpec.tolerations"),
        ("sharedMemorySize: 1Gi", "v1alpha1 has sharedMemory.size"),
        ("extraPodSpec: {command: [a]}", "v1alpha1 has mainContainer.command"),
        ("extraPodSpec: {mainContainer: {envs: []}}", "v1alpha1 has env"),
        ("volumeMounts: [{name: a, mountPath: /a}]", "v1alpha1 has mountPoint"),
        ("frontendSidecar: {image: a/b, env: []}", "v1alpha1 has envs"),
        ("replica: 1", 'did you mean "replicas"?'),
    ],
)
def test_a_field_of_a_v1alpha1_service(field: str, advice: str) -> None:
    assert said("v1alpha1", ALPHA.format(field)) == [advice]


@pytest.mark.parametrize(
    ("field", "advice"),
    [
        (
            "scalingAdapter: {enabled: true}",
            "v1beta1 has scalingAdapter: {} for on, and no field for off",
        ),
        ("componentType: worker", "v1beta1 has type"),
        ("envs: []", "v1beta1 has podTemplate.spec.containers[main].env"),
        ("image: a/b", "v1beta1 has podTemplate.spec.containers[main].image"),
        ("nodeSelector: {}", "v1beta1 has podTemplate.spec.nodeSelector"),
        ("extraPodSpec: {}", "v1beta1 has podTemplate.spec"),
        ("podTemplate: {containers: []}", "v1beta1 has podTemplate.spec.containers"),
        ("compilationCache: {pvcName: a, mountPoint: /a}", "v1beta1 has mountPath"),
        (
            "experimental: {failover: {enabled: true}}",
            "v1beta1 has nothing: it is on when it is there",
        ),
        (MAIN.format("envs: []"), "v1beta1 has env"),
        (MAIN.format("volumeMounts: [{name: a, mountPoint: /a}]"), "v1beta1 has mountPath"),
        ("replica: 1", 'did you mean "replicas"?'),
    ],
)
def test_a_field_of_a_v1beta1_component(field: str, advice: str) -> None:
    assert said("v1beta1", BETA.format(field)) == [advice]


@pytest.mark.parametrize(
    ("version", "text", "advice"),
    [
        ("v1alpha1", "spec: {env: []}", "v1alpha1 has envs"),
        ("v1beta1", "spec: {envs: []}", "v1beta1 has env"),
        (
            "v1alpha1",
            "spec: {topologyConstraint: {packDomain: a, clusterTopologyName: b}}",
            "v1alpha1 has topologyProfile",
        ),
        (
            "v1beta1",
            "spec: {topologyConstraint: {packDomain: a, topologyProfile: b}}",
            "v1beta1 has clusterTopologyName",
        ),
    ],
)
def test_a_field_of_a_graph(version: str, text: str, advice: str) -> None:
    assert said(version, text) == [advice]
