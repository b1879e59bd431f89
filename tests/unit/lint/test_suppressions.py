"""Suppressions: comments and settings that say why a finding is fine where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lint_helpers import GRAPH, REPLICAS, Linter, graph

if TYPE_CHECKING:
    from pathlib import Path

WRONG = "      replica: 1"
"""An unknown field, in line 9 of GRAPH."""
WHY = "because the test needs it"
SETTINGS = """\
[tool.dynamo-lint]
suppressions = [{{rule = "{rule}", files = "{files}", reason = "they are examples"}}]
"""


@pytest.fixture
def linter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Linter:
    return Linter.opened(tmp_path, monkeypatch)


def suppressed_by(line: str) -> str:
    """Return GRAPH with a wrong field and a comment at the end of its line."""
    return graph(REPLICAS, f"{WRONG}  # dynamo-lint: {line}\n")


def test_without_a_suppression_there_is_a_finding(linter: Linter) -> None:
    linter.write("g.yaml", graph(REPLICAS, f"{WRONG}  # dynamo-lint is fine\n"))
    assert linter.found("g.yaml") == [("api-schema", 9)]


@pytest.mark.parametrize(
    "comment",
    [
        f"allow api-schema {WHY}",
        f"allow api {WHY}",
        f"allow api-schema,  disagg-pair {WHY}",
        f"allow   api-schema   {WHY}  ",
    ],
)
def test_a_suppression_at_the_end_of_the_line(linter: Linter, comment: str) -> None:
    linter.write("g.yaml", suppressed_by(comment))
    assert ("api-schema", 9) not in linter.found("g.yaml")


@pytest.mark.parametrize(
    "between", ["", "      # another comment\n", "\n", "\n  # one\n\n  # two\n"]
)
def test_a_suppression_above_the_line(linter: Linter, between: str) -> None:
    comment = f"      # dynamo-lint: allow api-schema {WHY}\n"
    linter.write("g.yaml", graph(REPLICAS, f"{comment}{between}{WRONG}\n"))
    assert linter.found("g.yaml") == []


def test_a_suppression_above_reaches_one_line_only(linter: Linter) -> None:
    comment = f"      # dynamo-lint: allow api-schema {WHY}\n"
    linter.write("g.yaml", graph(REPLICAS, f"{comment}{WRONG}\n      replicaz: 2\n"))
    assert linter.found("g.yaml") == [("api-schema", 11)]


def test_several_rules_in_one_suppression(linter: Linter) -> None:
    text = GRAPH.replace("runtime:1.6.1\n", "runtime\n", 1)
    assert text != GRAPH
    linter.write("g.yaml", text)
    rules = sorted({rule for rule, line in linter.found("g.yaml") if line == 14})
    assert rules
    suppressed = f"runtime  # dynamo-lint: allow {', '.join(rules)}, api-schema {WHY}\n"
    linter.write("g.yaml", text.replace("runtime\n", suppressed, 1))
    documents = linter.documents("g.yaml")
    (left,) = (one for one in documents[0]["findings"] if one["line"] == 14)
    assert left["rule"] == "suppression-unused"
    assert '"api-schema" in line 14' in left["message"]


@pytest.mark.parametrize(
    "comment",
    [
        "allow api-schema",
        "allow api-schema because",
        "allow api-schema we know",
        "allow api-schema: we know",
        "allow api-schema (because we know)",
    ],
)
def test_a_suppression_without_a_reason_is_an_error(linter: Linter, comment: str) -> None:
    linter.write("g.yaml", suppressed_by(comment))
    assert linter.found("g.yaml") == [("api-schema", 9), ("suppression-reason", 9)]
    (document,) = linter.documents("g.yaml")
    schema, reason = document["findings"]
    assert schema["message"].endswith("(the suppression gives no reason)")
    assert reason["severity"] == "error"
    assert reason["column"] == len(WRONG) + 3


def test_a_suppression_without_a_reason_can_be_skipped_by_name(linter: Linter) -> None:
    linter.write("g.yaml", suppressed_by("allow api-schema"))
    assert linter.found("--skip", "suppression-reason", "g.yaml") == [("api-schema", 9)]


def test_a_suppression_of_nothing_is_a_warning(linter: Linter) -> None:
    linter.write("g.yaml", graph(REPLICAS, f"      replicas: 1  # dynamo-lint: allow api {WHY}\n"))
    (document,) = linter.documents("g.yaml")
    (finding,) = document["findings"]
    assert (finding["rule"], finding["severity"]) == ("suppression-unused", "warning")
    assert finding["message"] == 'unused suppression: no "api" in line 9; remove it'
    assert linter.run("g.yaml").exit_code == 0
    assert linter.run("--strict", "g.yaml").exit_code == 1


@pytest.mark.parametrize("words", [["--only", "component-type"], ["--skip", "api"]])
def test_a_run_of_some_rules_cannot_tell_that_a_suppression_is_unused(
    linter: Linter, words: list[str]
) -> None:
    linter.write("g.yaml", suppressed_by(f"allow api-schema {WHY}"))
    assert linter.found(*words, "g.yaml") == []


def test_a_suppression_of_no_rule_is_told_the_nearest_one(linter: Linter) -> None:
    linter.write("g.yaml", suppressed_by(f"allow api-shema {WHY}"))
    (document,) = linter.documents("g.yaml")
    messages = {one["rule"]: one["message"] for one in document["findings"]}
    assert messages["suppression-unused"] == (
        'no rule is called "api-shema"; did you mean "api-schema"?'
    )
    assert "api-schema" in messages


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_suppression_in_the_second_document(linter: Linter, newline: str) -> None:
    first, second = graph(REPLICAS, f"{WRONG}\n"), suppressed_by(f"allow api-schema {WHY}")
    linter.write("g.yaml", f"{first}---\n{second}".replace("\n", newline))
    documents = linter.documents("g.yaml")
    assert [one["index"] for one in documents] == [0, 1]
    assert [[one["line"] for one in each["findings"]] for each in documents] == [[9], []]


def test_each_item_of_a_list_has_its_own_suppressions(linter: Linter) -> None:
    def item(text: str) -> str:
        lines = text.splitlines(keepends=True)
        return "".join(f"{'- ' if number == 0 else '  '}{one}" for number, one in enumerate(lines))

    used = suppressed_by(f"allow api-schema {WHY}")
    unused = graph(REPLICAS, f"      replicas: 1  # dynamo-lint: allow api-schema {WHY}\n")
    linter.write("g.yaml", f"apiVersion: v1\nkind: List\nitems:\n{item(used)}{item(unused)}")
    documents = linter.documents("g.yaml")
    found = [[(one["rule"], one["line"]) for one in each["findings"]] for each in documents]
    line = 3 + len(used.splitlines()) + 9
    assert found == [[], [("suppression-unused", line)]]


@pytest.mark.parametrize(
    ("rule", "files", "suppressed"),
    [
        ("api-schema", "old/*", True),
        ("api", "*/g.yaml", True),
        ("api-schema", "new/*", False),
        ("component-type", "old/*", False),
    ],
)
def test_suppressions_of_the_settings(
    linter: Linter,
    rule: str,
    files: str,
    suppressed: bool,  # noqa: FBT001 - a parameter
) -> None:
    linter.write("pyproject.toml", SETTINGS.format(rule=rule, files=files))
    linter.write("old/g.yaml", graph(REPLICAS, f"{WRONG}\n"))
    assert (linter.found("old") == []) is suppressed


def test_suppressions_of_the_settings_hold_from_every_folder(
    linter: Linter, monkeypatch: pytest.MonkeyPatch
) -> None:
    linter.write("pyproject.toml", SETTINGS.format(rule="api-schema", files="old/*"))
    path = linter.write("old/g.yaml", graph(REPLICAS, f"{WRONG}\n"))
    linter.write("new/g.yaml", path.read_bytes())
    assert linter.found(path) == []
    monkeypatch.chdir(path.parent)
    assert linter.found("g.yaml") == []
    monkeypatch.chdir(linter.folder / "new")
    assert linter.found("g.yaml") == [("api-schema", 9)]


def test_the_settings_suppress_files_that_are_no_yaml(linter: Linter) -> None:
    linter.write("chart/g.yaml", f"a: {{{{ .Values.a }}}}\n{GRAPH}")
    assert linter.found("chart") == [("yaml", 1)]
    linter.write("pyproject.toml", SETTINGS.format(rule="yaml", files="chart/*"))
    assert linter.found("chart") == []


@pytest.mark.parametrize("words", ["ignore api-schema because x", "api-schema", "allow"])
def test_a_comment_that_is_no_suppression_is_told_how_to_be_one(linter: Linter, words: str) -> None:
    linter.write("g.yaml", f"# dynamo-lint: {words}\n{GRAPH}")
    text = linter.run("g.yaml").stdout
    advice = "this is no suppression; write: # dynamo-lint: allow RULE because REASON"
    assert text.splitlines()[0] == f"g.yaml:1:1: error: {advice} [suppression-reason]"


def test_a_suppression_of_the_settings_that_suppresses_nothing(linter: Linter) -> None:
    linter.write("pyproject.toml", SETTINGS.format(rule="api-schema", files="old/*.yaml"))
    linter.write("old/g.yaml", GRAPH)
    unused = [("suppression-unused", 2)]
    assert linter.found(".") == unused
    assert linter.found("old") == unused
    *_, settings = linter.documents(".")
    assert (settings["file"], settings["kind"]) == ("pyproject.toml", "settings")
    (finding,) = settings["findings"]
    assert (
        SETTINGS.format(rule="api-schema", files="old/*.yaml")
        .splitlines()[1][finding["column"] - 1 :]
        .startswith("old/*.yaml")
    )
    assert finding["message"].startswith('unused suppression: no "api-schema" in old/*')
    assert "1 graph in 1 file checked: 1 warning" in linter.run(".").stdout
    assert linter.run("--strict", ".").exit_code == 1


def test_a_suppression_of_the_settings_at_work_is_none_of_these(linter: Linter) -> None:
    linter.write("pyproject.toml", SETTINGS.format(rule="api", files="old/*.yaml"))
    linter.write("old/g.yaml", graph(REPLICAS, f"{WRONG}\n"))
    linter.write("old/h.yaml", GRAPH)
    assert linter.found("--no-cache", ".") == []
    # Once to fill the cache, and once from it.
    assert linter.found(".") == []
    assert linter.found(".") == []


def test_a_suppression_of_a_text_that_cannot_be_read_is_at_work(linter: Linter) -> None:
    linter.write("pyproject.toml", SETTINGS.format(rule="yaml", files="old/*"))
    linter.write("old/g.yaml", f"{GRAPH}  : [\n")
    assert linter.found(".") == []


@pytest.mark.parametrize(
    "words",
    [("old/g.yaml",), ("new",), ("--only", "api", "."), ("--skip", "image", ".")],
)
def test_who_did_not_see_all_cannot_tell(linter: Linter, words: tuple[str, ...]) -> None:
    linter.write("pyproject.toml", SETTINGS.format(rule="api-schema", files="old/*.yaml"))
    linter.write("old/g.yaml", GRAPH)
    linter.write("new/g.yaml", GRAPH)
    assert linter.found(*words) == []


def test_the_place_of_each_suppression_of_the_settings(linter: Linter) -> None:
    tables = "".join(
        f'[[tool.dynamo-lint.suppressions]]\nrule = "{rule}"\n'
        'files = "a.yaml"\nreason = "because"\n'
        for rule in ("api-schema", "disagg-pair")
    )
    linter.write("pyproject.toml", tables)
    linter.write("a.yaml", GRAPH)
    assert linter.found("a.yaml") == [("suppression-unused", 3), ("suppression-unused", 7)]
