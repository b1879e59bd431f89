"""A service's own fields and those of its mainContainer are one container, as the operator has it.

The table follows the operator's own conversion: Go structs merged with override, lists by rules of
their own. Its recorded conversions hold only one field that both sides fill: env, in 02.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.manifest.document import Document, read_documents
from dynamo_conformance.manifest.merge import merged_container
from dynamo_conformance.manifest.node import Mapping, from_plain
from dynamo_conformance.manifest.read import read_graph
from dynamo_conformance.operator.conversion.round_trip import to_version

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain

LIVE: dict[str, Plain] = {"httpGet": {"path": "/live", "port": "system"}, "periodSeconds": 5}

FIELDS: dict[str, tuple[Plain, Plain, Plain]] = {
    "limits of both": (
        {"resources": {"limits": {"nvidia.com/gpu": "4"}}},
        {"resources": {"limits": {"ephemeral-storage": "50Gi"}}},
        {"resources": {"limits": {"nvidia.com/gpu": "4", "ephemeral-storage": "50Gi"}}},
    ),
    "limits and requests": (
        {"resources": {"limits": {"nvidia.com/gpu": "4"}}},
        {"resources": {"requests": {"cpu": 2}}},
        {"resources": {"limits": {"nvidia.com/gpu": "4"}, "requests": {"cpu": 2}}},
    ),
    "one quantity in both": (
        {"resources": {"limits": {"rdma/ib": "4", "memory": "1Gi"}}},
        {"resources": {"limits": {"rdma/ib": 8}}},
        {"resources": {"limits": {"rdma/ib": 8, "memory": "1Gi"}}},
    ),
    "a quantity of zero": (
        {"resources": {"requests": {"nvidia.com/gpu": "4"}}},
        {"resources": {"requests": {"nvidia.com/gpu": 0}}},
        {"resources": {"requests": {"nvidia.com/gpu": 0}}},
    ),
    "claims": (
        {"resources": {"limits": {"cpu": "1"}, "claims": [{"name": "a"}]}},
        {"resources": {"claims": [{"name": "b"}]}},
        {"resources": {"limits": {"cpu": "1"}, "claims": [{"name": "b"}]}},
    ),
    "empty resources": (
        {"resources": {"limits": {"cpu": "1"}, "claims": [{"name": "a"}]}},
        {"resources": {"limits": {}, "claims": []}},
        {"resources": {"limits": {"cpu": "1"}, "claims": [{"name": "a"}]}},
    ),
    "env by name": (
        {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]},
        {"env": [{"name": "C", "value": "2"}, {"name": "A", "valueFrom": {"fieldRef": {}}}]},
        {
            "env": [
                {"name": "A", "valueFrom": {"fieldRef": {}}},
                {"name": "B", "value": "1"},
                {"name": "C", "value": "2"},
            ]
        },
    ),
    "an empty env": ({"env": [{"name": "A"}]}, {"env": []}, {"env": [{"name": "A"}]}),
    "envFrom": (
        {"envFrom": [{"secretRef": {"name": "a"}}]},
        {"envFrom": [{"configMapRef": {"name": "b"}}]},
        {"envFrom": [{"configMapRef": {"name": "b"}}]},
    ),
    "mounts, in this order": (
        {"volumeMounts": [{"name": "a", "mountPath": "/a"}]},
        {"volumeMounts": [{"name": "b", "mountPath": "/b"}]},
        {"volumeMounts": [{"name": "b", "mountPath": "/b"}, {"name": "a", "mountPath": "/a"}]},
    ),
    "a probe's time": (
        {"livenessProbe": LIVE},
        {"livenessProbe": {"periodSeconds": 10, "timeoutSeconds": 3}},
        {"livenessProbe": {**LIVE, "periodSeconds": 10, "timeoutSeconds": 3}},
    ),
    "a probe's time of zero": (
        {"readinessProbe": LIVE},
        {"readinessProbe": {"periodSeconds": 0, "initialDelaySeconds": 0}},
        {"readinessProbe": {**LIVE, "initialDelaySeconds": 0}},
    ),
    "a probe's path": (
        {"livenessProbe": LIVE},
        {"livenessProbe": {"httpGet": {"path": "/health", "scheme": "HTTPS"}}},
        {
            "livenessProbe": {
                "httpGet": {"path": "/health", "port": "system", "scheme": "HTTPS"},
                "periodSeconds": 5,
            }
        },
    ),
    "two ways of a probe": (
        {"livenessProbe": LIVE},
        {"livenessProbe": {"exec": {"command": ["true"]}}},
        {"livenessProbe": {**LIVE, "exec": {"command": ["true"]}}},
    ),
    "a port's name over its number": (
        {"livenessProbe": {"tcpSocket": {"port": 9090}}},
        {"livenessProbe": {"tcpSocket": {"port": "system"}}},
        {"livenessProbe": {"tcpSocket": {"port": "system"}}},
    ),
    "a port's number over its name": (
        {"livenessProbe": {"tcpSocket": {"port": "system"}}},
        {"livenessProbe": {"tcpSocket": {"port": 9090}}},
        {"livenessProbe": {"tcpSocket": {"port": "system"}}},
    ),
    "a port's number over another": (
        {"livenessProbe": {"tcpSocket": {"port": 8000}}},
        {"livenessProbe": {"tcpSocket": {"port": 9090}}},
        {"livenessProbe": {"tcpSocket": {"port": 9090}}},
    ),
    "an empty probe": ({"livenessProbe": LIVE}, {"livenessProbe": {}}, {"livenessProbe": LIVE}),
    "no probe": ({"livenessProbe": LIVE}, {"livenessProbe": None}, {"livenessProbe": LIVE}),
    "null below": (
        {"livenessProbe": None},
        {"livenessProbe": LIVE},
        {"livenessProbe": LIVE},
    ),
    "what only mainContainer has": (
        {"env": [{"name": "A"}]},
        {
            "ports": [{"containerPort": 1}],
            "securityContext": {"runAsUser": 0},
            "lifecycle": {"preStop": {"exec": {"command": ["x"]}}},
            "tty": False,
        },
        {
            "env": [{"name": "A"}],
            "ports": [{"containerPort": 1}],
            "securityContext": {"runAsUser": 0},
            "lifecycle": {"preStop": {"exec": {"command": ["x"]}}},
            "tty": False,
        },
    ),
}

SERVICE = """\
apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: {name: g}
spec:
  services:
    W:
      componentType: worker
      resources: {limits: {gpu: "4"}, requests: {custom: {rdma/ib: "1"}}}
      envs: [{name: A, value: service}]
      envFromSecret: s
      livenessProbe: {httpGet: {path: /live, port: 9090}}
      volumeMounts: [{name: a, mountPoint: /a}]
      extraPodSpec:
        mainContainer:
          image: x/y:1.6.1
          resources: {limits: {ephemeral-storage: 50Gi}, requests: {rdma/ib: 2}}
          env: [{name: A, value: main}]
          livenessProbe: {periodSeconds: 7}
          volumeMounts: [{name: b, mountPath: /b}]
