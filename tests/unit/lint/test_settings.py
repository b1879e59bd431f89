"""What `dynamo lint` is told: settings, options, and words that it does not know."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.lint.rule import all_ids
from lint_helpers import GRAPH, REPLICAS, Linter, graph

if TYPE_CHECKING:
    from pathlib import Path

WRONG = graph(REPLICAS, "      replica: 1\n")
"""One error of api-schema, in line 9."""
FOUND = [("api-schema", 9)]


@pytest.fixture
def linter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Linter:
    made = Linter.opened(tmp_path, monkeypatch)
    made.write("g.yaml", WRONG)
    return made


def settings(linter: Linter, text: str) -> None:
    linter.write("pyproject.toml", f"[project]\nname = 'x'\n\n[tool.dynamo-lint]\n{text}\n")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", FOUND),
        ("only = ['api-schema']", FOUND),
        ("only = ['component-type', 'graph']", []),
        ("skip = ['api']", []),
        ("skip = ['graph']", FOUND),
        ("operator = '1.5.0'", FOUND),
        ("exclude = ['*']", FOUND),
    ],
)
def test_settings_say_which_rules_apply(linter: Linter, text: str, found: list[object]) -> None:
    settings(linter, text)
    assert linter.found("g.yaml") == found


def test_settings_say_what_the_cluster_has(linter: Linter) -> None:
    two_nodes = "      type: worker\n      multinode: {nodeCount: 2}\n"
    linter.write("two.yaml", graph("      type: worker\n", two_nodes))
    assert "multinode-orchestrator" not in dict(linter.found("two.yaml"))
    settings(linter, "cluster-has = []")
    assert "multinode-orchestrator" in dict(linter.found("two.yaml"))
    settings(linter, "cluster-has = ['grove']")
    assert "multinode-orchestrator" not in dict(linter.found("two.yaml"))
    assert "multinode-orchestrator" in dict(linter.found("--cluster-has", "none", "two.yaml"))


def test_settings_say_which_operator_it_is(linter: Linter) -> None:
    override = "      replicas: 1\n      runtimeVersionOverride: 1.6.1\n"
    linter.write("g.yaml", graph(REPLICAS, override))
    assert linter.found("g.yaml") == []
    settings(linter, "operator = '1.3.0'")
    assert linter.found("g.yaml") == [("api-schema", 10)]
    assert linter.found("--operator", "1.5.0", "g.yaml") == []


def test_settings_leave_files_out(linter: Linter, monkeypatch: pytest.MonkeyPatch) -> None:
    linter.write("old/g.yaml", WRONG)
    settings(linter, "exclude = ['old/*']")
    assert [one["file"] for one in linter.documents(".")] == ["g.yaml"]
    monkeypatch.chdir(linter.folder / "old")
    linter.write("old/sub/h.yaml", WRONG)
    assert linter.run(".").exit_code == 3


def test_the_command_line_is_above_the_settings(linter: Linter) -> None:
    settings(linter, "only = ['component-type']\nskip = ['api']")
    assert linter.found("g.yaml") == []
    assert linter.found("--only", "api", "--skip", "component-type", "g.yaml") == FOUND


def test_settings_are_found_upwards(linter: Linter, monkeypatch: pytest.MonkeyPatch) -> None:
    settings(linter, "skip = ['api']")
    linter.write("sub/sub/g.yaml", WRONG)
    # Neither a table of somebody else nor a mere mention of the name ends the search.
    linter.write("sub/pyproject.toml", "[tool.ruff]\n")
    linter.write("sub/sub/pyproject.toml", "[project]\ndependencies = ['dynamo-lint']\n")
    monkeypatch.chdir(linter.folder / "sub" / "sub")
    assert linter.found("g.yaml") == []
    linter.write("sub/pyproject.toml", "[tool.dynamo-lint]\n")
    assert linter.found("g.yaml") == FOUND


def test_a_pyproject_that_is_no_business_of_ours_may_be_broken(linter: Linter) -> None:
    linter.write("pyproject.toml", b"tool = = \xff")
    assert linter.found("g.yaml") == FOUND


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "ignore = []",
            'unknown "ignore"; there are only, skip, exclude, release, operator, cluster-has,',
        ),
        ("clusterhas = []", 'unknown "clusterhas"; did you mean "cluster-has"?'),
        ("only = 'api'", "only: must be a list of words"),
        ("skip = [1]", "skip: must be a list of words"),
        ("exclude = {a = 1}", "exclude: must be a list of words"),
        ("only = ['api-shema']", 'no rule is called "api-shema"; did you mean "api-schema"?'),
        ("skip = ['zzzz']", 'no rule is called "zzzz"; `dynamo lint --list-rules` names them'),
        ("operator = '1.4.9'", 'operator: nothing is known of "1.4.9"; did you mean'),
        ("operator = 'x'", 'operator: nothing is known of "x"; known are 0.3, 0.4,'),
        ("operator = 1.5", "operator: must be a word in quotes"),
        ("cluster-has = 'lws'", "cluster-has: must be a list of words"),
        ("cluster-has = ['lsw']", 'cluster-has: unknown "lsw"; did you mean "lws"?'),
        ("cluster-has = ['x']", 'cluster-has: unknown "x"; write none, or some of lws,grove,'),
        ("suppressions = 3", "suppressions: must be a list of tables with rule, files and reason"),
        (
            "suppressions = ['api']",
            "suppressions: each needs rule, files and reason, and nothing else",
        ),
        ("suppressions = [{rule = 'api'}]", "suppressions: each needs rule, files and reason"),
        ("suppressions = [{rule='api', files='*', reason=' '}]", 'the one of "api" needs a reason'),
        (
            "suppressions = [{rule='api', files=['*'], reason='x'}]",
            "files: must be a word in quotes",
        ),
        ("suppressions = [{rule='ap', files='*', reason='x'}]", 'no rule is called "ap"'),
        ("only = [", "Invalid value"),
    ],
)
def test_bad_settings_are_told_with_their_file(linter: Linter, text: str, reason: str) -> None:
    settings(linter, text)
    told = linter.refused("g.yaml")
    assert told.startswith(f"{linter.folder / 'pyproject.toml'}: ")
    assert reason in told


@pytest.mark.parametrize(
    "content",
    [b"[tool]\ndynamo-lint = 3\n", b"[tool.dynamo-lint]\n# \xff\n"],
    ids=["no table", "no UTF-8"],
)
def test_settings_that_are_no_table(linter: Linter, content: bytes) -> None:
    linter.write("pyproject.toml", content)
    assert str(linter.folder / "pyproject.toml") in linter.refused("g.yaml")


def test_a_tool_that_is_no_table_has_no_settings(linter: Linter) -> None:
    linter.write("pyproject.toml", "tool = 'dynamo-lint'\n")
    assert linter.found("g.yaml") == FOUND


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--only", "api-shema"], 'no rule is called "api-shema"; did you mean "api-schema"?'),
        (["--skip", "api,grpah-workers"], '"grpah-workers"; did you mean "graph-workers"?'),
        (["--cluster-has", "lws,grov"], '"grov"; did you mean "grove"?'),
        (["--operator", "1.4.O"], '"1.4.O"; did you mean "1.4.2"?'),
        (["--format", "xml"], "'xml' is not one of"),
        (["--kube-context", "kind"], "--kube-context says which cluster --crd-from-cluster asks"),
        (["--crd", "a", "--crd-from-cluster"], "give one of them"),
    ],
)
def test_words_that_mean_nothing(linter: Linter, words: list[str], reason: str) -> None:
    assert reason in linter.refused(*words, "g.yaml")


def test_families_and_commas(linter: Linter) -> None:
    assert linter.found("--only", "component-type,api", "g.yaml") == FOUND
    assert linter.found("--only", "component-type", "--only", "api-schema", "g.yaml") == FOUND
    assert linter.found("--only", "api", "--skip", "api-schema", "g.yaml") == []


@pytest.mark.parametrize(
    ("rule", "content"),
    [
        ("yaml", "kind: DynamoGraphDeployment\na: [\n"),
        ("api-version", "apiVersion: nvidia.com/v9\nkind: DynamoGraphDeployment\n"),
        ("api-kind", "apiVersion: nvidia.com/v1beta1\nkind: DynamoGraphDeploymnt\n"),
    ],
)
def test_what_no_rule_can_look_at_is_left_out_by_its_own_name_only(
    linter: Linter, rule: str, content: str
) -> None:
    linter.write("g.yaml", content)
    assert [one for one, _line in linter.found("--only", "component-type", "g.yaml")] == [rule]
    assert linter.found("--skip", rule, "g.yaml") == []


def test_warnings_fail_a_strict_run_only(linter: Linter) -> None:
    linter.write("g.yaml", f"{GRAPH}      # dynamo-lint: allow api because of nothing\n")
    assert linter.run("g.yaml").exit_code == 0
    assert linter.run("--strict", "g.yaml").exit_code == 1


def test_every_rule_is_listed_with_its_title(linter: Linter) -> None:
    ended = linter.run("--list-rules")
    rows = [line.split(maxsplit=2) for line in ended.stdout.splitlines()]
    assert sorted(row[0] for row in rows) == sorted(all_ids())
    assert {row[1] for row in rows} <= {"error", "warning", "info"}
    assert all(row[2].endswith(".") for row in rows)
    assert ended.exit_code == 0


def test_a_report_can_be_written_and_the_text_be_seen(linter: Linter) -> None:
    ended = linter.run("--format", "sarif", "--output", "out.sarif", "g.yaml")
    assert ended.exit_code == 1
    assert ended.stdout == linter.run("g.yaml").stdout
    written = (linter.folder / "out.sarif").read_text(encoding="utf-8")
    assert written == linter.run("--format", "sarif", "g.yaml").stdout


@pytest.mark.parametrize("words", ["", "lws,none", "lws,"])
def test_a_cluster_that_has_and_has_not_is_wrong_usage(linter: Linter, words: str) -> None:
    assert "write none, or some of lws" in linter.refused(f"--cluster-has={words}", "g.yaml")


CONFIG = {
    "model_type": "llama",
    "num_hidden_layers": 80,
    "hidden_size": 8192,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "intermediate_size": 28672,
    "vocab_size": 128256,
    "max_position_embeddings": 8192,
}
"""A model of 70 billion parameters: 141 GB."""

OURS = """\
apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata: {name: ours}
spec:
  components:
    - name: w
      type: worker
      podTemplate:
        spec:
          nodeSelector: {nvidia.com/gpu.product: NVIDIA-A100-SXM4-80GB}
          containers:
            - name: main
              command: [python3, -m, dynamo.vllm]
              args: [--model, /models/ours]
              resources: {limits: {nvidia.com/gpu: "1"}}
