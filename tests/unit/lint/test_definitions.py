"""Another CRD than the program's: from a file, and from a cluster."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, TypeAlias

import pytest
import yaml

from dynamo_conformance.api.cluster_parts import Cluster
from dynamo_conformance.api.operator_releases import DEFAULT_OPERATOR
from dynamo_conformance.lint.check import check_bytes
from dynamo_conformance.lint.cluster_operator import OPERATORS
from dynamo_conformance.lint.options import LintOptions
from lint_helpers import GRAPH, REPLICAS, Linter, graph

if TYPE_CHECKING:
    from pathlib import Path

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

OURS = files("dynamo_conformance.api") / "data" / "dynamographdeployments-1.5.0-dev.json"
NAME = "dynamographdeployments.nvidia.com"
EPP_CONFIG = ", eppConfig: {configMapRef: {name: c, key: k}}"
KUBECTL = """\
#!/bin/sh
echo "$@" >> asked
{does}
"""


@pytest.fixture
def linter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Linter:
    made = Linter.opened(tmp_path, monkeypatch)
    made.write("g.yaml", GRAPH)
    return made


def crd(*versions: str, without: str = "") -> str:
    """Return our CRD as JSON (which is YAML), with some versions and without a field of v1beta1."""
    raw = json.loads(OURS.read_bytes())["crd"]
    kept = [one for one in raw["spec"]["versions"] if one["name"] in (versions or ("v1beta1",))]
    raw["spec"]["versions"] = kept
    if without:
        spec = kept[0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
        del spec["components"]["items"]["properties"][without]
    return json.dumps(raw)


def with_rule(rule: str) -> str:
    """Return our CRD with one more rule for each component of v1beta1."""
    raw = json.loads(crd())
    spec = raw["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    component = spec["properties"]["components"]["items"]
    component["x-kubernetes-validations"] = [{"rule": rule, "message": "not sorted"}]
    return json.dumps(raw)


def kubectl(linter: Linter, monkeypatch: pytest.MonkeyPatch, does: str) -> None:
    """Put a `kubectl` on PATH that writes down what it was asked, and does something."""
    linter.write("bin/kubectl", KUBECTL.format(does=does)).chmod(0o755)
    monkeypatch.setenv("PATH", f"{linter.folder / 'bin'}:/usr/bin:/bin")


def test_our_own_crd_as_yaml_changes_nothing(linter: Linter) -> None:
    text = graph(REPLICAS, "      replica: 1\n      topologyConstraint: {}\n")
    linter.write("g.yaml", text)
    raw = json.loads(OURS.read_bytes())["crd"]
    linter.write("crd.yaml", yaml.dump(raw, Dumper=yaml.CSafeDumper))
    assert linter.documents("g.yaml") == linter.documents(
        "--crd", linter.folder / "crd.yaml", "g.yaml"
    )


@pytest.mark.parametrize(
    "wrapped",
    ["{}", "kind: ConfigMap\n---\n{}\n", "kind: List\nitems:\n- kind: ConfigMap\n- {}\n"],
    ids=["alone", "second", "list"],
)
def test_a_graph_is_judged_by_the_crd(linter: Linter, wrapped: str) -> None:
    linter.write("crd.yaml", wrapped.replace("{}", crd(without="replicas")))
    assert linter.found("--crd", linter.folder / "crd.yaml", "g.yaml") == [("api-schema", 9)]


def test_another_content_under_the_same_name_is_another_crd(linter: Linter) -> None:
    linter.write("crd.yaml", crd())
    assert linter.found("--crd", linter.folder / "crd.yaml", "g.yaml") == []
    other = linter.folder / "other"
    other.mkdir()
    linter.write("other/crd.yaml", crd(without="replicas"))
    assert linter.found("--crd", linter.folder / "other" / "crd.yaml", "g.yaml") == [
        ("api-schema", 9)
    ]


def test_a_version_that_the_crd_does_not_serve(linter: Linter) -> None:
    linter.write("crd.yaml", crd("v1alpha1"))
    (document,) = linter.documents("--crd", linter.folder / "crd.yaml", "g.yaml")
    (finding,) = document["findings"]
    assert (finding["rule"], finding["line"], finding["column"]) == ("api-version", 1, 1)
    assert finding["message"] == (
        "the CRD serves no nvidia.com/v1beta1; it has nvidia.com/v1alpha1"
    )


@pytest.mark.parametrize(
    ("letters", "broken"), [("abc", []), ("acb", [("api-rule", 7), ("api-rule", 15)])]
)
def test_a_rule_with_a_function_of_kubernetes(
    linter: Linter, letters: str, broken: list[tuple[str, int]]
) -> None:
    rule = f"{list(letters)}.isSorted() && quantity('1').isLessThan(quantity('2'))"
    path = linter.write("crd.yaml", with_rule(rule))
    assert linter.found("--crd", path, "--only", "api", "g.yaml") == broken


@pytest.mark.parametrize("rule", ["self.name.nobodyKnows()", "self.args.all(i, v, v != '')"])
def test_a_rule_that_cannot_be_checked_is_said_before_any_verdict(
    linter: Linter, rule: str
) -> None:
    said = linter.refused("--crd", linter.write("crd.yaml", with_rule(rule)), "g.yaml")
    place = "spec.components[*] of v1beta1"
    assert f"crd.yaml: the rule {rule!r} at {place} is not checked here: " in said


def test_a_version_that_only_the_crd_knows(linter: Linter) -> None:
    linter.write("crd.yaml", crd().replace('"name": "v1beta1"', '"name": "v1"'))
    linter.write("g.yaml", GRAPH.replace("v1beta1", "v1"))
    assert linter.found("--crd", linter.folder / "crd.yaml", "g.yaml") == [("api-version", 1)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "crd.yaml: no CRD can be read from it"),
        ("a: [", "crd.yaml: no CRD can be read from it"),
        (b"\xff", "crd.yaml: no CRD can be read from it"),
        ("", f"Definition of DynamoGraphDeployment; `kubectl get crd {NAME}"),
        ("- 1\n", "crd.yaml:1:1: no manifest"),
        ("a: &a {kind: DynamoGraphDeployment, b: *a}\n", "inside of what it stands for"),
        ("kind: List\nitems: 3\n", "holds no CustomResourceDefinition"),
        (GRAPH, "holds no CustomResourceDefinition"),
        (crd().replace('"kind": "DynamoGraphDeployment"', '"kind": "X"'), "holds no Custom"),
        ('{"kind": "CustomResourceDefinition", "spec": 1}', "holds no CustomResourceDefinition"),
        (crd("none"), "crd.yaml: the CRD has no versions"),
        (crd().replace('"versions"', '"other"'), "crd.yaml: a version of the CRD has no schema"),
        (crd().replace('"openAPIV3Schema"', '"x"'), "crd.yaml: a version of the CRD has no schema"),
    ],
    ids=[
        "missing", "no YAML", "no text", "empty", "list", "a cycle", "no List", "a graph",
        "another kind", "no spec", "no versions", "no list of versions", "no schema",
    ],
)  # fmt: skip
def test_a_file_that_holds_no_crd(linter: Linter, content: str | bytes | None, reason: str) -> None:
    if content is not None:
        linter.write("crd.yaml", content)
    assert reason in linter.refused("--crd", linter.folder / "crd.yaml", "g.yaml")
    linter.write("other.yaml", "kind: ConfigMap\n")
    assert reason in linter.refused("--crd", linter.folder / "crd.yaml", "other.yaml")


def test_the_crd_of_the_cluster(linter: Linter, monkeypatch: pytest.MonkeyPatch) -> None:
    linter.write("live.json", crd(without="replicas"))
    kubectl(linter, monkeypatch, "cat live.json")
    assert linter.found("--crd-from-cluster", "g.yaml") == [("api-schema", 9)]
    assert linter.found("--crd-from-cluster", "--kube-context", "a b", "g.yaml")
    asked = (linter.folder / "asked").read_text(encoding="utf-8").splitlines()
    wanted = [
        f"get crd {NAME} -o json",
        f"get deployments -l {OPERATORS} -A -o json",
        f"get {NAME} -A -o json",
    ]
    assert asked == [*wanted, *(f"--context a b {words}" for words in wanted)]


def test_another_cluster_may_have_another_crd(
    linter: Linter, monkeypatch: pytest.MonkeyPatch
) -> None:
    linter.write("live.json", crd(without="replicas"))
    kubectl(linter, monkeypatch, "cat live.json")
    assert linter.found("--crd-from-cluster", "g.yaml") == [("api-schema", 9)]
    linter.write("live.json", crd())
    assert linter.found("--crd-from-cluster", "g.yaml") == []


@pytest.mark.parametrize(
    ("does", "reason"),
    [
        ("echo one >&2; echo 'NotFound: no such CRD' >&2; exit 1", "NotFound: no such CRD"),
        ("exit 1", f"kubectl get crd {NAME}: failed"),
        ("exit 0", "holds no CustomResourceDefinition"),
        ("echo '{'", "no CRD can be read from it"),
    ],
    ids=["failing", "silent", "nothing", "no JSON"],
)
def test_a_cluster_that_gives_no_crd(
    linter: Linter, monkeypatch: pytest.MonkeyPatch, does: str, reason: str
) -> None:
    kubectl(linter, monkeypatch, does)
    assert reason in linter.refused("--crd-from-cluster", "g.yaml")


def test_without_kubectl(linter: Linter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(linter.folder))
    told = linter.refused("--crd-from-cluster", "g.yaml")
    assert told.startswith("kubectl is not installed")


@pytest.mark.parametrize(
    ("image", "more", "operator", "refused"),
    [
        ("dynamo-frontend:1.6.1", "", DEFAULT_OPERATOR, False),
        ("dynamo-frontend:1.6.1", EPP_CONFIG, DEFAULT_OPERATOR, True),
        ("epp-image:1.4.0", "", DEFAULT_OPERATOR, True),
        ("dynamo-frontend:1.6.1", "", "1.5.0-dev", True),
    ],
)
def test_an_endpoint_picker_is_judged_as_the_newest_operator_does(
    image: str, more: str, operator: str, *, refused: bool
) -> None:
    pod = f"podTemplate: {{spec: {{containers: [{{name: main, image: 'x/{image}'}}]}}}}"
    text = (
        "apiVersion: nvidia.com/v1beta1\nkind: DynamoGraphDeployment\nmetadata: {name: g}\n"
        f"spec: {{components: [{{name: Epp, type: epp{more}, {pod}}}]}}\n"
    )
    options = LintOptions(operator=operator, cluster=Cluster(inference_extension=True))
    (checked,) = check_bytes(text.encode(), file="g.yaml", options=options)
    found = [finding for finding in checked.findings if finding.rule == "api-admission"]
    assert bool(found) is refused
