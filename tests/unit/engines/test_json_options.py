"""The keys that vLLM's flags take in their JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.engines import catalog, json_options

if TYPE_CHECKING:
    from dynamo_conformance.engines.flag import Json

KNOWN: Json = {"a": None, "b_c": {"d": None}}


def test_flags_with_known_keys_take_json() -> None:
    settings = catalog.load(json_options.MODULE).settings
    known = {dest: flags for dest, flags in settings.items() if dest in json_options.load()}
    assert len(known) > 10
    assert {flag.type for flags in known.values() for flag in flags if flag.takes == "one"} <= {
        "json",
        "object-with-sizes",
    }


@pytest.mark.parametrize(
    ("given", "unknown"),
    [
        ({"a": {"x": 1}, "b_c": {"d": {}}}, []),
        ({"b-c": {"d": 1}}, []),
        ({"b_c": {"e": 1, "d": 2}, "x": 1}, ["b_c.e", "x"]),
        ({"b_c": [1]}, []),
        ([], []),
        (None, []),
    ],
)
def test_a_key_is_unknown_where_it_stands(given: Json, unknown: list[str]) -> None:
    found = list(json_options.unknown_keys(KNOWN, given))
    assert [key.path for key in found] == unknown
