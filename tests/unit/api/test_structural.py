"""The words of the schema check, and where it points."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.api import crd
from dynamo_conformance.api.schema import Schema
from dynamo_conformance.api.schema_validation import violations
from dynamo_conformance.api.verdict import judge
from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.node import Scalar, from_plain, path_text

if TYPE_CHECKING:
    from dynamo_conformance.manifest.jsonschema import JsonObject
    from dynamo_conformance.manifest.node import Plain

HEAD = "apiVersion: nvidia.com/v1beta1\nkind: DynamoGraphDeployment\nmetadata: {name: g}\n"
COMPONENT = HEAD + "spec:\n  components:\n  - name: a\n"


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (COMPONENT + "    replica: 1\n", (7, 5), 'unknown field "spec.components[0].replica"; did'),
        (COMPONENT + "    replicas: one\n", (7, 15), "must be an integer, not the string"),
        (COMPONENT + '    replicas: "1"\n', (7, 15), "write 1 without quotes"),
        (COMPONENT + "    replicas: -1\n", (7, 15), "greater than or equal to 0"),
        (COMPONENT + "    type: wroker\n", (7, 11), 'did you mean "worker"?'),
        (COMPONENT + "  - name: a\n", (7, 5), "Duplicate value"),
        (HEAD + "spec:\n  components:\n  - type: worker\n", (6, 5), "name: Required value"),
        (HEAD + "spec:\n  components:\n  - name: 8\n", (6, 11), 'write "8" in quotes'),
        (HEAD + "spec:\n  components:\n  - name: a_b\n", (6, 11), "does not match"),
        (HEAD + "spec: []\n", (4, 7), "must be an object, not a list"),
        (HEAD.replace("name: g", "nam: g"), (3, 12), 'unknown field "metadata.nam"; did you'),
    ],
)
def test_a_violation_says_where_and_what_to_write(
    text: str, place: tuple[int, int], message: str
) -> None:
    (document,) = read_documents(text, file="g.yaml")
    found = judge(document).violations
    words = [(one.mark, one.message) for one in found]
    assert any(mark == place and message in text for mark, text in words), words


@pytest.mark.parametrize(
    ("schema", "fine", "wrong", "words"),
    [
        (
            {"type": "integer", "minimum": 1, "exclusiveMinimum": True},
            2, 1, "1 should be greater than 1",
        ),
        (
            {"type": "integer", "minimum": 1, "exclusiveMinimum": False},
            1, 0, "0 should be greater than or equal to 1",
        ),
        (
            {"type": "number", "maximum": 1, "exclusiveMaximum": True},
            0, 1, "1 should be less than 1",
        ),
        ({"type": "integer", "maximum": 1}, 1, 2, "2 should be less than or equal to 1"),
        ({"type": "integer", "multipleOf": 3}, 6, 7, "7 should be a multiple of 3"),
        ({"oneOf": [{"minimum": 3}, {"maximum": 5}]}, 6, 4, "exactly one schema (oneOf)"),
        ({"oneOf": [{"minimum": 5}, {"maximum": 3}]}, 5, 4, "exactly one schema (oneOf)"),
        ({"anyOf": [{"minimum": 5}, {"maximum": 3}]}, 3, 4, "at least one schema (anyOf)"),
        ({"allOf": [{"minimum": 3}, {"maximum": 5}]}, 4, 6, "less than or equal to 5"),
        ({"not": {"minimum": 3}}, 2, 3, "must not validate the schema (not)"),
    ],
)  # fmt: skip
def test_numbers_are_held_to_every_bound_of_a_schema(
    schema: JsonObject, fine: int, wrong: int, words: str
) -> None:
    assert list(violations(Scalar(fine), Schema(schema))) == []
    (one,) = violations(Scalar(wrong), Schema(schema))
    assert words in one.message


@pytest.mark.parametrize(
    ("kind", "schema", "value", "words"),
    [
        ("array", {"minItems": 2}, [1], "1 items; at least 2"),
        ("array", {"maxItems": 2}, [1, 2, 3], "3 items; at most 2"),
        ("object", {"minProperties": 2}, {"a": 1}, "1 entries; at least 2"),
        ("object", {"maxProperties": 2}, {"a": 1, "b": 2, "c": 3}, "3 entries; at most 2"),
        ("string", {"minLength": 2}, "a", '"a" should be at least 2 characters long'),
        ("string", {"maxLength": 2}, "abc", "3 characters; at most 2"),
    ],
)
def test_sizes_are_held_to_the_bounds_of_a_schema(
    kind: str, schema: JsonObject, value: Plain, words: str
) -> None:
    whole = Schema({"type": kind, **schema})
    (one,) = violations(from_plain(value), whole)
    assert words in one.message
    fine: dict[str, Plain] = {"array": [1, 2], "object": {"a": 1, "b": 2}, "string": "ab"}
    assert list(violations(from_plain(fine[kind]), whole)) == []


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({}, None),
        ({"type": "integer", "nullable": True}, None),
        ({"type": "integer"}, "must be an integer, not null"),
        ({"x-kubernetes-int-or-string": True}, "must be an integer or a string, not null"),
        (
            {"type": "integer", "x-kubernetes-int-or-string": True},
            "must be an integer or a string, not null",
        ),
    ],
)
def test_null_is_a_value_of_what_may_be_null(schema: JsonObject, words: str | None) -> None:
    said = [one.text for one in violations(Scalar(None), Schema(schema))]
    assert said == ([] if words is None else [words])


def test_numbers_wider_than_the_field_are_refused() -> None:
    (document,) = read_documents(COMPONENT + "    replicas: 3000000000\n", file="g.yaml")
    violation = next(one for one in judge(document).refusals if "fit" in one.text)
    assert "does not fit int32" in violation.message
    assert path_text(violation.path) == "spec.components[0].replicas"


def test_what_the_schema_preserves_is_no_unknown_field() -> None:
    config = "    type: epp\n    eppConfig: {config: {plugins: [{type: t, parameters: {x: 1}}],\n"
    config += "      schedulingProfiles: []}}\n"
    (document,) = read_documents(COMPONENT + config, file="g.yaml")
    assert judge(document).violations == ()


def test_v1alpha1_is_warned_about_in_the_api_server_s_words() -> None:
    text = HEAD.replace("v1beta1", "v1alpha1") + "spec: {}\n"
    (document,) = read_documents(text, file="g.yaml")
    (warning,) = judge(document).warnings
    assert warning.text == (
        "nvidia.com/v1alpha1 DynamoGraphDeployment is deprecated; "
        "use nvidia.com/v1beta1 DynamoGraphDeployment"
    )


def test_the_crd_is_not_old() -> None:
    age = dt.datetime.now(tz=dt.UTC).date() - dt.date.fromisoformat(crd.load().date)
    assert age.days < 270, "make the CRD data anew: tools/crds.py"


@pytest.mark.parametrize(
    ("version", "body", "advice"),
    [
        ("v1beta1", "services: {}", "v1beta1 has components, a list whose items have a name"),
        ("v1beta1", "components: [{name: a, componentType: worker}]", "v1beta1 has type"),
        ("v1beta1", "components: [{name: a, replica: 1}]", 'did you mean "replicas"?'),
        ("v1alpha1", "components: []", "v1alpha1 has services, a map from name to service"),
        ("v1alpha1", "services: {a: {podTemplate: {}}}", "v1alpha1 has extraPodSpec"),
    ],
)
def test_a_word_of_the_other_version_is_answered_with_the_right_one(
    version: str, body: str, advice: str
) -> None:
    text = HEAD.replace("v1beta1", version) + f"spec: {{{body}}}\n"
    (document,) = read_documents(text, file="g.yaml")
    found = judge(document).violations
    assert any(one.message.endswith(f"; {advice}") for one in found), [o.message for o in found]
