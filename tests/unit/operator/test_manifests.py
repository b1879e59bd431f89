"""The objects of the reference operator's installation, and whose operator a cluster has."""

from __future__ import annotations

import base64
import json
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from dynamo_conformance.kube.labels import OPERATOR, OPERATOR_NAME, OPERATOR_NAMESPACE, PART
from dynamo_conformance.kube.resources import KubeObject, Resource, table
from dynamo_conformance.operator.installation.certificate import HOST, Certificate
from dynamo_conformance.operator.installation.crds import (
    CONVERT,
    DEFINITION,
    OTHERS,
    InstalledOperator,
    definitions,
    presence,
)
from dynamo_conformance.operator.installation.manifests import (
    MUTATE,
    PORT,
    READY,
    VALIDATE,
    installation,
)
from dynamo_conformance.operator.installation.operator_image import recipe
from dynamo_conformance.operator.watched_kinds import WATCHED
from dynamo_conformance.operator.webhook.update_rules import CONTROLLER

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain

CERTIFICATE = Certificate(authority=b"authority", certificate=b"certificate", key=b"key")
BUNDLE = base64.b64encode(b"authority").decode()
OBJECTS = installation(image="operator:1", certificate=CERTIFICATE)


def one(kind: str, name: str | None = None) -> KubeObject:
    (found,) = (each for each in OBJECTS if each.kind == kind and name in (None, each.name))
    return found


def inside(value: Plain, *steps: str | int) -> Plain:
    for step in steps:
        value = value[int(step)] if isinstance(value, list) else table(value)[str(step)]
    return value


def test_everything_carries_our_label() -> None:
    assert {each.labels.get(PART) for each in OBJECTS} == {OPERATOR}
    assert len({(each.kind, each.name) for each in OBJECTS}) == len(OBJECTS)


def test_what_others_need_comes_before_them() -> None:
    kinds = [each.kind for each in OBJECTS]
    order = ["Namespace", "ServiceAccount", "Secret", "CustomResourceDefinition", "Deployment",
             "MutatingWebhookConfiguration"]  # fmt: skip
    assert [kinds.index(kind) for kind in order] == sorted(kinds.index(kind) for kind in order)


def test_the_pod_finds_its_account_its_certificate_and_its_image() -> None:
    pod = table(inside(one("Deployment").spec, "template", "spec"))
    assert pod["serviceAccountName"] == one("ServiceAccount").name == OPERATOR_NAME
    secret = one("Secret")
    assert inside(pod, "volumes", 0, "secret", "secretName") == secret.name
    assert set(table(secret["data"])) >= {"tls.crt", "tls.key"}
    container = table(inside(pod, "containers", 0))
    assert (container["image"], container["imagePullPolicy"]) == ("operator:1", "IfNotPresent")
    assert inside(container, "readinessProbe", "httpGet") == {
        "path": READY, "port": PORT, "scheme": "HTTPS",
    }  # fmt: skip
    labels = table(inside(one("Deployment").spec, "template", "metadata", "labels"))
    for selector in (one("Service").spec["selector"],
                     inside(one("Deployment").spec, "selector", "matchLabels")):  # fmt: skip
        assert table(selector).items() <= labels.items()


