"""Names of objects, labels and annotations, as the API server takes them."""

from __future__ import annotations

import pytest

from dynamo_conformance.api.verdict import judge
from dynamo_conformance.manifest.document import read_documents


def messages(metadata: str) -> list[str]:
    text = "apiVersion: nvidia.com/v1beta1\nkind: DynamoGraphDeployment\n"
    (document,) = read_documents(f"{text}metadata: {metadata}\n", file="g.yaml")
    return [one.message for one in judge(document).violations]


@pytest.mark.parametrize(
    "metadata",
    [
        "{name: agg}",
        "{name: a.dotted.name-1}",
        "{name: 1starts-with-digit}",
        "{generateName: agg-}",
        f"{{name: {'a' * 253}}}",
        '{name: g, labels: {app: "", nvidia.com/x: A_b.c}}',
        "{name: g, annotations: {nvidia.com/note: any text at all!}}",
    ],
)
def test_good_names(metadata: str) -> None:
    assert messages(metadata) == []


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ("{name: UPPER}", 'did you mean "upper"?'),
        ("{name: has_underscore}", 'did you mean "has-underscore"?'),
        ("{name: ends-}", "lowercase RFC 1123 subdomain"),
        ("{name: a..b}", "lowercase RFC 1123 subdomain"),
        (f"{{name: {'a' * 254}}}", "Too long: 254 characters"),
        ("{generateName: Agg-}", "metadata.generateName: Invalid value"),
        ("{name: g, labels: {app: -x}}", "metadata.labels.app: Invalid value"),
        (f"{{name: g, labels: {{app: {'a' * 64}}}}}", "at most 63 characters"),
        ("{name: g, labels: {_x: w}}", 'metadata.labels: Invalid value: "_x"'),
        ("{name: g, namespace: In_ference}", 'metadata.namespace: Invalid value: "In_ference"'),
        ("{name: g, annotations: {_up/x: w}}", "prefix part a lowercase RFC 1123 subdomain"),
    ],
)
def test_bad_names_say_which_and_why(metadata: str, words: str) -> None:
    (message,) = messages(metadata)
    assert words in message


def test_the_place_is_the_value_s() -> None:
    text = "apiVersion: nvidia.com/v1beta1\nkind: DynamoGraphDeployment\nmetadata:\n  name: A\n"
    (document,) = read_documents(text, file="g.yaml")
    (violation,) = judge(document).violations
    assert violation.mark == (4, 9)
