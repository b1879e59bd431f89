"""What the controller asks kopf for, and that kopf writes nothing for it."""

from __future__ import annotations

import base64
import json

import kopf
import pytest

from dynamo_conformance.kube.resources import KubeObject
from dynamo_conformance.operator.controller import controller
from dynamo_conformance.operator.events import event_object, rolling_update_started
from dynamo_conformance.operator.kopf_settings import NoDiffBase, NoProgress
from dynamo_conformance.operator.objects.multinode import new_key
from dynamo_conformance.operator.read_context import features, pull_hosts


def test_only_objects_of_ours_are_watched() -> None:
    selectors = controller().settings.watching.label_selectors
    assert set(selectors.values()) == {"dynamo-conformance/part=operator"}
    assert len(selectors) == 9


def test_nothing_of_kopfs_gets_onto_objects() -> None:
    settings = controller().settings
    body = kopf.Body({"metadata": {"name": "g"}, "spec": {"a": 1}})
    patch = kopf.Patch()
    diffbase, progress = (
        settings.persistence.diffbase_storage,
        settings.persistence.progress_storage,
    )
    assert isinstance(diffbase, NoDiffBase)
    assert isinstance(progress, NoProgress)
    diffbase.store(body=body, patch=patch, essence=diffbase.build(body=body))
    progress.touch(body=body, patch=patch, value="x")
    progress.purge(key=kopf.HandlerId("x"), body=body, patch=patch)
    assert not patch
    assert diffbase.fetch(body=body) is None
    assert progress.fetch(key=kopf.HandlerId("x"), body=body) is None
    assert not settings.posting.enabled


def test_two_controllers_share_nothing() -> None:
    first, second = controller(), controller()
    assert first.registry is not second.registry
    assert first.settings is not second.settings


@pytest.mark.parametrize(
    ("groups", "lws"),
    [
        ((), False),
        (("leaderworkerset.x-k8s.io",), False),
        (("scheduling.volcano.sh",), False),
        (("leaderworkerset.x-k8s.io", "scheduling.volcano.sh"), True),
    ],
)
def test_groups_of_nodes_need_two_api_groups(groups: tuple[str, ...], *, lws: bool) -> None:
    assert features({"groups": [{"name": name} for name in groups]}).lws is lws


def test_other_features_of_a_cluster() -> None:
    names = ("grove.io", "inference.networking.k8s.io")
    found = features({"groups": [{"name": name} for name in names]})
    assert (found.lws, found.grove, found.inference_extension) == (False, True, True)


def test_the_registries_of_a_secret() -> None:
    config = json.dumps({"auths": {"https://index.docker.io/v1/": {}, "nvcr.io": {}}})
    data = {".dockerconfigjson": base64.b64encode(config.encode()).decode()}
    assert pull_hosts(KubeObject({"data": {**data}})) == {"docker.io", "nvcr.io"}
    for broken in ("", "no base64!", base64.b64encode(b"no json").decode()):
        assert pull_hosts(KubeObject({"data": {".dockerconfigjson": broken}})) == frozenset()


def test_keys_are_new_each_time_and_of_the_form_that_ssh_reads() -> None:
    first, second = new_key(), new_key()
    assert first != second
    assert first.private.startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert first.public.startswith(b"ssh-ed25519 ")
    assert first.public.endswith(b"\n")


def test_an_event_names_what_it_is_about() -> None:
    about = KubeObject(
        {"apiVersion": "v1", "kind": "K", "metadata": {"name": "n", "namespace": "ns", "uid": "u"}}
    )
    found = event_object(rolling_update_started("abc"), about)
    assert found.namespace == "ns"
    assert found.name.startswith("n.")
    assert found["note"] == "Starting rolling update to worker hash abc"
    regarding = found["regarding"]
    assert isinstance(regarding, dict)
    assert (regarding["kind"], regarding["name"], regarding["uid"]) == ("K", "n", "u")
