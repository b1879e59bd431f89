"""A service with everything in it, as a component, and where each of its values was written."""

from __future__ import annotations

import pytest

from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.node import Mapping, Plain, Scalar, find, walk
from dynamo_conformance.manifest.v1alpha1 import to_v1beta1

TEXT = """\
apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: {name: g}
spec:
  annotations: {a: b}
  priorityClassName: high
  envs: [{name: OF, value: graph}]
  topologyConstraint: {topologyProfile: tp, packDomain: rack}
  services:
    w:
      componentType: worker
      subComponentType: decode
      replicas: 2
      multinode: {nodeCount: 3}
      sharedMemory: {size: 7Gi}
      scalingAdapter: {enabled: true}
      checkpoint: {mode: auto}
      gpuMemoryService: {enabled: true, mode: intraPod}
      failover: {enabled: false, mode: interPod}
      resources:
        limits: {cpu: "4", memory: 9Gi, gpu: "1", gpuType: gpu.a.com/x, custom: {rdma/ib: "5"}}
        requests: {gpu: "6"}
      envs: [{name: A, value: service}]
      envFromSecret: secret
      livenessProbe: {periodSeconds: 11}
      readinessProbe: {periodSeconds: 12}
      volumeMounts:
        - {name: cache, mountPoint: /cache, useAsCompilationCache: true}
        - {name: data}
      extraPodMetadata: {labels: {l: m}}
      extraPodSpec:
        nodeSelector: {zone: north}
        containers: [{name: beside, image: b/c}, {name: main, image: never}]
        mainContainer: {image: d/e, securityContext: {runAsUser: 13}, args: [--model, m/m]}
      frontendSidecar:
        image: f/g
        args: [--port]
        envs: [{name: S, value: sidecar}]
        envFromSecret: other
    b: {componentType: worker, subComponentType: other, sharedMemory: {disabled: true, size: 1Gi}}
    a: {componentType: frontend, sharedMemory: {size: 0}, scalingAdapter: {enabled: false}}
    none: null
"""
MAIN: dict[str, Plain] = {
    "name": "main",
    "image": "d/e",
    "args": ["--model", "m/m"],
    "env": [{"name": "A", "value": "service"}],
    "envFrom": [{"secretRef": {"name": "secret"}}],
    "livenessProbe": {"periodSeconds": 11},
    "readinessProbe": {"periodSeconds": 12},
    "resources": {
        "limits": {"cpu": "4", "memory": "9Gi", "gpu.a.com/x": "1", "rdma/ib": "5"},
        "requests": {"nvidia.com/gpu": "6"},
    },
    "volumeMounts": [
        {"name": "cache", "mountPath": "/cache"},
        {"name": "data", "mountPath": ""},
    ],
    "securityContext": {"runAsUser": 13},
}
SIDECAR: dict[str, Plain] = {
    "name": "sidecar-frontend",
    "image": "f/g",
    "args": ["--port"],
    "env": [{"name": "S", "value": "sidecar"}],
    "envFrom": [{"secretRef": {"name": "other"}}],
}
WORKER: dict[str, Plain] = {
    "name": "w",
    "type": "decode",
    "replicas": 2,
    "multinode": {"nodeCount": 3},
    "sharedMemorySize": "7Gi",
    "scalingAdapter": {},
    "compilationCache": {"pvcName": "cache", "mountPath": "/cache"},
    "experimental": {"checkpoint": {"mode": "auto"}, "gpuMemoryService": {"mode": "IntraPod"}},
    "frontendSidecar": "sidecar-frontend",
    "podTemplate": {
        "metadata": {"labels": {"l": "m"}},
        "spec": {
            "containers": [MAIN, {"name": "beside", "image": "b/c"}, SIDECAR],
            "nodeSelector": {"zone": "north"},
        },
    },
}
SPEC: dict[str, Plain] = {
    "annotations": {"a": "b"},
    "priorityClassName": "high",
    "env": [{"name": "OF", "value": "graph"}],
    "topologyConstraint": {"clusterTopologyName": "tp", "packDomain": "rack"},
    "components": [
        {"name": "a", "type": "frontend"},
        {"name": "b", "type": "worker", "sharedMemorySize": "0"},
        WORKER,
    ],
}
MADE = {
    "nvidia.com/v1beta1": ("nvidia.com/v1alpha1",),
    "main": ("{image: d/e",),
    "sidecar-frontend": ("frontendSidecar:", "image: f/g"),
    "IntraPod": ("intraPod",),
    "0": ("true",),
    "": ("{name: data}",),
}
"""Values that are written nowhere, and what they were made from."""


@pytest.fixture
def converted() -> Mapping:
    (document,) = read_documents(TEXT, file="g.yaml")
    return to_v1beta1(document.root)


def test_each_field_has_its_place_in_the_other_version(converted: Mapping) -> None:
    plain = converted.plain()
    assert isinstance(plain, dict)
    assert (plain["apiVersion"], plain["metadata"]) == ("nvidia.com/v1beta1", {"name": "g"})
    assert plain["spec"] == SPEC


def test_the_order_is_one_in_which_people_write_a_container(converted: Mapping) -> None:
    main = find(converted, ("spec", "components", 2, "podTemplate", "spec", "containers", 0))
    assert isinstance(main, Mapping)
    assert [entry.key for entry in main] == list(MAIN)


def test_each_value_points_at_what_it_was_made_from(converted: Mapping) -> None:
    lines = TEXT.splitlines()
    for path, node in walk(converted):
        assert node.mark.line, path
        if not isinstance(node, Scalar):
            continue
        rest = lines[node.mark.line - 1][node.mark.column - 1 :]
        value = str(node.value)
        wanted = MADE.get(value, (value,))
        assert rest.lstrip('"').startswith(wanted), (path, rest)


def test_keys_point_at_what_they_were_made_from(converted: Mapping) -> None:
    containers = ("spec", "components", 2, "podTemplate", "spec", "containers")
    limits = find(converted, (*containers, 0, "resources", "limits"))
    assert isinstance(limits, Mapping)
    lines = TEXT.splitlines()
    places = {one.key: lines[one.mark.line - 1][one.mark.column - 1 :] for one in limits}
    assert places["gpu.a.com/x"].startswith("gpu.a.com/x, custom")
    assert places["rdma/ib"].startswith("rdma/ib")
