"""The mutating webhook: what it adds to a graph, and what it leaves alone."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest
from webhook_helpers import Body, RefusedError, mutated, patched, response, review

from dynamo_conformance.kube.resources import table
from dynamo_conformance.manifest.node import from_plain
from dynamo_conformance.operator.webhook.mutating_webhook import mutate, patch
from dynamo_conformance.operator.webhook.review import ReviewError

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain

ORIGIN = "nvidia.com/dynamo-operator-origin-version"
PROVIDER = "nvidia.com/workload-provider"
STAMPS = {ORIGIN: "1.5.0", PROVIDER: "component"}


def graph(*components: Plain, **metadata: Plain) -> Body:
    return {
        "apiVersion": "nvidia.com/v1beta1",
        "kind": "DynamoGraphDeployment",
        "metadata": {"name": "g", **metadata},
        "spec": {"components": [*components]},
    }


def main_of(body: Body) -> Body:
    components = table(body["spec"])["components"]
    assert isinstance(components, list)
    spec = table(table(table(components[0])["podTemplate"])["spec"])
    containers = spec["containers"]
    assert isinstance(containers, list)
    return table(containers[0])


def worker(**main: Plain) -> Body:
    containers: list[Plain] = [{"name": "main", **main}]
    return {"name": "W", "replicas": 1, "podTemplate": {"spec": {"containers": containers}}}


def test_a_graph_that_is_created_is_stamped_as_recorded() -> None:
    found = mutated(review(graph(annotations={"a": "b"})))
    assert table(found["metadata"])["annotations"] == {"a": "b", **STAMPS}
    assert table(mutated(review(graph()))["metadata"])["annotations"] == STAMPS


def test_the_version_of_the_origin_stays_and_the_provider_does_not() -> None:
    given_before: Plain = {ORIGIN: "1.4.0", PROVIDER: "grove"}
    found = mutated(review(graph(annotations=given_before)))
    assert table(found["metadata"])["annotations"] == {ORIGIN: "1.4.0", PROVIDER: "component"}


def test_an_update_is_not_stamped() -> None:
    body = graph(worker())
    assert mutated(review(body, old=body)) == body


def test_a_component_that_does_not_say_how_many_is_one() -> None:
    body = graph({"name": "a"}, {"name": "b", "replicas": 0}, {"name": "c", "replicas": None})
    for asked in (review(body), review(body, old=body)):
        components = table(mutated(asked)["spec"])["components"]
        assert isinstance(components, list)
        assert [table(one)["replicas"] for one in components] == [1, 0, 1]


@pytest.mark.parametrize(
    ("main", "expected"),
    [
        ({"env": [{"value": "x"}]}, {"env": [{"value": "x", "name": ""}]}),
        ({"ports": [{"name": "p"}]}, {"ports": [{"name": "p", "containerPort": 0}]}),
        ({"resources": {"limits": {"nvidia.com/gpu": 8, "cpu": 0.5}}},
         {"resources": {"limits": {"nvidia.com/gpu": "8", "cpu": "0.5"}}}),
        ({"livenessProbe": {"httpGet": {"path": "/"}}},
         {"livenessProbe": {"httpGet": {"path": "/", "port": 0}}}),
        ({"livenessProbe": {"httpGet": {"port": 9090}}},
         {"livenessProbe": {"httpGet": {"port": 9090}}}),
        ({"env": []}, {"env": []}),
    ],
)  # fmt: skip
def test_what_go_writes_of_its_own_is_written(main: Body, expected: Body) -> None:
    assert main_of(mutated(review(graph(worker(**main))))) == {"name": "main", **expected}


def test_a_checkpoint_that_does_not_say_is_off() -> None:
    body = graph({"name": "W", "experimental": {"checkpoint": {}}})
    components = table(mutated(review(body))["spec"])["components"]
    assert isinstance(components, list)
    assert table(components[0])["experimental"] == {"checkpoint": {"enabled": False}}


def test_nothing_else_is_touched() -> None:
    body = graph(worker(image="a/b:1"), annotations=dict(STAMPS))
    answered = response(mutate(review(body)))
    assert answered["allowed"] is True
    assert "patch" not in answered
    odd: Body = {"metadata": {"name": "g", "annotations": dict(STAMPS)}}
    assert mutated(review(odd)) == odd


@pytest.mark.parametrize(
    ("component", "expected"),
    [
        ({"name": "W", "replicas": "2"}, "replicas: Invalid value: must be an integer"),
        (worker(args="--x"), "args: Invalid value: must be a list"),
        (worker(resources={"limits": {"memory": "4GB"}}), '"4GB" is no quantity'),
        ({"name": "W", "replicas": 2**40}, "does not fit int32"),
    ],
)
def test_what_go_cannot_hold_is_refused(component: Body, expected: str) -> None:
    with pytest.raises(RefusedError, match=expected):
        mutated(review(graph(component)))
    status = table(response(mutate(review(graph(component))))["status"])
    assert (status["code"], status["reason"]) == (400, "BadRequest")


@pytest.mark.parametrize("odd", [None, 5, {}, {"request": {"uid": "u"}}])
def test_what_is_no_review_is_an_error(odd: Plain) -> None:
    with pytest.raises(ReviewError):
        mutate(odd)


PAIRS: tuple[tuple[Plain, Plain], ...] = (
    ({}, {"a": 1}),
    ({"a": 1}, {}),
    ({"a": 1}, {"a": True}),
    ({"a": 1}, {"a": 1}),
    ({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 3, "d": None}]}}),
    ({"a": [1]}, {"a": [1, 2]}),
    ({"a": [1]}, {"a": {"b": 1}}),
    ({"a/b": {"~": 1}}, {"a/b": {"~": 2, "~1": 3}}),
    ({"a": None}, {"a": {}}),
)


@pytest.mark.parametrize(("old", "new"), [*PAIRS, *((new, old) for old, new in PAIRS)])
def test_a_patch_makes_the_one_of_the_other(old: Plain, new: Plain) -> None:
    operations = json.dumps(list(patch(from_plain(old), from_plain(new))))
    made = patched(old, base64.b64encode(operations.encode()).decode())
    assert json.dumps(made, sort_keys=True) == json.dumps(new, sort_keys=True)


def test_a_patch_says_no_more_than_what_is_different() -> None:
    old, new = (from_plain({"a": {"b": 1, "c": value}, "d": [1, value]}) for value in (2, 3))
    assert list(patch(old, new)) == [
        {"op": "replace", "path": "/a/c", "value": 3},
        {"op": "replace", "path": "/d/1", "value": 3},
    ]
