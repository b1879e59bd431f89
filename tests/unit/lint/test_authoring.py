"""What the case files cannot show: fixes, what stays unsaid, and the data that rules look up."""

from __future__ import annotations

import pytest

from dynamo_conformance.engines import release_names
from dynamo_conformance.engines.commandline import programs
from dynamo_conformance.engines.image_release import parse_image
from dynamo_conformance.lint.finding import FileContent, Fix
from dynamo_conformance.lint.options import LintOptions
from dynamo_conformance.lint.output import text
from dynamo_conformance.lint.rule import Subject
from dynamo_conformance.lint.rules import component_type
from dynamo_conformance.lint.runner import lint
from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.graph import Word
from dynamo_conformance.manifest.read import read_graph

HIDDEN = "hunter2"
MANIFEST = """\
apiVersion: nvidia.com/{version}
kind: DynamoGraphDeployment
metadata:
  name: graph
spec:
  {body}
"""


def graph(body: str, *, version: str = "v1alpha1") -> Subject:
    manifest = MANIFEST.format(version=version, body=body)
    document = next(iter(read_documents(manifest, file="graph.yaml")))
    return Subject(document, read_graph(document))


def test_a_type_in_capitals_is_fixed() -> None:
    subject = graph("services: {Front: {componentType: FrontEnd}}")
    (problem,) = component_type.check(subject)
    assert problem.fix == Fix(6, 37, "FrontEnd", "frontend")


def test_another_type_is_not_fixed() -> None:
    (problem,) = component_type.check(graph("services: {Front: {componentType: fronted}}"))
    assert problem.fix is None


def test_a_secret_is_not_shown() -> None:
    body = f"env: [{{name: DB_PASSWORD, value: {HIDDEN}}}]"
    data = MANIFEST.format(version="v1beta1", body=body).encode()
    report = lint([FileContent("graph.yaml", data)], LintOptions())
    assert "plain-secret" in {one.rule for one in report.findings}
    assert HIDDEN not in text.render(report)


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("busybox", ("busybox", "", "")),
        ("localhost:5000/app", ("localhost:5000/app", "", "")),
        ("localhost:5000/app:1.2", ("localhost:5000/app", "1.2", "")),
        ("a.b/c:1@sha256:00", ("a.b/c", "1", "sha256:00")),
    ],
)
def test_an_image_has_parts(reference: str, parts: tuple[str, str, str]) -> None:
    image = parse_image(reference)
    assert (image.repository, image.tag, image.digest) == parts


def test_the_commands_of_a_shell_are_found() -> None:
    script = "cd /x && A=1 exec one --a; if two; then three | four; fi"
    found = programs((Word("/bin/bash"), Word("-lc"), Word(script)))
    assert [" ".join(word.text for word in one) for one in found] == [
        "cd /x", "one --a", "two", "three", "four",
    ]  # fmt: skip


def test_without_a_shell_there_is_one_command() -> None:
    assert programs((Word("one"), Word("&&"))) == ((Word("one"), Word("&&")),)
    assert programs(()) == ()


@pytest.mark.parametrize(
    ("variable", "read"),
    [
        ("DYN_LOG", True),
        ("DYN_KVBM_CPU_CACHE_GB", True),
        ("DYN_RUNTIME_ANYTHING", True),
        ("DYN_HTTP_BODY_LIMIT_MB", True),
        ("DYN_ROUTR_MODE", False),
        ("DYN_DEPLOYMENT_CONFIG", False),
    ],
)
def test_a_release_reads_its_variables(variable: str, read: bool) -> None:  # noqa: FBT001
    assert release_names.load().reads(variable) is read


def test_a_release_starts_its_modules() -> None:
    modules = release_names.load().modules
    assert {"dynamo.vllm", "dynamo.frontend", "dynamo.planner"} <= modules
    assert "dynamo.llm" not in modules
