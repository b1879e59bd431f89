"""The lint command: what it reads, what it writes, how it exits."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from dynamo_conformance.lint.command import FORMATS
from dynamo_conformance.lint.command import lint as command
from dynamo_conformance.lint.finding import FileContent
from dynamo_conformance.lint.manifest_files import manifest_files
from dynamo_conformance.lint.options import LintOptions
from dynamo_conformance.lint.output.text import render
from dynamo_conformance.lint.runner import lint

if TYPE_CHECKING:
    from dynamo_conformance.lint.finding import LintReport

CASES = Path(__file__).parent / "cases"
BROKEN = CASES / "api-schema" / "fail" / "misspelled.yaml"
GOOD = CASES / "api-schema" / "pass" / "agg.yaml"


def run(*paths: Path) -> LintReport:
    contents = [FileContent(str(one), one.read_bytes()) for one in manifest_files(paths)]
    return lint(contents, LintOptions())


def test_a_finding_shows_its_line_with_a_caret() -> None:
    text = render(run(BROKEN))
    lines = text.splitlines()
    assert lines[0].startswith(f"{BROKEN}:16:7: error: unknown field")
    assert lines[0].endswith("[api-schema]")
    assert lines[1].startswith("    16 |       replica: 2")
    assert lines[2].index("^") == lines[1].index("replica")
    assert lines[-1] == "1 graph in 1 file checked: 1 error; judged by Dynamo 1.6.1"


def test_folders_give_their_yaml_files_in_order_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "c.txt", ".hidden/d.yaml", "sub/e.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a: 1\n", encoding="utf-8")
    found = [str(one.relative_to(tmp_path)) for one in manifest_files([tmp_path])]
    assert found == ["a.yml", "b.yaml", "sub/e.yaml"]


def test_other_kinds_pass_through_and_broken_yaml_is_a_finding(tmp_path: Path) -> None:
    mixed = tmp_path / "mixed.yaml"
    mixed.write_text(f"kind: ConfigMap\n---\n{GOOD.read_text('utf-8')}", encoding="utf-8")
    broken = tmp_path / "z.yaml"
    broken.write_text("a: 1\na: 2\n", encoding="utf-8")
    report = run(tmp_path)
    assert [one.kind for one in report.documents] == ["DynamoGraphDeployment", ""]
    assert [(one.rule, one.where) for one in report.findings] == [("yaml", f"{broken}:2:1")]


def test_an_unknown_api_version_is_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "g.yaml"
    path.write_text("apiVersion: nvidia.com/v1\nkind: DynamoGraphDeployment\n", encoding="utf-8")
    (finding,) = run(path).findings
    assert (finding.rule, finding.where) == ("api-version", f"{path}:1:1")


@pytest.mark.parametrize(
    ("paths", "code"),
    [([GOOD], 0), ([BROKEN], 1), (["no-such-file"], 2), ([], 2)],
)
def test_exit_codes(paths: list[object], code: int) -> None:
    assert CliRunner().invoke(command, [str(path) for path in paths]).exit_code == code


def test_nothing_to_check_is_its_own_failure(tmp_path: Path) -> None:
    ended = CliRunner().invoke(command, [str(tmp_path)])
    assert ended.exit_code == 3
    assert "no DynamoGraphDeployment found" in ended.output


@pytest.mark.parametrize(
    ("kind", "rules"),
    [
        ("DynamoGraphDeploymnet", ["api-kind"]),
        ("dynamographdeployment", ["api-kind"]),
        ("DynamoComponentDeployment", []),
        ("DynamoGraphDeploymentRequest", []),
        ("DynamoGraphDeploymentScalingAdapter", []),
        ("ClusterPolicy", []),
    ],
)
def test_a_misspelt_kind_is_found_and_no_other_kind_taken_for_one(
    kind: str, rules: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "g.yaml"
    path.write_text(f"apiVersion: nvidia.com/v1beta1\nkind: {kind}\n", encoding="utf-8")
    assert [one.rule for one in run(path).findings] == rules


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        (["kind: ConfigMap\n"], 0),
        (["kind: ConfigMap\n", "{{ if .Values.on }}\nkind: ConfigMap\n"], 0),
        (["kind: ConfigMap\n", BROKEN.read_text("utf-8")], 1),
        (["a: 1\na: nvidia.com/v1beta1\n"], 1),
    ],
    ids=["another kind", "no yaml", "a broken graph", "no yaml, but a graph"],
)
def test_other_files_may_be_named_when_they_are_allowed(
    tmp_path: Path, texts: list[str], code: int
) -> None:
    paths = [tmp_path / f"{number}.yaml" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, encoding="utf-8")
    words = ["--allow-other-files", *map(str, paths)]
    assert CliRunner().invoke(command, words).exit_code == code


def test_that_other_files_are_allowed_excuses_no_missing_one() -> None:
    ended = CliRunner().invoke(command, ["--allow-other-files", "no-such-file.yaml"])
    assert ended.exit_code == 2


def test_a_report_that_cannot_be_written_is_wrong_usage(tmp_path: Path) -> None:
    ended = CliRunner().invoke(command, ["--output", str(tmp_path / "no" / "file"), str(GOOD)])
    assert ended.exit_code == 2
    assert "cannot write" in ended.output


@pytest.mark.parametrize("style", FORMATS)
def test_a_file_name_that_is_no_utf8_is_a_file_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, style: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = Path(os.fsdecode(b"a\xff.yaml"))
    path.write_bytes(BROKEN.read_bytes())
    for words in (("init", "--quiet"), ("add", ".")):
        subprocess.run(["git", *words], check=True)
    commit = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet"]
    subprocess.run([*commit, "--allow-empty", "--message", "a"], check=True)
    path.write_bytes(path.read_bytes() + b"# changed\n")
    runs: tuple[tuple[str, ...], ...] = ((), ("--changed-since", "HEAD"), ("--output", "report"))
    for more in runs:
        ended = CliRunner().invoke(command, [".", *more, "--format", style])
        assert (ended.exit_code, ended.exception.__class__) == (1, SystemExit), more
    assert Path("report").stat().st_size
    listing = CliRunner().invoke(command, [".", "--prerequisites", "--format", style])
    assert listing.exit_code == (0 if style in ("text", "json") else 2)


def test_what_an_anchor_repeats_is_said_once(tmp_path: Path) -> None:
    path = tmp_path / "g.yaml"
    path.write_text(
        "apiVersion: nvidia.com/v1beta1\nkind: DynamoGraphDeployment\nmetadata: {name: g}\n"
        "spec:\n  components:\n"
        "  - {name: A, type: frontend, podTemplate: &pod {spec: {containers: [{name: main, "
        'image: "x:1.6.1", imagePullPolicy: always}]}}}\n'
        "  - {name: B, type: frontend, podTemplate: *pod}\n",
        encoding="utf-8",
    )
    assert [one.rule for one in run(path).findings].count("pod-value") == 1