"""


def node(value: Plain) -> Mapping:
    made = from_plain(value)
    assert isinstance(made, Mapping)
    return made


@pytest.mark.parametrize("field", FIELDS)
def test_a_container_is_laid_over_another_as_the_operator_does_it(field: str) -> None:
    below, above, merged = FIELDS[field]
    assert merged_container(node(below), node(above)).plain() == merged


def test_a_service_and_its_main_container_are_one_container() -> None:
    (document,) = read_documents(SERVICE, file="g.yaml")
    (worker,) = read_graph(document).components
    assert worker.main is not None
    assert worker.main.gpus == 4
    assert worker.main.node.plain() == {
        "name": "main",
        "image": "x/y:1.6.1",
        "env": [{"name": "A", "value": "main"}],
        "envFrom": [{"secretRef": {"name": "s"}}],
        "livenessProbe": {"httpGet": {"path": "/live", "port": 9090}, "periodSeconds": 7},
        "resources": {
            "limits": {"nvidia.com/gpu": "4", "ephemeral-storage": "50Gi"},
            "requests": {"rdma/ib": 2},
        },
        "volumeMounts": [{"name": "b", "mountPath": "/b"}, {"name": "a", "mountPath": "/a"}],
    }


def test_merged_values_point_at_where_each_was_written() -> None:
    (document,) = read_documents(SERVICE, file="g.yaml")
    (worker,) = read_graph(document).components
    assert worker.main is not None
    limits = (worker.main.node.mapping("resources") or Mapping()).mapping("limits") or Mapping()
    lines = {entry.key: (entry.mark.line, entry.value.mark.line) for entry in limits}
    assert lines == {"nvidia.com/gpu": (8, 8), "ephemeral-storage": (16, 16)}
    fields = {entry.key: (entry.mark.line, entry.value.mark.line) for entry in worker.main.node}
    assert (fields["env"], fields["volumeMounts"]) == ((17, 17), (19, 19))
    assert (fields["resources"], fields["livenessProbe"]) == ((16, 16), (18, 18))


def test_empty_limits_leave_the_place_of_the_others_alone() -> None:
    text = SERVICE.replace(
        "{limits: {ephemeral-storage: 50Gi}, requests: {rdma/ib: 2}}", "{limits: {}}"
    )
    (document,) = read_documents(text, file="g.yaml")
    (worker,) = read_graph(document).components
    assert worker.main is not None
    resources = worker.main.node.mapping("resources")
    assert resources is not None
    assert resources.mark.line == 8


def test_a_merged_service_comes_back_from_the_api_server_as_it_was_written() -> None:
    (document,) = read_documents(SERVICE, file="g.yaml")
    stored = to_version(document.root, "v1beta1")
    assert to_version(stored, "v1alpha1").mapping("spec") == document.root.mapping("spec")
    (direct,) = read_graph(document).components
    (beta,) = read_graph(Document("", 0, stored)).components
    assert beta.main is not None
    assert direct.main is not None
    assert beta.main.node == direct.main.node
