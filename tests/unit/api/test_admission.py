"""The operator's webhook, rule by rule: what it refuses, where it says so, and what is fine.

The recorded verdicts (test_recorded.py) cover the common rules; this is the rest of them.
"""

from __future__ import annotations

import pytest

from dynamo_conformance.api import crd
from dynamo_conformance.api.cluster_parts import Cluster
from dynamo_conformance.api.verdict import Verdict, judge
from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.node import path_text

GROVE = Cluster(grove=True, lws=True)
INFERENCE = Cluster(inference_extension=True)
NONE = Cluster()

IMAGE = "nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1"
GPU = "resources: {limits: {nvidia.com/gpu: 1}}"


def beta(
    component: str = "", *, spec: str = "", pod: str = "", main: str = "", metadata: str = ""
) -> str:
    return f"""
apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata: {{name: agg{metadata}}}
spec:
  {spec or "annotations: {}"}
  components:
  - name: Worker
    {component or "type: worker"}
    podTemplate:
      {pod or "metadata: {labels: {a: b}}"}
      spec:
        containers:
        - {{name: main, image: "{IMAGE}"{main and ", "}{main}}}
"""


def alpha(service: str, *, spec: str = "", extra: str = "") -> str:
    return f"""
apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: {{name: agg}}
spec:
  {spec or "annotations: {}"}
  services:
    Worker:
      componentType: worker
      {service}
      extraPodSpec: {{mainContainer: {{image: "{IMAGE}"}}{extra and ", "}{extra}}}
"""


def verdict(text: str, cluster: Cluster | None, operator: str = "1.5.0-dev") -> Verdict:
    (document,) = read_documents(text, file="g.yaml")
    return judge(document, definition=crd.load(operator), cluster=cluster)


def refusals(text: str, cluster: Cluster | None, operator: str = "1.5.0-dev") -> list[str]:
    found = verdict(text, cluster, operator)
    assert (found.violations, found.rules) == ((), ()), [one.message for one in found.violations]
    return [f"{path_text(one.path)}: {one.kind}" for one in found.refusals]


C = "spec.components[0]"
MEMORY = f"{C}.experimental.gpuMemoryService"
FAILOVER = f"{C}.experimental.failover"
CHECKPOINT = f"{C}.experimental.checkpoint"
SERVICE = "spec.services[Worker]"
NOTES = "metadata.annotations"
POWER = "dynamo.nvidia.com/gpu-power-limit"
EPP = "type: epp\n    eppConfig: {configMapRef: {name: c, key: k}}"
OVERRIDE = "providerOverride: {apiVersion: grove.io/v1alpha1, value: {}}"


def note(key: str, value: str) -> str:
    return f", annotations: {{{key}: '{value}'}}"