"""


@pytest.fixture
def with_model(linter: Linter) -> Linter:
    linter.write("ours.yaml", OURS)
    linter.write("config.json", json.dumps(CONFIG))
    return linter


def test_settings_give_the_configuration_of_a_model(with_model: Linter) -> None:
    assert "gpu-memory" not in dict(with_model.found("ours.yaml"))
    settings(with_model, "models = {'/models/ours' = 'config.json'}")
    assert "gpu-memory" in dict(with_model.found("ours.yaml"))
    with_model.write("hf_quant_config.json", '{"quantization": {"quant_algo": "FP8"}}')
    assert "gpu-memory" not in dict(with_model.found("ours.yaml"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("models = []", "models: must be a table of names and config.json files"),
        ("models = {'a/b' = 7}", "a/b: must be a word in quotes"),
        ("models = {'a/b' = 'none.json'}", "none.json"),
        ("models = {'a/b' = 'ours.yaml'}", "ours.yaml is no JSON"),
        ("models = {'a/b' = 'other.json'}", 'nothing is known of the layers of model_type "x"'),
    ],
)
def test_a_configuration_that_cannot_be_used(with_model: Linter, text: str, words: str) -> None:
    with_model.write("other.json", '{"model_type": "x"}')
    settings(with_model, text)
    result = with_model.run("ours.yaml")
    assert result.exit_code == 2
    assert words in result.output
