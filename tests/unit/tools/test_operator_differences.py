"""What operators say otherwise of the recorded manifests, traced to rows; and their page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from operator_differences import (
    CRD_RULE,
    SECTIONS,
    SERVED,
    CaseDifferences,
    Difference,
    compared,
    crd_rules,
    made,
)
from operators_md import page

from dynamo_conformance.api.admission.rule_rows import fields, rules
from dynamo_conformance.api.operator_releases import find

DOCS = Path(__file__).parents[3] / "docs"
MADE = made()


def rows() -> list[tuple[str, Difference]]:
    return [(case["case"], row) for case in MADE["cases"] for row in case["differences"]]


def of(name: str) -> dict[str, Difference]:
    (case,) = [case for case in MADE["cases"] if case["case"] == name] or [
        CaseDifferences(case=name, differences=[])
    ]
    return {row["row"]: row for row in case["differences"]}


def test_the_file_and_the_page_are_made_from_the_data() -> None:
    kept = json.loads((DOCS / "data" / "operator-differences.json").read_bytes())
    assert kept == MADE
    assert (DOCS / "operators.md").read_text(encoding="utf-8") == "\n".join(page()) + "\n"


def test_every_operator_since_0_8_is_held_against_1_5_0_dev() -> None:
    names = [operator.name for operator in compared()]
    assert names == ["0.8", "0.9", "1.0", "1.1", "1.2", "1.3", "1.4", "1.5"]
    assert MADE["v1beta1_before_1_2"] == 133
    assert list(MADE["cases_that_differ"]) == names


@pytest.mark.parametrize(("case", "row"), rows())
def test_a_difference_is_that_of_its_row(case: str, row: Difference) -> None:
    """What is gone is so because the row does not hold there, and what is new because it does."""
    assert row["section"], case
    if row["row"] in SECTIONS:
        assert row["operators"] == ["0.8", "0.9", "1.0", "1.1"]
        return
    if row["row"].startswith(CRD_RULE):
        with_rule = crd_rules()[row["row"].removeprefix(CRD_RULE)]
        assert {name in with_rule for name in row["operators"]} == {row["what"] == "new"}
        return
    data = rules().get(row["row"]) or fields()[row["row"]]
    is_field = row["row"] in fields()
    for name in row["operators"]:
        operator = find(name)
        assert operator is not None
        if row["what"] == "uncertain":
            assert data.is_unsure(operator)
        elif row["row"] == "required-checkpoint-enabled":
            assert data.holds(operator) == (row["what"] == "new")
        elif is_field and row["what"] == "gone":  # Nobody looks inside a field that is unknown.
            assert not data.holds(operator)
        else:
            assert data.holds(operator) == ((row["what"] == "new") != is_field)


@pytest.mark.parametrize(
    ("case", "row", "what", "operators"),
    [
        ("beta: image 'repo/x:my-tag'", "runtime-version", "gone", ["1.2", "1.3"]),
        ("beta: restart on create", "restart", "", []),
        ("alpha: sharedMemory without size", "shared-memory-size", "new", ["0.9", "1.0", "1.1"]),
        ("alpha: baseline", SERVED, "", []),
    ],
)
def test_some_that_the_study_names(case: str, row: str, what: str, operators: list[str]) -> None:
    found = of(case).get(row)
    assert (found["what"] if found else "") == what
    assert (found["operators"] if found else []) == operators


def test_the_rules_of_the_crds_come_in_the_releases_of_the_study() -> None:
    first = {message: releases[0] for message, releases in crd_rules().items()}
    assert first["size is required when disabled is false"] == "1.2"
    assert crd_rules()["sharedMemory.size must not be set when sharedMemory.disabled is true"] == [
        "1.1"
    ]
    restart = "spec.restart must be unset on create; set spec.restart.id after creation to"
    assert [first[message] for message in first if message.startswith(restart)] == ["1.3"]
