"""Variables as the kubelet makes them, ConfigMaps of the same file among them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.engines.serving import serving
from dynamo_conformance.manifest.config_maps import ConfigMaps, config_maps, variables
from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.graph import Container
from dynamo_conformance.manifest.read import read_graph
from dynamo_conformance.rendering.kubelet import Sources, expanded, look_up, resolved

if TYPE_CHECKING:
    from collections.abc import Mapping

MAPS: ConfigMaps = {"c": {"A": "1", "B": "$(A)", "1x": "y", "raw": b"z"}, "d": {"A": "2"}}


@pytest.mark.parametrize(
    ("fields", "env"),
    [
        ("envFrom: [{configMapRef: {name: c}}]", {"A": "1", "B": "$(A)", "1x": "y"}),
        ("envFrom: [{configMapRef: {name: c}}, {configMapRef: {name: d}}]", {"A": "2"}),
        ("envFrom: [{configMapRef: {name: d}}, {configMapRef: {name: c}}]", {"A": "1"}),
        ("envFrom: [{prefix: P_, configMapRef: {name: d}}]", {"P_A": "2"}),
        ("envFrom: [{prefix: P=, configMapRef: {name: d}}]", {}),
        ("envFrom: [{configMapRef: {name: gone, optional: true}}]", {}),
        (
            "env: [{name: A, value: 3-$(A)}]\nenvFrom: [{configMapRef: {name: d}}]",
            {"A": "3-2"},
        ),
        (
            """env:
            - {name: M, valueFrom: {configMapKeyRef: {name: c, key: B}}}
            - {name: O, value: $(M)}""",
            {"M": "$(A)", "O": "$(A)"},
        ),
        ("env: [{name: M, valueFrom: {configMapKeyRef: {name: c, key: raw}}}]", {}),
        (
            "env: [{name: M, valueFrom: {configMapKeyRef: {name: c, key: no, optional: true}}}]",
            {},
        ),
        ("envFrom: [{prefix: P_, secretRef: {name: s}}]", {"P_HF_TOKEN": "t"}),
    ],
)
def test_variables_come_in_the_kubelet_s_order(fields: str, env: dict[str, str]) -> None:
    (document,) = read_documents(f"name: main\n{fields}\n", file="f.yaml")
    sources = Sources(config_maps=MAPS, secrets={"HF_TOKEN": "t"})
    found = expanded(look_up(Container(document.root), sources).variables)
    assert {name: found[name] for name in env} == env
    assert env or not found


def test_what_cannot_be_the_name_of_a_variable_is_left_out() -> None:
    assert dict(variables({"a": "1", "b": b"2"}, prefix="ü")) == {}
    assert dict(variables({"a": "1", "b": b"2"})) == {"a": "1"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('data: {"../x": y}', 'no key of a ConfigMap can be "../x"'),
        ('data: {"..": y}', "no key"),
        ('data: {"a/b": y}', "no key"),
        ('binaryData: {"/x": eA==}', "no key"),
        ("binaryData: {x: '!'}", "is no base64"),
        ("data: {x: 1}", "is no text; put it in quotes"),
        ("data: {x: a}\nbinaryData: {x: eA==}", "is in data and in binaryData"),
    ],
)
def test_config_maps_that_no_api_server_takes(body: str, words: str) -> None:
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\n{body}\n"
    with pytest.raises(ManifestError, match=words) as caught:
        config_maps(read_documents(text, file="f.yaml"))
    assert caught.value.mark.line >= 4


def test_binary_data_is_what_it_encodes() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\nbinaryData: {x: eAA=}\n"
    assert config_maps(read_documents(text, file="f.yaml")) == {"c": {"x": b"x\0"}}


@pytest.mark.parametrize("version", ["v1beta1", "v1alpha1"])
def test_the_served_model_may_come_from_a_config_map(version: str) -> None:
    main: dict[str, object] = {
        "name": "main",
        "command": ["python3", "-m", "dynamo.vllm"],
        "args": ["--model", "$(M)"],
        "envFrom": [{"configMapRef": {"name": "m"}}],
    }
    spec: object = {"components": [_component(main)]}
    if version == "v1alpha1":
        spec = {"services": {"w": {"componentType": "worker", "extraPodSpec": _alpha(main)}}}
    plain = {
        "apiVersion": f"nvidia.com/{version}",
        "kind": "DynamoGraphDeployment",
        "metadata": {"name": "g"},
        "spec": spec,
    }
    (document,) = read_documents(json.dumps(plain), file="f.yaml")
    served = serving(resolved(replace(read_graph(document), config_maps={"m": {"M": "org/model"}})))
    assert served is not None
    assert served.model == "org/model"


def _component(main: object) -> object:
    template = {"spec": {"containers": [main]}}
    return {"name": "w", "type": "worker", "podTemplate": template}


def _alpha(main: Mapping[str, object]) -> object:
    return {"mainContainer": {key: value for key, value in main.items() if key != "name"}}
