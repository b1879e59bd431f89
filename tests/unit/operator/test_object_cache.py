"""The copy of a cluster when its events come late, twice, or not at all."""

from __future__ import annotations

from dynamo_conformance.kube.resources import Key, KubeObject, Owner
from dynamo_conformance.operator.object_cache import ObjectCache


def seen(
    name: str = "d", *, kind: str = "Deployment", uid: str = "1", version: int = 1, owner: str = ""
) -> KubeObject:
    owners = [Owner(name="g", uid=owner).reference()] if owner else []
    return KubeObject(
        {
            "kind": kind,
            "metadata": {
                "name": name,
                "namespace": "ns",
                "uid": uid,
                "resourceVersion": str(version),
                "ownerReferences": [*owners],
            },
        }
    )


KEY = Key("Deployment", "d")


def test_old_news_are_no_news() -> None:
    cache = ObjectCache()
    assert cache.observe(seen(version=5))
    assert not cache.observe(seen(version=5))
    assert not cache.observe(seen(version=4))
    assert cache.observe(seen(version=10))
    assert cache.get("ns", KEY) == seen(version=10)


def test_an_object_that_was_made_again_is_another_one() -> None:
    cache = ObjectCache()
    cache.observe(seen(uid="1", version=9))
    assert cache.observe(seen(uid="2", version=3))
    assert not cache.forget(seen(uid="1"))
    assert cache.get("ns", KEY) == seen(uid="2", version=3)
    assert cache.forget(seen(uid="2"))
    assert not cache.forget(seen(uid="2"))


def test_objects_are_found_by_their_owner() -> None:
    cache = ObjectCache()
    cache.observe(seen("a", owner="x"))
    cache.observe(seen("b", owner="y"))
    assert list(cache.owned("x")) == [Key("Deployment", "a")]
    cache.observe(seen("a", version=2, owner="y"))
    assert cache.owned("x") == {}
    assert len(cache.owned("y")) == 2
    cache.forget(seen("a"))
    assert list(cache.owned("y")) == [Key("Deployment", "b")]
    assert seen(owner="x").controller["name"] == "g"
    assert seen().controller == {}


def test_a_list_tells_what_is_gone_as_well() -> None:
    cache = ObjectCache()
    cache.observe(seen("a", owner="x"))
    cache.observe(seen("b", owner="x"))
    cache.observe(seen("s", kind="Service", owner="x"))
    cache.replace("Deployment", [seen("b", version=3, owner="x"), seen("c", owner="x")])
    assert sorted(key.name for key in cache.owned("x")) == ["b", "c", "s"]
    assert [one.name for one in cache.of_kind("Service")] == ["s"]
    assert sorted(key.name for key in cache.within("ns")) == ["b", "c", "s"]