@pytest.mark.parametrize(
    ("text", "cluster", "expected"),
    [
        (beta(), NONE, []),
        # Annotations of the graph.
        (beta(metadata=note("nvidia.com/dynamo-operator-origin-version", "x")), NONE,
         [f"{NOTES}[nvidia.com/dynamo-operator-origin-version]: Invalid value"]),
        (beta(metadata=note("nvidia.com/dynamo-operator-origin-version", "v1.4")), NONE, []),
        (beta(metadata=note("nvidia.com/vllm-distributed-executor-backend", "x")), NONE,
         [f"{NOTES}[nvidia.com/vllm-distributed-executor-backend]: Invalid value"]),
        (beta(metadata=note("nvidia.com/vllm-distributed-executor-backend", "RAY")), NONE, []),
        (beta(metadata=note("nvidia.com/grove-update-strategy", "x")), NONE,
         [f"{NOTES}[nvidia.com/grove-update-strategy]: Unsupported value"]),
        (beta(metadata=note("nvidia.com/dynamo-kube-discovery-mode", "x")), NONE,
         [f"{NOTES}[nvidia.com/dynamo-kube-discovery-mode]: Unsupported value"]),
        # Power limits.
        (beta(pod=f"metadata: {{annotations: {{{POWER}: many}}}}"), NONE,
         [f"{C}.podTemplate.metadata.annotations[{POWER}]: Invalid value"]),
        (beta(pod=f"metadata: {{annotations: {{{POWER}: '0'}}}}"), NONE,
         [f"{C}.podTemplate.metadata.annotations[{POWER}]: Invalid value"]),
        (beta(pod=f"metadata: {{annotations: {{{POWER}: '300'}}}}"), NONE, []),
        (beta(pod=f"metadata: {{annotations: {{{POWER}: '300'}}}}",
              main="resources: {claims: [{name: gpu}]}"), NONE,
         [f"{C}.podTemplate.spec.containers[0].resources.claims: Forbidden"]),
        # Components.
        (beta("sharedMemorySize: -1Gi"), NONE, [f"{C}.sharedMemorySize: Invalid value"]),
        (beta('sharedMemorySize: "0"'), NONE, []),
        (beta('frontendSidecar: ""'), NONE, [f"{C}.frontendSidecar: Invalid value"]),
        (beta("frontendSidecar: main"), NONE, []),
        (beta(spec="backendFramework: vllm",
              main="args: [--enable-elastic-ep, --data-parallel-backend, ray]"), NONE,
         [f"{C}.podTemplate.spec.containers[0].command: Required value"]),
        (beta(spec="backendFramework: vllm",
              main="args: ['x --enable-elastic-ep -dpb=ray']"), NONE,
         [f"{C}.podTemplate.spec.containers[0].command: Required value"]),
        (beta(spec="backendFramework: vllm",
              main="command: [a], args: [--enable-elastic-ep, --data-parallel-backend, ray]"),
         NONE, []),
        (beta(main="args: [--enable-elastic-ep, --data-parallel-backend, ray]"), NONE, []),
        # Endpoint pickers.
        (beta(EPP), INFERENCE, []),
        (beta(EPP), NONE, [f"{C}.type: Forbidden"]),
        (beta(EPP + "\n    replicas: 2"), INFERENCE, [f"{C}.replicas: Invalid value"]),
        (beta(EPP + "\n    multinode: {}"), INFERENCE, [f"{C}.multinode: Forbidden"]),
        (beta("type: epp"), INFERENCE, [f"{C}.eppConfig: Required value"]),
        (beta("type: epp\n    eppConfig: {configMapRef: {key: k}}"), INFERENCE,
         [f"{C}.eppConfig.configMapRef.name: Required value"]),
        # The GPU memory service.
        (beta("type: worker\n    experimental: {gpuMemoryService: {}}", main=GPU), NONE, []),
        (beta("type: worker\n    experimental: {gpuMemoryService: {}}"), NONE,
         [f"{MEMORY}: Forbidden"]),
        (beta("type: frontend\n    experimental: {gpuMemoryService: {}}", main=GPU), NONE,
         [f"{MEMORY}: Forbidden"]),
        (beta("type: worker\n    experimental: {gpuMemoryService: "
              "{extraClientContainers: [other]}}", main=GPU), NONE,
         [f"{MEMORY}.extraClientContainers[0]: Invalid value"]),
        (beta("type: worker\n    experimental: {gpuMemoryService: {mode: InterPod}}",
              spec="backendFramework: vllm", main=GPU), GROVE, []),
        (beta("type: worker\n    experimental: {gpuMemoryService: {mode: InterPod}}", main=GPU),
         NONE, [f"{MEMORY}.mode: Forbidden", f"{MEMORY}.mode: Invalid value"]),
        # Failover.
        (beta("type: worker\n    experimental: {gpuMemoryService: {}, failover: {}}", main=GPU,
              metadata=note("nvidia.com/dynamo-kube-discovery-mode", "container")), NONE, []),
        (beta("type: worker\n    experimental: {gpuMemoryService: {}, failover: {}}", main=GPU),
         NONE, [f"{NOTES}[nvidia.com/dynamo-kube-discovery-mode]: Invalid value"]),
        (beta("type: worker\n    experimental: {gpuMemoryService: {}, failover: "
              "{mode: InterPod}}", main=GPU), NONE, [f"{FAILOVER}.mode: Invalid value"]),
        (beta("type: planner\n    experimental: {failover: {mode: InterPod}}"), NONE,
         [f"{FAILOVER}: Forbidden"] * 3),
        # Checkpoints.
        (beta("experimental: {checkpoint: {enabled: false}}"), NONE, []),
        (beta("experimental: {checkpoint: {enabled: true}}"), NONE, [f"{CHECKPOINT}: Forbidden"]),
        (beta("experimental: {checkpoint: {enabled: false, job: {gmsClientContainers: [a]}}}"),
         NONE, [f"{CHECKPOINT}.job.gmsClientContainers: Forbidden"]),
        # Topology.
        (beta("topologyConstraint: {packDomain: rack}"), NONE,
         ["spec.topologyConstraint: Required value"]),
        (beta(spec="topologyConstraint: {clusterTopologyName: t}"), NONE,
         ["spec.topologyConstraint.packDomain: Required value"]),
        (beta("topologyConstraint: {packDomain: rack}",
              spec="topologyConstraint: {clusterTopologyName: t}"), NONE, []),
        (beta(spec="experimental: {kvTransferPolicy: {clusterTopologyName: T, domain: d}}"), GROVE,
         ["spec.experimental.kvTransferPolicy.clusterTopologyName: Invalid value"]),
        (beta(spec="experimental: {kvTransferPolicy: {clusterTopologyName: t, domain: d}}"), NONE,
         ["spec.experimental.kvTransferPolicy.clusterTopologyName: Forbidden"]),
        # What only Grove can do.
        (beta(spec="priorityClassName: high"), NONE, ["spec.priorityClassName: Forbidden"]),
        (beta(spec="priorityClassName: high"), GROVE, []),
        (beta(spec="priorityClassName: high", metadata=note("nvidia.com/enable-grove", "False")),
         GROVE, ["spec.priorityClassName: Forbidden"]),
        (beta("minAvailable: 1"), GROVE, []),
        (beta("experimental: {grove: {forceScalingGroup: true}}"), NONE,
         [f"{C}.experimental.grove.forceScalingGroup: Forbidden"]),
        (beta("experimental: {grove: {forceScalingGroup: false}}"), NONE, []),
        (beta(OVERRIDE), NONE, [f"{C}.providerOverride: Forbidden"]),
        (beta(OVERRIDE), GROVE, []),
        (beta(OVERRIDE.replace("grove.io", "x.io")), GROVE,
         [f"{C}.providerOverride.apiVersion: Unsupported value"]),
        (beta(OVERRIDE.replace("value", "target: PodCliqueSet, value")), GROVE,
         [f"{C}.providerOverride.target: Invalid value"]),
        (beta(spec=OVERRIDE), NONE, ["spec.providerOverride: Forbidden"]),
        (beta().replace("name: Worker", f"name: {'w' * 43}"), GROVE, [f"{C}.name: Invalid value"]),
        (beta().replace("name: Worker", f"name: {'w' * 43}"), NONE, []),
        (beta("type: worker\n    multinode: {}").replace("name: Worker", f"name: {'w' * 20}"),
         GROVE, [f"{C}.name: Invalid value"]),
        (beta("type: worker\n    multinode: {}").replace("name: Worker", f"name: {'w' * 16}"),
         GROVE, []),
        # Numbers that Go cannot hold, which the schema lets pass.
        (beta("replicas: 3000000000"), NONE, [f"{C}.replicas: Invalid value"]),
        (beta(main="livenessProbe: {httpGet: {port: 99999999999}}"), NONE,
         [f"{C}.podTemplate.spec.containers[0].livenessProbe.httpGet.port: Invalid value"]),
        (beta('sharedMemorySize: "1e1.5"'), NONE, [f"{C}.sharedMemorySize: Invalid value"]),
        (beta() + "status: {state: 5}", NONE, ["status.state: Invalid value"]),
        # v1alpha1 only.
        (alpha("replicas: 1"), NONE, []),
        (alpha("annotations: {nvidia.com/vllm-distributed-executor-backend: x}"), NONE,
         [f"{SERVICE}.annotations[nvidia.com/vllm-distributed-executor-backend]: Invalid value"]),
        (alpha("replicas: 1", spec="pvcs: [{name: ''}]"), NONE,
         ["spec.pvcs[0].name: Required value"]),
        (alpha("eppConfig: {}"), NONE, [f"{SERVICE}.eppConfig: Forbidden"]),
        (alpha("frontendSidecar: {image: x}",
               extra="containers: [{name: sidecar-frontend, image: x}]"), NONE,
         [f"{SERVICE}.frontendSidecar: Forbidden"]),
        (alpha("replicas: 1", spec="priorityClassName: high"), NONE,
         ["spec.priorityClassName: Forbidden"]),
        (alpha("minAvailable: 1"), NONE, [f"{C}.minAvailable: Forbidden"]),
    ],
)  # fmt: skip
def test_what_the_webhook_refuses(text: str, cluster: Cluster, expected: list[str]) -> None:
    assert sorted(refusals(text, cluster)) == sorted(expected)


