"""The ledger: its text, what a run changes in it, and what is wrong with one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.ledger.audit import aged, audit, contradictions
from dynamo_conformance.ledger.ledger import Ledger, LedgerError, fitted, merged, read_ledger
from dynamo_conformance.ledger.row import Gap, Level, Proof
from dynamo_conformance.ledger.tree import LEDGER, read_tree
from dynamo_conformance.mock_engine import version
from ledger_builders import MANIFEST, SCRIPT, digest, observation, plant, proof

if TYPE_CHECKING:
    from pathlib import Path

    from dynamo_conformance.ledger.row import Observation, Row
    from dynamo_conformance.ledger.tree import Tree

A, B = "a" * 64, "b" * 64


def one(row: Row, *, file: str = MANIFEST, level: Level = Level.LOCAL) -> Ledger:
    return Ledger({file: {level: row}})


def test_its_text_is_read_back_and_has_one_order(tmp_path: Path) -> None:
    whole = replace(
        proof(A, engine="mock x"),
        profile="core",
        deviations={"chat": 3},
        unsupported={"z": "no choice", "a": "äöü, too", "m": "m"},
    )
    rows: dict[str, dict[Level, Row]]
    rows = {"b": {Level.REAL: Gap("no GPU"), Level.LINT: whole}, "a": {Level.LINT: proof(B)}}
    path = tmp_path / LEDGER
    path.write_text(Ledger(rows).text(), encoding="utf-8")
    assert read_ledger(path) == Ledger(rows)
    other_order = {file: dict(reversed(rows[file].items())) for file in reversed(rows)}
    assert Ledger(other_order).text() == Ledger(rows).text()
    lines = Ledger(rows).text().splitlines()
    assert '    "real": {"unproven": "no GPU"}' in lines
    assert lines.index('        "a": "äöü, too",') < lines.index('        "z": "no choice"')


def test_a_ledger_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert read_ledger(tmp_path / LEDGER) == Ledger()


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[]",
        '{"a": 1}',
        '{"a": {"moon": {"unproven": "x"}}}',
        '{"a": {"lint": {}}}',
        '{"a": {"lint": {"proven": 1}}}',
        '{"a": {"lint": {"proven": "2026-01-01", "unsupported": "x"}}}',
        '{"a": {"lint": {"proven": "2026-01-01", "passed": "ready chat"}}}',
    ],
)
def test_what_is_no_ledger_says_so(text: str, tmp_path: Path) -> None:
    path = tmp_path / LEDGER
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LedgerError, match=r"ledger\.json is no ledger"):
        read_ledger(path)


def test_a_whole_run_without_failure_is_a_proof() -> None:
    seen = observation(A, unsupported={"kv-router": "one worker"})
    row = merged(Ledger(), [seen]).row(MANIFEST, Level.LOCAL)
    assert row == replace(proof(A), date="2026-02-03", unsupported={"kv-router": "one worker"})


def test_a_run_in_part_changes_nothing() -> None:
    for ledger in (Ledger(), one(proof(A)), one(Gap("not run"))):
        assert merged(ledger, [observation(B, whole=False)]) == ledger


def test_what_failed_is_no_proof_any_more() -> None:
    ledger = merged(one(proof(A)), [observation(A, failed=("usage", "chat"))])
    assert ledger == one(Gap("failed on 2026-02-03: usage, chat"))


def test_what_shows_nothing_is_no_proof() -> None:
    seen = observation(A, passed={}, unsupported={"ready": "no encoder", "chat": "no encoder"})
    assert merged(Ledger(), [seen]) == one(Gap("UNSUPPORTED: no encoder"))


def test_a_run_of_another_release_than_the_images_is_no_proof() -> None:
    row = merged(Ledger(), [observation(A, images="0.7.1")]).row(MANIFEST, Level.LOCAL)
    assert isinstance(row, Gap)
    assert "the images' 0.7.1" in row.why


def test_what_is_seen_again_keeps_its_day_and_what_changed_gets_another() -> None:
    again = merged(one(proof(A)), [observation(A)])
    assert again == one(proof(A))
    others = (
        observation(B),
        observation(A, passed={"ready": 1}),
        replace(observation(A), engine="mock z"),
    )
    for other in others:
        row = merged(one(proof(A)), [other]).row(MANIFEST, Level.LOCAL)
        assert isinstance(row, Proof)
        assert row.date == "2026-02-03"


def test_rows_fit_the_tree(tmp_path: Path) -> None:
    tree = plant(tmp_path)
    kept, old = proof(digest(tree, MANIFEST)), proof(A)
    before = Ledger(
        {
            MANIFEST: {Level.LOCAL: kept, Level.LINT: old, Level.KIND: Gap("failed")},
            SCRIPT: {Level.SCRIPT: replace(proof(digest(tree, SCRIPT)), release="1.0.0")},
            "gone": {Level.LINT: kept},
        }
    )
    ledger = fitted(before, tree)
    assert set(ledger.rows) == {form.key for form in tree.forms}
    assert ledger.row(MANIFEST, Level.LOCAL) == kept
    assert ledger.row(MANIFEST, Level.KIND) == Gap("failed")
    lint, script = ledger.row(MANIFEST, Level.LINT), ledger.row(SCRIPT, Level.SCRIPT)
    assert lint == Gap("not run since its files changed; proven before, on 2026-01-02")
    assert script == Gap("not run with Dynamo 1.6.1; proven with 1.0.0 on 2026-01-02")
    assert ledger.row(SCRIPT, Level.REAL) == Gap("not run: needs the engine and its GPUs")
    assert audit(ledger, tree) == ()


def test_the_audit_finds_what_has_no_row_and_rows_of_nothing(tmp_path: Path) -> None:
    tree = plant(tmp_path)
    whole = fitted(Ledger(), tree)
    assert audit(whole, tree) == ()
    less = {file: dict(levels) for file, levels in whole.rows.items()}
    del less[SCRIPT]
    del less[MANIFEST][Level.KIND]
    assert [line.partition(":")[0] for line in audit(Ledger(less), tree)] == [
        f"{MANIFEST} has no row for kind",
        f"{SCRIPT} has no row for script, real",
    ]
    more = {**whole.rows, "gone": {Level.LINT: Gap("x")}}
    more[SCRIPT] = {**more[SCRIPT], Level.LINT: Gap("x")}
    assert [line.partition(":")[0] for line in audit(Ledger(more), tree)] == [
        f"{SCRIPT} has rows for lint, which it cannot be proven at",
        "gone has rows and is no example",
    ]


def test_the_audit_finds_rows_for_other_bytes_and_releases(tmp_path: Path) -> None:
    tree = plant(tmp_path)
    right = proof(digest(tree, MANIFEST))
    for row, words in (
        (right, ()),
        (replace(right, files=A), ("the row is for other bytes",)),
        (replace(right, release="1.5.0"), ("the row is for Dynamo 1.5.0, not 1.6.1",)),
    ):
        rows = dict(fitted(Ledger(), tree).rows)
        rows[MANIFEST] = {**rows[MANIFEST], Level.LOCAL: row}
        found = audit(Ledger(rows), tree)
        assert len(found) == len(words)
        assert all(word in line for word, line in zip(words, found, strict=True))


def test_a_changed_file_is_other_bytes(tmp_path: Path) -> None:
    tree = plant(tmp_path)
    ledger = fitted(merged(Ledger(), [observation(digest(tree, MANIFEST))]), tree)
    assert audit(ledger, tree) == ()
    path = tmp_path / MANIFEST
    path.write_text(path.read_text("utf-8") + "# more\n", encoding="utf-8")
    (line,) = audit(ledger, read_tree(tmp_path))
    assert line.startswith(f"{MANIFEST}, local: the row is for other bytes")


def test_another_mock_engine_is_told_and_is_no_fault(tmp_path: Path) -> None:
    tree = plant(tmp_path)
    files = digest(tree, MANIFEST)
    for engine, told in (("mock old", True), (f"mock {version()}", False), ("vllm 1", False)):
        ledger = fitted(one(proof(files, engine=engine)), tree)
        assert audit(ledger, tree) == ()
        assert aged(ledger) == ((f"{MANIFEST}: local",) if told else ())


def test_a_run_that_shows_less_contradicts_the_ledger() -> None:
    ledger = one(proof(A))
    more = observation(A, passed={"chat": 3, "more": 1, "ready": 1})
    assert contradictions(ledger, [more]) == ()
    for passed, unsupported, end in (
        ({"ready": 1}, {}, "0"),
        ({"ready": 1, "chat": 1}, {}, "1"),
        ({"ready": 1, "chat": 1}, {"chat": "no words"}, "1 (no words)"),
    ):
        seen = observation(A, passed=passed, unsupported=unsupported)
        (line,) = contradictions(ledger, [seen])
        assert line == f"{MANIFEST}, local: the ledger has 2 of chat passed; now: {end}"


def test_what_fails_contradicts_the_ledger_whatever_else_passes() -> None:
    seen = observation(A, passed={"chat": 9, "ready": 1}, failed=("chat.id",))
    (line,) = contradictions(one(proof(A)), [seen])
    assert line == f"{MANIFEST}, local: the ledger says that nothing failed; now: chat.id"


def test_another_profile_is_another_question() -> None:
    seen = replace(observation(A, passed={"ready": 1}), profile="extended")
    assert contradictions(one(proof(A)), [seen]) == ()


def test_other_bytes_gaps_and_runs_in_part_contradict_nothing() -> None:
    less = observation(A, passed={})
    assert contradictions(one(proof(B)), [less]) == ()
    assert contradictions(one(Gap("x")), [less]) == ()
    assert contradictions(one(proof(A)), [replace(less, whole=False)]) == ()


OWN = "0.3.1"
OWN_MANIFEST = """apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: {name: small}
spec:
  services:
    Frontend:
      componentType: main
      extraPodSpec:
        mainContainer:
          image: nvcr.io/nvidia/ai-dynamo/vllm-runtime:0.3.1
          args: [dynamo, serve, "graphs.agg:Frontend"]
