"""The webhooks of the reference operator, asked by a real API server.

`DYN_CONFORMANCE_KUBECONFIG` names a cluster with the operator; without it the fixture `kubeconfig`
gives one. No pod of a graph is started: its namespace has no room for any.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from planted_faults import PROVEN
from raw_api import APPLY, MERGE, RawApi

from dynamo_conformance.kube.labels import PART, WORLD
from dynamo_conformance.kube.resources import table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.manifest.node import Plain

Body = dict[str, "Plain"]

ROOT = Path(__file__).parents[2]
OBSERVED = ROOT / "tests/data/observed"
PATHS = re.compile(r"(?:spec|metadata|status|metdata)(?:[.\[][\w./-]*\]?)*(?=[:\" ])")
QUANTITY = "quantities must match"
"""All that Go says of a quantity that is none."""

UNSET = {"name": "", "resources": {}}
"""What Go writes of fields that nobody set."""

SECONDS = 30.0


def documents(path: Path) -> list[Body]:
    return [one for one in yaml.load_all(path.read_bytes(), Loader=yaml.CSafeLoader) if one]


CASES = documents(OBSERVED / "admission.yaml")
CONVERTED = sorted(OBSERVED.glob("convert/*.yaml"))


@pytest.fixture(scope="module")
def kubeconfig_path(request: pytest.FixtureRequest) -> Path:
    named = os.environ.get("DYN_CONFORMANCE_KUBECONFIG")
    return Path(named) if named else Path(request.getfixturevalue("kubeconfig"))


@pytest.fixture(scope="module")
def api(kubeconfig_path: Path) -> Iterator[RawApi]:
    made = RawApi(kubeconfig_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def namespace(api: RawApi) -> Iterator[str]:
    name = f"dyn-webhooks-{secrets.token_hex(3)}"
    metadata: Body = {"name": name, "labels": {PART: WORLD}}
    assert api.send("POST", "/api/v1/namespaces", {"metadata": metadata}).accepted
    quota: Body = {"metadata": {"name": "no-pods"}, "spec": {"hard": {"pods": "0"}}}
    assert api.send("POST", f"/api/v1/namespaces/{name}/resourcequotas", quota).accepted
    yield name
    api.send("DELETE", f"/api/v1/namespaces/{name}")


def path_of(namespace: str, body_or_version: Body | str, name: str = "") -> str:
    version = body_or_version
    if not isinstance(version, str):
        version = str(version.get("apiVersion", "")).rpartition("/")[2]
    path = f"/apis/nvidia.com/{version}/namespaces/{namespace}/dynamographdeployments"
    return f"{path}/{name}" if name else path


def named(body: Body) -> tuple[Body, str]:
    """Return a graph under a name of its own."""
    name = f"{table(body['metadata'])['name']}-{secrets.token_hex(2)}"
    return {**body, "metadata": {**table(body["metadata"]), "name": name}}, name


def paths(message: str) -> set[str]:
    """Return the fields of a message, without the positions and keys that Go does not tell."""
    return {re.sub(r"\[\d+\]|\.VllmWorker|\.a$", "", path) for path in PATHS.findall(message)}


def test_there_are_207_recorded_verdicts() -> None:
    assert len(CASES) == 207


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["case"]))
def test_a_strict_dry_run_is_answered_as_recorded(api: RawApi, case: Body) -> None:
    manifest, recorded = table(case["manifest"]), table(case["operator"])
    where = path_of("default", manifest)
    found = api.send("POST", where, manifest, dryRun="All", fieldValidation="Strict")
    assert found.accepted == recorded["accepted"], found.message
    warnings = recorded.get("warnings", [])
    assert isinstance(warnings, list)
    # The recording ends where a header held an escaped quotation mark.
    cut = [str(text).partition("\\")[0] for text in warnings]
    assert [text[: len(end)] for text, end in zip(found.warnings, cut, strict=True)] == cut
    message = str(recorded.get("message", ""))
    if message != found.message and QUANTITY not in message:
        assert paths(found.message) & paths(message), found.message


def plain(value: Plain) -> Plain:
    """Return a spec without defaults, and without what Go writes of its own."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {key: plain(one) for key, one in value.items() if UNSET.get(key, ...) != one}
    return {key: one for key, one in kept.items() if (key, one) != ("hostNetwork", False)}


@pytest.mark.parametrize("recorded", CONVERTED, ids=lambda path: path.name[:2])
def test_the_other_version_reads_as_recorded(api: RawApi, namespace: str, recorded: Path) -> None:
    (source,) = documents(OBSERVED / "render" / f"{recorded.name.partition('.as-')[0]}.input.yaml")
    (wanted,) = documents(recorded)
    body, name = named(source)
    made = api.send("POST", path_of(namespace, body), body)
    assert made.accepted, made.message
    read = api.send("GET", path_of(namespace, wanted, name))
    expected = plain(wanted["spec"])
    if recorded.name.startswith("04-"):
        # Beside `disabled` theirs says a size of 0, which says nothing.
        shared = table(table(table(expected)["services"])["decode"])["sharedMemory"]
        assert table(shared).pop("size") == "0"
    assert plain(read.body["spec"]) == expected
    again = api.send("GET", path_of(namespace, body, name))
    assert without_defaults(again.body["spec"]) == without_defaults(body["spec"])


