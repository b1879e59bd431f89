"""What `dynamo lint` is told: settings, options, and words that it does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.lint.rule import all_ids
from lint_shop import GRAPH, REPLICAS, Shop, graph

if TYPE_CHECKING:
    from pathlib import Path

WRONG = graph(REPLICAS, "      replica: 1\n")
"""One error of api-schema, in line 9."""
FOUND = [("api-schema", 9)]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    made = Shop.opened(tmp_path, monkeypatch)
    made.write("g.yaml", WRONG)
    return made


def settings(shop: Shop, text: str) -> None:
    shop.write("pyproject.toml", f"[project]\nname = 'x'\n\n[tool.dynamo-lint]\n{text}\n")


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
def test_settings_say_which_rules_apply(shop: Shop, text: str, found: list[object]) -> None:
    settings(shop, text)
    assert shop.found("g.yaml") == found


def test_settings_say_what_the_cluster_has(shop: Shop) -> None:
    two_nodes = "      type: worker\n      multinode: {nodeCount: 2}\n"
    shop.write("two.yaml", graph("      type: worker\n", two_nodes))
    assert "multinode-orchestrator" not in dict(shop.found("two.yaml"))
    settings(shop, "cluster-has = []")
    assert "multinode-orchestrator" in dict(shop.found("two.yaml"))
    settings(shop, "cluster-has = ['grove']")
    assert "multinode-orchestrator" not in dict(shop.found("two.yaml"))
    assert "multinode-orchestrator" in dict(shop.found("--cluster-has", "none", "two.yaml"))


def test_settings_say_which_operator_it_is(shop: Shop) -> None:
    override = "      replicas: 1\n      runtimeVersionOverride: 1.6.1\n"
    shop.write("g.yaml", graph(REPLICAS, override))
    assert shop.found("g.yaml") == []
    settings(shop, "operator = '1.3.0'")
    assert shop.found("g.yaml") == [("api-schema", 10)]
    assert shop.found("--operator", "1.5.0", "g.yaml") == []


def test_settings_leave_files_out(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.write("old/g.yaml", WRONG)
    settings(shop, "exclude = ['old/*']")
    assert [one["file"] for one in shop.documents(".")] == ["g.yaml"]
    monkeypatch.chdir(shop.folder / "old")
    shop.write("old/sub/h.yaml", WRONG)
    assert shop.run(".").exit_code == 3


def test_the_command_line_is_above_the_settings(shop: Shop) -> None:
    settings(shop, "only = ['component-type']\nskip = ['api']")
    assert shop.found("g.yaml") == []
    assert shop.found("--only", "api", "--skip", "component-type", "g.yaml") == FOUND


def test_settings_are_found_upwards(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    settings(shop, "skip = ['api']")
    shop.write("sub/sub/g.yaml", WRONG)
    # Neither a table of somebody else nor a mere mention of the name ends the search.
    shop.write("sub/pyproject.toml", "[tool.ruff]\n")
    shop.write("sub/sub/pyproject.toml", "[project]\ndependencies = ['dynamo-lint']\n")
    monkeypatch.chdir(shop.folder / "sub" / "sub")
    assert shop.found("g.yaml") == []
    shop.write("sub/pyproject.toml", "[tool.dynamo-lint]\n")
    assert shop.found("g.yaml") == FOUND


def test_a_pyproject_that_is_no_business_of_ours_may_be_broken(shop: Shop) -> None:
    shop.write("pyproject.toml", b"tool = = \xff")
    assert shop.found("g.yaml") == FOUND


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ignore = []", 'unknown "ignore"; there are only, skip, exclude, operator, cluster-has,'),
        ("clusterhas = []", 'unknown "clusterhas"; did you mean "cluster-has"?'),
        ("only = 'api'", "only: must be a list of words"),
        ("skip = [1]", "skip: must be a list of words"),
        ("exclude = {a = 1}", "exclude: must be a list of words"),
        ("only = ['api-shema']", 'no rule is called "api-shema"; did you mean "api-schema"?'),
        ("skip = ['zzzz']", 'no rule is called "zzzz"; `dynamo lint --list-rules` names them'),
        ("operator = '1.4.1'", 'operator: nothing is known of "1.4.1"; did you mean'),
        ("operator = 'x'", 'operator: nothing is known of "x"; known are 1.3.0, 1.4.0,'),
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
def test_bad_settings_are_told_with_their_file(shop: Shop, text: str, reason: str) -> None:
    settings(shop, text)
    told = shop.refused("g.yaml")
    assert told.startswith(f"{shop.folder / 'pyproject.toml'}: ")
    assert reason in told


@pytest.mark.parametrize(
    "content",
    [b"[tool]\ndynamo-lint = 3\n", b"[tool.dynamo-lint]\n# \xff\n"],
    ids=["no table", "no UTF-8"],
)
def test_settings_that_are_no_table(shop: Shop, content: bytes) -> None:
    shop.write("pyproject.toml", content)
    assert str(shop.folder / "pyproject.toml") in shop.refused("g.yaml")


def test_a_tool_that_is_no_table_has_no_settings(shop: Shop) -> None:
    shop.write("pyproject.toml", "tool = 'dynamo-lint'\n")
    assert shop.found("g.yaml") == FOUND


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--only", "api-shema"], 'no rule is called "api-shema"; did you mean "api-schema"?'),
        (["--skip", "api,grpah-workers"], '"grpah-workers"; did you mean "graph-workers"?'),
        (["--cluster-has", "lws,grov"], '"grov"; did you mean "grove"?'),
        (["--operator", "1.4.O"], '"1.4.O"; did you mean "1.4.0"?'),
        (["--format", "xml"], "'xml' is not one of"),
        (["--kube-context", "kind"], "--kube-context says which cluster --crd-from-cluster asks"),
        (["--crd", "a", "--crd-from-cluster"], "give one of them"),
    ],
)
def test_words_that_mean_nothing(shop: Shop, words: list[str], reason: str) -> None:
    assert reason in shop.refused(*words, "g.yaml")


def test_families_and_commas(shop: Shop) -> None:
    assert shop.found("--only", "component-type,api", "g.yaml") == FOUND
    assert shop.found("--only", "component-type", "--only", "api-schema", "g.yaml") == FOUND
    assert shop.found("--only", "api", "--skip", "api-schema", "g.yaml") == []


@pytest.mark.parametrize(
    ("rule", "content"),
    [
        ("yaml", "kind: DynamoGraphDeployment\na: [\n"),
        ("api-version", "apiVersion: nvidia.com/v9\nkind: DynamoGraphDeployment\n"),
        ("api-kind", "apiVersion: nvidia.com/v1beta1\nkind: DynamoGraphDeploymnt\n"),
    ],
)
def test_what_no_rule_can_look_at_is_left_out_by_its_own_name_only(
    shop: Shop, rule: str, content: str
) -> None:
    shop.write("g.yaml", content)
    assert [one for one, _line in shop.found("--only", "component-type", "g.yaml")] == [rule]
    assert shop.found("--skip", rule, "g.yaml") == []


def test_warnings_fail_a_strict_run_only(shop: Shop) -> None:
    shop.write("g.yaml", f"{GRAPH}      # dynamo-lint: allow api because of nothing\n")
    assert shop.run("g.yaml").exit_code == 0
    assert shop.run("--strict", "g.yaml").exit_code == 1


def test_every_rule_is_listed_with_its_title(shop: Shop) -> None:
    ended = shop.run("--list-rules")
    rows = [line.split(maxsplit=2) for line in ended.stdout.splitlines()]
    assert sorted(row[0] for row in rows) == sorted(all_ids())
    assert {row[1] for row in rows} <= {"error", "warning", "info"}
    assert all(row[2].endswith(".") for row in rows)
    assert ended.exit_code == 0


def test_a_report_can_be_written_and_the_text_be_seen(shop: Shop) -> None:
    ended = shop.run("--format", "sarif", "--output", "out.sarif", "g.yaml")
    assert ended.exit_code == 1
    assert ended.stdout == shop.run("g.yaml").stdout
    written = (shop.folder / "out.sarif").read_text(encoding="utf-8")
    assert written == shop.run("--format", "sarif", "g.yaml").stdout


@pytest.mark.parametrize("words", ["", "lws,none", "lws,"])
def test_a_cluster_that_has_and_has_not_is_wrong_usage(shop: Shop, words: str) -> None:
    assert "write none, or some of lws" in shop.refused(f"--cluster-has={words}", "g.yaml")