def test_the_pod_needs_no_rights_on_its_node() -> None:
    pod = table(inside(one("Deployment").spec, "template", "spec"))
    assert inside(pod, "securityContext", "runAsNonRoot") is True
    container = table(inside(pod, "containers", 0, "securityContext"))
    assert container == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize(
    ("kind", "name", "path"),
    [
        ("MutatingWebhookConfiguration", "mdynamographdeployment.kb.io", MUTATE),
        ("ValidatingWebhookConfiguration", "vdynamographdeployment.kb.io", VALIDATE),
    ],
)
def test_a_webhook_is_asked_about_both_versions_and_must_answer(
    kind: str, name: str, path: str
) -> None:
    hook = table(inside(one(kind), "webhooks", 0))
    assert (hook["name"], hook["failurePolicy"], hook["matchPolicy"]) == (
        name, "Fail", "Equivalent",
    )  # fmt: skip
    assert inside(hook, "rules", 0) == {
        "apiGroups": ["nvidia.com"],
        "apiVersions": ["v1beta1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["dynamographdeployments"],
    }
    assert_leads_here(table(hook["clientConfig"]), path)


def assert_leads_here(client: dict[str, Plain], path: str) -> None:
    assert client["caBundle"] == BUNDLE
    service = one("Service")
    assert inside(service.spec, "ports", 0, "targetPort") == PORT
    assert client["service"] == {
        "name": service.name,
        "namespace": OPERATOR_NAMESPACE,
        "path": path,
        "port": inside(service.spec, "ports", 0, "port"),
    }
    assert f"{service.name}.{service.namespace}.svc" == HOST


def recorded(plural: str) -> dict[str, Plain]:
    room = "dynamo_conformance.operator" if plural in OTHERS else "dynamo_conformance.api"
    data = (files(room) / "data" / f"{plural}-1.5.0-dev.json").read_text()
    return table(json.loads(data)["crd"])


def test_of_the_graphs_definition_only_the_way_to_the_webhook_is_filled_in() -> None:
    given, made = recorded("dynamographdeployments"), one("CustomResourceDefinition", DEFINITION)
    client = table(inside(made.spec, "conversion", "webhook", "clientConfig"))
    assert_leads_here(client, CONVERT)
    webhook = {**table(inside(given, "spec", "conversion", "webhook")), "clientConfig": client}
    conversion = {**table(inside(given, "spec", "conversion")), "webhook": webhook}
    assert made.spec == {**table(given["spec"]), "conversion": conversion}


@pytest.mark.parametrize("plural", OTHERS)
def test_other_definitions_are_as_they_were(plural: str) -> None:
    made = one("CustomResourceDefinition", f"{plural}.nvidia.com")
    if "conversion" not in made.spec:
        assert made.spec == recorded(plural)["spec"]
    else:
        assert_leads_here(
            table(inside(made.spec, "conversion", "webhook", "clientConfig")), CONVERT
        )


def allowed(resource: Resource, verb: str) -> bool:
    rules = one("ClusterRole", f"dynamo-conformance-{OPERATOR_NAME}")["rules"]
    assert isinstance(rules, list)
    return any(
        inside(rule, "apiGroups", 0) == resource.group
        and resource.plural in str(table(rule)["resources"])
        and verb in str(table(rule)["verbs"])
        for rule in rules
    )


@pytest.mark.parametrize("resource", WATCHED, ids=lambda resource: resource.plural)
def test_it_may_watch_and_make_what_its_controller_makes(resource: Resource) -> None:
    assert all(allowed(resource, verb) for verb in ("list", "watch", "create", "patch"))


def test_it_may_not_do_everything() -> None:
    for role in (each for each in OBJECTS if each.kind == "ClusterRole"):
        assert '"*"' not in json.dumps(role)


def test_the_account_is_the_one_that_may_scale() -> None:
    assert f"system:serviceaccount:{OPERATOR_NAMESPACE}:{OPERATOR_NAME}" == CONTROLLER
    subjects = one("ClusterRoleBinding")["subjects"]
    assert subjects == [
        {"kind": "ServiceAccount", "name": OPERATOR_NAME, "namespace": OPERATOR_NAMESPACE}
    ]


def test_a_certificate_survives_its_secret() -> None:
    assert Certificate.of_secret(CERTIFICATE.secret_data()) == CERTIFICATE
    for missing in ("ca.crt", "tls.crt", "tls.key"):
        data = {**CERTIFICATE.secret_data()}
        del data[missing]
        assert Certificate.of_secret(data) is None


def test_the_image_holds_what_runs_in_it() -> None:
    made = recipe()
    assert {Requirement(line).name for line in made.requirements} == {
        "cryptography",
        "kopf",
        "pyyaml",
    }
    paths = {to for source in made.sources for _path, to in source.files()}
    for module in ("operator/__main__", "operator/webhook/webhook_server", "kube/labels"):
        assert any(to.endswith(f"/dynamo_conformance/{module}.py") for to in paths), module
    assert any("/operator/data/" in to for to in paths)
    assert any("/api/data/" in to for to in paths)


OURS = one("CustomResourceDefinition", DEFINITION)
UNLABELLED = {**OURS, "metadata": {"name": DEFINITION}}
(TAKEN_OVER,) = (
    {**each, "spec": {**each.spec, "conversion": recorded("dynamographdeployments")["spec"]}}
    for each in definitions(bundle="x")
    if each.name == DEFINITION
)
NOT_LED: dict[str, Plain] = {
    **OURS,
    "spec": {**table(OURS["spec"]), "conversion": {"strategy": "None"}},
}


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (None, InstalledOperator.NONE),
        (OURS, InstalledOperator.REFERENCE),
        (UNLABELLED, InstalledOperator.REAL),
        (TAKEN_OVER, InstalledOperator.REAL),
        (NOT_LED, InstalledOperator.REAL),
        (recorded("dynamographdeployments"), InstalledOperator.REAL),
    ],
    ids=["none", "ours", "without our label", "led elsewhere", "without a webhook", "the real one"],
)
def test_whose_operator_a_cluster_has(
    definition: dict[str, Plain] | None, expected: InstalledOperator
) -> None:
    assert presence(definition) is expected