def without_defaults(value: Plain) -> Plain:
    """Return a spec without what the schema and the webhook fill in."""
    if isinstance(value, list):
        return [without_defaults(one) for one in value]
    if not isinstance(value, dict):
        return value
    defaults: Body = {"replicas": 1, "protocol": "TCP", "useAsCompilationCache": False}
    return {
        key: without_defaults(one) for key, one in value.items() if defaults.get(key, ...) != one
    }


@pytest.mark.parametrize("path", PROVEN, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_example_is_read_as_it_was_written(api: RawApi, namespace: str, path: Path) -> None:
    for document in documents(path):
        if document.get("kind") != "DynamoGraphDeployment":
            continue
        body, name = named(document)
        made = api.send("POST", path_of(namespace, body), body, fieldValidation="Strict")
        assert made.accepted, made.message
        read = api.send("GET", path_of(namespace, body, name)).body
        assert without_defaults(read["spec"]) == without_defaults(quantities(body["spec"]))


def quantities(value: Plain) -> Plain:
    """Return a spec whose quantities are texts, as the operator writes them."""
    if isinstance(value, list):
        return [quantities(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: {name: str(amount) for name, amount in table(one).items()}
        if key in ("limits", "requests") and not isinstance(table(one).get("custom"), dict)
        else quantities(one)
        for key, one in value.items()
    }


WORKER: Body = {
    "componentType": "worker",
    "replicas": 1,
    "labels": {"team": "a"},
    "envs": [{"name": "A", "value": "1"}],
    "extraPodSpec": {"mainContainer": {"image": "a/b:1.6.1", "env": [{"name": "B", "value": "2"}]}},
}


def alpha_graph() -> tuple[Body, str]:
    spec: Plain = {"pvcs": [{"name": "p"}], "services": {"W": WORKER}}
    return named(
        {
            "apiVersion": "nvidia.com/v1alpha1",
            "kind": "DynamoGraphDeployment",
            "metadata": {"name": "g"},
            "spec": spec,
        }
    )


def test_what_is_changed_in_v1beta1_shows_in_v1alpha1_and_the_rest_stays(
    api: RawApi, namespace: str
) -> None:
    body, name = alpha_graph()
    assert api.send("POST", path_of(namespace, body), body).accepted
    component: Plain = {"name": "W", "replicas": 3}
    stored = table(api.send("GET", path_of(namespace, "v1beta1", name)).body["spec"])
    components = stored["components"]
    assert isinstance(components, list)
    changed: Body = {"spec": {"components": [{**table(components[0]), **table(component)}]}}
    where = path_of(namespace, "v1beta1", name)
    assert api.send("PATCH", where, changed, content=MERGE).accepted
    read = table(api.send("GET", path_of(namespace, body, name)).body["spec"])
    assert read == {"pvcs": [{"name": "p"}], "services": {"W": {**WORKER, "replicas": 3}}}


def test_applying_the_same_again_changes_nothing(api: RawApi, namespace: str) -> None:
    body, name = alpha_graph()
    where = path_of(namespace, body, name)
    versions = []
    for _ in range(3):
        found = api.send("PATCH", where, body, content=APPLY, fieldManager="me")
        assert found.accepted, found.message
        versions.append(table(found.body["metadata"])["generation"])
    assert versions == [1, 1, 1]


@pytest.mark.parametrize("version", ["v1alpha1", "v1beta1"])
def test_kubectl_applies_a_file_twice(
    kubeconfig_path: Path, namespace: str, tmp_path: Path, version: str
) -> None:
    folder = ROOT / "examples/llm/vllm_v1/launch/k8s"
    source = folder / ("v1alpha1/agg.yaml" if version == "v1alpha1" else "agg.yaml")
    name = f"agg-{version}"
    file = tmp_path / "agg.yaml"
    (body,) = [one for one in documents(source) if one.get("kind") == "DynamoGraphDeployment"]
    file.write_text(yaml.safe_dump({**body, "metadata": {"name": name}}))
    said = []
    for _ in range(2):
        done = subprocess.run(
            ["kubectl", f"--kubeconfig={kubeconfig_path}", "apply", "-n", namespace, "-f", file],
            capture_output=True, text=True, timeout=SECONDS, check=True,
        )  # fmt: skip
        said.append(done.stdout.split()[-1])
    assert said == ["created", "unchanged"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"services": {"W": None, "V": WORKER}},
         "components added: [V], components removed: [W]"),
        ({"backendFramework": "vllm"}, "spec.backendFramework: Invalid value"),
        ({"services": {"W": {**WORKER, "multinode": {"nodeCount": 2}}}}, "node topology"),
        ({"services": {"W": {**WORKER, "extraPodSpec": {"mainContainer": {"image": "a/b:x"}}}}},
         "spec.services[W].runtimeVersionOverride: Required value"),
    ],
)  # fmt: skip
def test_what_may_not_be_changed_is_refused(
    api: RawApi, namespace: str, change: Body, expected: str
) -> None:
    body, name = alpha_graph()
    assert api.send("POST", path_of(namespace, body), body).accepted
    found = api.send("PATCH", path_of(namespace, body, name), {"spec": change}, content=MERGE)
    assert found.status == 422
    assert expected in found.message


def test_a_list_in_the_older_version_is_quick(api: RawApi, namespace: str) -> None:
    begin = time.monotonic()
    found = api.send("GET", path_of(namespace, "v1alpha1"))
    assert found.accepted
    assert isinstance(found.body["items"], list)
    assert time.monotonic() - begin < SECONDS
