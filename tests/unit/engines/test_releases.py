"""Releases: which are known, which speaks for which, and how each does things."""

from __future__ import annotations

import pytest

from dynamo_conformance.engines import catalog, releases
from dynamo_conformance.engines.releases import Release


def _release(text: str) -> Release:
    release = Release.parse(text)
    assert release is not None
    return release


@pytest.mark.parametrize("text", ["1.4", "1.4.x", "latest", "", "\uff11.4.2", "1.4.2.3"])
def test_what_is_no_release_is_none(text: str) -> None:
    assert Release.parse(text) is None


@pytest.mark.parametrize(("text", "said"), [("1.4.2", "1.4.2"), ("v0.10.0", "0.10.0")])
def test_a_release_is_said_as_its_three_numbers(text: str, said: str) -> None:
    assert str(Release.parse(text)) == said


def test_releases_are_ordered_by_number_not_by_letter() -> None:
    assert _release("0.10.0") > _release("0.9.1")


def test_known_releases_are_one_per_minor_oldest_first() -> None:
    known = releases.known()
    assert list(known) == sorted(known)
    assert len({release.line for release in known}) == len(known)
    assert releases.NEWEST == known[-1] == _release(catalog.RELEASE)
    assert known[0] == _release("0.4.1")


@pytest.mark.parametrize(
    ("asked", "speaks", "known"),
    [
        ("1.4.0", "1.4.2", True),
        ("1.4.9", "1.4.2", True),
        ("0.3.2", "0.4.1", False),
        ("0.10.0", "0.9.1", False),
        ("1.7.0", "1.6.1", False),
        ("2.0.0", "1.6.1", False),
    ],
)
def test_the_nearest_release_is_of_the_same_minor_or_older(
    asked: str, speaks: str, *, known: bool
) -> None:
    assert releases.nearest(_release(asked)) == _release(speaks)
    assert releases.is_known(_release(asked)) is known
    assert releases.ways(_release(asked)).release == _release(speaks)


@pytest.mark.parametrize("release", releases.known(), ids=str)
def test_every_release_has_all_its_ways(release: Release) -> None:
    ways = releases.ways(release)
    assert set(ways.engines) == {"vllm", "sglang", "trtllm"}
    assert {"dynamo.frontend", "dynamo.vllm", "dynamo.sglang", "dynamo.trtllm"} <= ways.modules
    assert set(ways.roles) == {"dynamo.vllm", "dynamo.sglang", "dynamo.trtllm", "dynamo.mocker"}
    for role in ways.roles.values():
        assert role.default == "agg"
        assert {*role.words.values(), *role.flags.values()} <= {
            "agg",
            "prefill",
            "decode",
            "encode",
        }
        assert role.mode is not None or not role.words
    for backend in (ways.discovery, ways.request_plane, ways.response_plane, ways.event_plane):
        assert backend.default is None or backend.default in backend.choices
        assert backend.variable is not None or backend.flag is None


@pytest.mark.parametrize(
    ("release", "flags", "mode", "decodes"),
    [
        ("0.4.1", {"--is-prefill-worker"}, None, True),
        ("0.9.1", {"--is-prefill-worker", "--is-decode-worker"}, None, True),
        ("1.3.1", {"--is-prefill-worker", "--is-decode-worker"}, "--disaggregation-mode", False),
        ("1.4.2", set(), "--disaggregation-mode", False),
    ],
)
def test_how_vllms_worker_is_told_its_role(
    release: str, flags: set[str], mode: str | None, *, decodes: bool
) -> None:
    role = releases.ways(_release(release)).roles["dynamo.vllm"]
    assert set(role.flags) == flags
    assert role.mode == mode
    assert role.decode_unsaid is decodes


def test_what_changed_between_releases() -> None:
    old, middle, new = (releases.ways(_release(text)) for text in ("0.4.1", "1.0.2", "1.6.1"))
    assert (old.http_port, middle.http_port, new.http_port) == (8080, 8000, 8000)
    assert (old.kv_connector, middle.kv_connector) == ("nixl", None)
    assert (old.connector_flag, middle.connector_flag) == ("none", "refused")
    assert middle.kv_events["dynamo.vllm"]
    assert not new.kv_events["dynamo.vllm"]
    assert old.namespace_variable == "DYNAMO_NAMESPACE"
    assert (old.planner_module, middle.planner_module)[1] == "dynamo.planner"
    assert new.roles["dynamo.trtllm"].refused == {"prefill_and_decode": "agg"}
    assert "http" in middle.request_plane.choices
    assert "http" not in new.request_plane.choices