"""


def own_release(tmp_path: Path) -> Tree:
    """Return a tree whose manifest, and so its script, is for an old release."""
    plant(tmp_path)
    (tmp_path / MANIFEST).write_text(OWN_MANIFEST, encoding="utf-8")
    return read_tree(tmp_path)


@pytest.mark.parametrize(("file", "level"), [(MANIFEST, Level.LOCAL), (SCRIPT, Level.SCRIPT)])
def test_a_proof_on_the_release_that_a_file_is_for_counts(
    file: str, level: Level, tmp_path: Path
) -> None:
    tree = own_release(tmp_path)
    row = replace(proof(digest(tree, file)), release=OWN)
    ledger = fitted(one(row, file=file, level=level), tree)
    assert ledger.row(file, level) == row
    assert audit(ledger, tree) == ()
    other = fitted(one(replace(row, release="0.9.1"), file=file, level=level), tree)
    assert isinstance(other.row(file, level), Gap)


def test_todays_release_takes_no_proof_of_another_away() -> None:
    ledger = one(replace(proof(A), release=OWN))
    seen = replace(observation(A), passed={}, unsupported={"ready": "old"}, images=OWN)
    assert merged(ledger, [seen]) == ledger
    assert contradictions(ledger, [seen]) == ()
    assert contradictions(ledger, [replace(seen, images="")]) != ()
    assert merged(ledger, [replace(seen, images="")]) != ledger


def test_a_graph_of_the_sdk_is_made_of_modules_and_components(tmp_path: Path) -> None:
    tree = own_release(tmp_path)
    before = digest(tree, MANIFEST)
    for name in ("graphs/agg.py", "components/worker.py"):
        path = tmp_path / "any" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("", encoding="utf-8")
        after = digest(read_tree(tmp_path), MANIFEST)
        assert after != before
        before = after


def elsewhere(files: str, release: str, **more: object) -> Observation:
    return replace(observation(files), release=release, is_elsewhere=True, **more)  # type: ignore[arg-type]


def test_rows_of_other_releases_are_read_back_oldest_first(tmp_path: Path) -> None:
    others: dict[str, Row] = {"1.10.0": Gap("no"), "0.9.1": replace(proof(A), by="x.yaml")}
    ledger = Ledger({MANIFEST: {Level.LINT: proof(A)}}, {MANIFEST: others})
    path = tmp_path / LEDGER
    path.write_text(ledger.text(), encoding="utf-8")
    assert read_ledger(path) == ledger
    text = ledger.text()
    assert text.index('"lint"') < text.index('"local@0.9.1"') < text.index('"local@1.10.0"')


def test_another_release_changes_its_own_row_alone() -> None:
    before = Ledger({MANIFEST: {Level.LOCAL: proof(A)}})
    after = merged(before, [elsewhere(A, "0.9.1", images="1.6.1")])
    assert after.rows == before.rows
    row = after.elsewhere[MANIFEST]["0.9.1"]
    assert isinstance(row, Proof)
    assert row.release == "0.9.1"
    assert not merged(before, [elsewhere(A, "0.9.1", whole=False)]).elsewhere


def test_what_stands_for_a_file_counts_where_the_file_shows_nothing() -> None:
    own = elsewhere(A, "0.9.1")
    refused = elsewhere(A, "0.9.1", passed={}, unsupported={"ready": "does not take it"})
    told = elsewhere(B, "0.9.1", by="x.yaml")

    def row(*seen: Observation) -> Row:
        return merged(Ledger(), seen).elsewhere[MANIFEST]["0.9.1"]

    assert row(refused, told) == told.row
    assert row(own, told) == own.row
    assert row(told, own) == own.row
    assert row(refused) == Gap("UNSUPPORTED: does not take it")


def test_a_file_that_changed_is_not_proven_on_other_releases(tmp_path: Path) -> None:
    tree = plant(tmp_path)
    others: dict[str, Row] = {
        "0.9.1": replace(proof(A), by="x.yaml"),
        "1.2.1": proof(A),
        "1.4.2": proof(digest(tree, MANIFEST)),
    }
    rows = fitted(Ledger({}, {MANIFEST: others, "gone.yaml": others}), tree).elsewhere
    assert set(rows) == {MANIFEST}
    assert rows[MANIFEST]["0.9.1"] == others["0.9.1"]
    assert isinstance(rows[MANIFEST]["1.2.1"], Gap)
    assert rows[MANIFEST]["1.4.2"] == others["1.4.2"]


def test_a_release_that_shows_less_than_before_is_found() -> None:
    ledger = merged(Ledger(), [elsewhere(A, "0.9.1")])
    less = elsewhere(A, "0.9.1", passed={"ready": 1})
    assert [*contradictions(ledger, [less])]
    assert not contradictions(ledger, [elsewhere(A, "0.9.1")])
    assert not contradictions(ledger, [elsewhere(A, "1.2.1", passed={"ready": 1})])
