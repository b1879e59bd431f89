"""The conversion webhook: what it gives back, and what it says when it cannot."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from webhook_helpers import Body, conversion_review, converted, response

from dynamo_conformance.kube.resources import table
from dynamo_conformance.operator.webhook.conversion_webhook import convert
from dynamo_conformance.operator.webhook.review import ReviewError, refusal_of

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples/llm/vllm_v1/launch/k8s/v1alpha1/disagg_router.yaml"


def graph(version: str, **spec: Plain) -> Body:
    return {
        "apiVersion": f"nvidia.com/{version}",
        "kind": "DynamoGraphDeployment",
        "metadata": {"name": "g", "uid": "1"},
        "spec": {**spec},
    }


def failure(review: Body) -> str:
    answer = convert(review)
    assert "convertedObjects" not in response(answer)
    assert table(response(answer)["result"])["status"] == "Failure"
    return refusal_of(answer) or ""


def test_objects_come_back_in_their_order_and_in_the_version_asked_for() -> None:
    service: Plain = {"componentType": "frontend"}
    objects = [graph("v1alpha1", services={name: service}) for name in ("a", "b")]
    mixed = [*objects, graph("v1beta1", components=[{"name": "c"}])]
    found = response(convert(conversion_review("v1beta1", *mixed)))["convertedObjects"]
    assert found == [
        graph("v1beta1", components=[{"name": "a", "type": "frontend"}]),
        graph("v1beta1", components=[{"name": "b", "type": "frontend"}]),
        graph("v1beta1", components=[{"name": "c"}]),
    ]


def test_what_was_written_in_v1alpha1_is_read_back() -> None:
    written = graph("v1alpha1", pvcs=[{"name": "p"}], services={"W": {"envs": [{"name": "A"}]}})
    stored = converted(written, "v1beta1")
    assert "nvidia.com/dgd-spec" in table(table(stored["metadata"])["annotations"])
    assert converted(stored, "v1alpha1") == written


@pytest.mark.parametrize(
    ("services", "expected"),
    [
        ({"W": {"replicas": "2"}}, r"spec\.services\.W\.replicas: Invalid value: must be an int"),
        ({"W": {"resources": {"limits": {"gpu": 1}}}}, r"limits\.gpu: Invalid value: must be a s"),
        ({"W": {"replicas": 2**40}}, "does not fit int32"),
        ({"W": {"sharedMemory": {"size": "10Gb"}}}, "no quantity"),
        ([], "must be an object"),
    ],
)  # fmt: skip
def test_what_go_cannot_hold_is_not_converted(services: Plain, expected: str) -> None:
    review = conversion_review("v1beta1", graph("v1alpha1", services=services))
    assert re.search(expected, failure(review))


@pytest.mark.parametrize("wanted", ["v1", "v2alpha1", ""])
def test_a_version_that_is_not_served_is_said(wanted: str) -> None:
    said = failure(conversion_review(wanted, graph("v1beta1")))
    assert said == (
        f"cannot convert to nvidia.com/{wanted}; there is nvidia.com/v1alpha1 and "
        "nvidia.com/v1beta1"
    )


@pytest.mark.parametrize("odd", [None, 5, "x", [], {}, {"apiVersion": "v1", "kind": "Pod"}])
def test_what_is_no_graph_is_said(odd: Plain) -> None:
    assert failure(conversion_review("v1beta1", odd)).startswith("cannot convert what is no Dynamo")


def test_two_components_of_one_name_are_said() -> None:
    both = graph("v1beta1", components=[{"name": "a"}, {"name": "a"}])
    assert failure(conversion_review("v1alpha1", both)).startswith('a second component "a"')


@pytest.mark.parametrize(
    "review",
    [
        None, [], "x", {}, {"request": None}, {"request": {"uid": 5, "objects": []}},
        {"request": {"uid": "u"}}, {"request": {"uid": "u", "objects": {}}},
    ],
)  # fmt: skip
def test_what_is_no_review_is_an_error(review: Plain) -> None:
    with pytest.raises(ReviewError):
        convert(review)


def test_what_nests_too_deep_is_an_error() -> None:
    deep: Plain = []
    for _ in range(400):
        deep = [deep]
    with pytest.raises(ReviewError, match="nests deeper"):
        convert(conversion_review("v1beta1", graph("v1alpha1", services={"W": {"x": deep}})))


@pytest.mark.parametrize("version", ["v1beta1", "v1alpha1"])
def test_a_list_of_a_hundred_takes_well_under_a_second(version: str) -> None:
    written: Body = yaml.load(EXAMPLE.read_bytes(), Loader=yaml.CSafeLoader)
    body = converted(written, "v1beta1") if version == "v1alpha1" else written
    review = conversion_review(version, *[body] * 100)
    begin = time.process_time()
    convert(review)
    assert time.process_time() - begin < 0.8
