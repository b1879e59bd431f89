"""Placeholders for what graphs expect."""

from __future__ import annotations

from textwrap import dedent

from dynamo_conformance.manifest.prerequisites import documents_in
from dynamo_conformance.targets.kind.placeholders import changes, missing, placeholders

GRAPH = """
    apiVersion: nvidia.com/v1beta1
    kind: DynamoGraphDeployment
    metadata: {name: g}
    spec:
      components:
        - name: W
          type: worker
          podTemplate:
            spec:
              priorityClassName: high
              runtimeClassName: gvisor
              imagePullSecrets: [{name: pull}]
              containers:
                - name: main
                  image: engine:1
                  env:
                    - name: A
                      valueFrom: {secretKeyRef: {name: keys, key: a}}
                    - name: B
                      valueFrom: {secretKeyRef: {name: keys, key: b}}
                    - name: C
                      valueFrom: {secretKeyRef: {name: perhaps, key: c, optional: true}}
                  envFrom: [{secretRef: {name: hf-token-secret}}]
                  volumeMounts: [{name: model-cache, mountPath: /models}]
              volumes: [{name: conf, configMap: {name: settings}}]
    """


def test_a_placeholder_for_each_object_and_key_that_is_used() -> None:
    made = {
        (placeholder["kind"], placeholder["metadata"]["name"]): placeholder  # type: ignore[index, call-overload]
        for placeholder in placeholders(documents_in(dedent(GRAPH), file="g.yaml"))
    }
    assert set(made) == {
        ("PriorityClass", "high"),
        ("Secret", "pull"),
        ("Secret", "keys"),
        ("Secret", "hf-token-secret"),
        ("PersistentVolumeClaim", "model-cache"),
        ("ConfigMap", "settings"),
    }
    assert made["Secret", "keys"]["stringData"] == {"a": "dummy", "b": "dummy"}
    assert made["Secret", "hf-token-secret"]["stringData"] == {"HF_TOKEN": "dummy"}


def test_what_is_there_is_left_alone() -> None:
    documents = documents_in(dedent(GRAPH), file="g.yaml")
    present = frozenset({("Secret", "hf-token-secret")})
    names = [str(placeholder) for placeholder in changes(placeholders(documents, present=present))]
    assert "Secret keys: a placeholder of this test" in names
    assert not any("hf-token-secret" in name for name in names)


def test_what_cannot_be_made_up_is_told() -> None:
    (left,) = missing(documents_in(dedent(GRAPH), file="g.yaml"))
    assert (left.kind, left.name) == ("RuntimeClass", "gvisor")
