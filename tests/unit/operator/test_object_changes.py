"""What is written, what is left alone, and what is deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.kube.resources import Key, KubeObject, Owner, kube_object, table
from dynamo_conformance.operator.object_changes import changes, contains, noted_generation, unwanted
from dynamo_conformance.operator.objects.last_applied import LAST_GENERATION, LAST_HASH, noted

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain

OWNER = Owner(name="g", uid="u")


def deployment(replicas: int = 1, *, owner: Owner = OWNER) -> KubeObject:
    made = kube_object(
        "apps/v1", "Deployment", "d", namespace="ns", owner=owner, spec={"replicas": replicas}
    )
    return noted(made)


def account(**labels: str) -> KubeObject:
    return noted(
        kube_object("v1", "ServiceAccount", "a", namespace="ns", owner=OWNER, labels=labels)
    )


def stored(one: KubeObject, *, generation: int | None = 1, **spec: Plain) -> KubeObject:
    """Return an object as an API server gives it back."""
    metadata = {**one.metadata, "uid": "1", "resourceVersion": "9"}
    if generation is not None:
        metadata["generation"] = generation
    defaults: dict[str, Plain] = {"paused": False}
    body = {**one, "metadata": metadata, "status": {}}
    if one.spec:
        body["spec"] = {**one.spec, **defaults, **spec}
    return KubeObject(body)


def live(*objects: KubeObject) -> dict[Key, KubeObject]:
    return {one.key: one for one in objects}


def test_what_is_not_there_is_written() -> None:
    found = changes([deployment()], {})
    assert found.apply == (deployment(),)
    assert found


def test_what_is_there_is_left_alone() -> None:
    assert not changes([deployment(), account()], live(stored(deployment()), stored(account())))


def test_another_hash_is_written_as_the_next_generation() -> None:
    (found,) = changes([deployment(2)], live(stored(deployment(), generation=4))).apply
    assert found.annotations[LAST_GENERATION] == "5"
    assert found.annotations[LAST_HASH] == deployment(2).annotations[LAST_HASH]


def test_a_spec_that_somebody_touched_is_written_again() -> None:
    (found,) = changes([deployment()], live(stored(deployment(), generation=2))).apply
    assert found.annotations[LAST_GENERATION] == "3"


def test_a_generation_that_was_counted_too_high_is_put_right() -> None:
    written = stored(deployment(), generation=7)
    assert noted_generation(written) == "7"
    assert noted_generation(stored(deployment(), generation=1)) is None
    assert noted_generation(stored(account(), generation=None)) is None


def test_what_has_no_generation_is_compared() -> None:
    plain = stored(account(a="b"), generation=None)
    assert not changes([account(a="b")], live(plain))
    touched = KubeObject({**plain, "metadata": {**plain.metadata, "labels": {"a": "c"}}})
    assert changes([account(a="b")], live(touched)).apply


def test_what_carries_no_notes_is_compared() -> None:
    made = kube_object("v1", "ServiceAccount", "p", namespace="ns", owner=None, labels={"a": "b"})
    assert not changes([made], live(stored(made, generation=None)))
    other = made.with_metadata(labels={"a": "c"})
    assert changes([made], live(stored(other, generation=None))).apply == (made,)


@pytest.mark.parametrize("kind", ["PersistentVolumeClaim", "Secret"])
def test_what_is_made_once_is_never_written_again(kind: str) -> None:
    made = kube_object("v1", kind, "x", namespace="ns", owner=None, spec={"size": 1})
    assert changes([made], {}).create == (made,)
    assert not changes([made], live(stored(made, size=2)))


def test_what_belongs_to_another_graph_is_not_touched() -> None:
    other = stored(deployment(owner=Owner(name="h", uid="other")))
    found = changes([deployment(2)], live(other))
    assert not found
    assert [one.present for one in found.conflicts] == [other]


def test_what_nobody_wants_is_deleted_unless_it_is_spared() -> None:
    one, other = stored(deployment()), stored(account())
    claim = kube_object("v1", "PersistentVolumeClaim", "c", namespace="ns", owner=OWNER)
    owned = live(one, other, stored(claim))
    assert unwanted(owned, [account()]) == (one,)
    assert unwanted(owned, [account()], spared=[one.key]) == ()


def test_what_is_being_deleted_is_not_deleted_again() -> None:
    gone = stored(deployment())
    ending = KubeObject({**gone, "metadata": {**gone.metadata, "deletionTimestamp": "now"}})
    assert unwanted(live(ending), []) == ()


@pytest.mark.parametrize(
    ("whole", "part", "is_in"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": 1}, {"b": None}, False),
        ({"a": [{"x": 1, "y": 2}]}, {"a": [{"x": 1}]}, True),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ({}, {"a": {}}, True),
        ({"a": "1"}, {"a": 1}, False),
    ],
)
def test_contains(whole: Plain, part: Plain, *, is_in: bool) -> None:
    assert contains(whole, part) is is_in


def test_an_object_keeps_its_body() -> None:
    before = deployment()
    before.with_metadata(labels={"x": "y"})
    before.with_spec(replicas=9)
    assert table(before["spec"]) == {"replicas": 1}
    assert before.labels == {}