def test_shadows_of_an_alpha_failover_are_counted() -> None:
    failover = "failover: {enabled: true, numShadows: 2}\n      "
    text = alpha(f"{failover}gpuMemoryService: {{enabled: true}}")
    assert f"{SERVICE}.failover.numShadows: Invalid value" in refusals(text, NONE)


def test_what_depends_on_an_unknown_cluster_is_said_apart() -> None:
    found = verdict(beta("minAvailable: 1", spec="priorityClassName: high"), None)
    assert found.accepted
    assert [path_text(one.path) for one in found.conditional] == [
        "spec.priorityClassName",
        f"{C}.minAvailable",
    ]
    known = verdict(beta("minAvailable: 1"), GROVE)
    assert known.accepted
    assert known.conditional == ()


def test_before_1_4_no_operator_asked_for_a_runtime_version() -> None:
    text = beta().replace("1.6.1", "my-tag")
    assert refusals(text, NONE) == [f"{C}.runtimeVersionOverride: Required value"]
    assert refusals(text, NONE, "1.3.0") == []
    overridden = verdict(beta('runtimeVersionOverride: "1.2.0"'), NONE, "1.3.0")
    assert [one.kind for one in overridden.violations] == ["unknown field"]


def test_from_1_5_on_the_picker_is_the_runtime_s_own() -> None:
    assert refusals(beta(EPP), INFERENCE, "1.5.0") == [f"{C}.eppConfig: Forbidden"]
    assert refusals(beta("type: epp"), INFERENCE, "1.5.0") == []
    older = beta("type: epp").replace(":1.6.1", ":1.4.0")
    assert refusals(older, INFERENCE, "1.5.0") == [f"{C}.eppConfig: Required value"]
