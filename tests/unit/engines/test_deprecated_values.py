"""Values that engines are about to refuse: the table, against the flags that take them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.engines import catalog, deprecated_values
from dynamo_conformance.engines.role import Role

if TYPE_CHECKING:
    from dynamo_conformance.engines.deprecated_values import DeprecatedValue
    from dynamo_conformance.engines.flag import Json

ENTRIES = [entry for module in catalog.modules() for entry in deprecated_values.load(module)]
OBJECTS = {"json", "object", "object-with-sizes", "json-or-str"}


def name(entry: DeprecatedValue) -> str:
    return f"{entry['setting']} {entry['key']} {entry['source']}"


def test_there_are_values_of_several_engines() -> None:
    assert {entry["module"] for entry in ENTRIES} == {"dynamo.vllm", "dynamo.sglang"}


@pytest.mark.parametrize("entry", ENTRIES, ids=name)
def test_a_flag_takes_them(entry: DeprecatedValue) -> None:
    settings = catalog.load(entry["module"]).settings
    for flag in settings[entry["setting"]]:
        assert (flag.type in OBJECTS) is bool(entry["key"])
        if flag.choices is not None:
            assert set(entry["values"]) <= set(map(str, flag.choices))
            assert set(entry["values"].values()) <= {*map(str, flag.choices), None}
    if "unless" in entry:
        assert entry["unless"] in settings


@pytest.mark.parametrize("entry", ENTRIES, ids=name)
def test_what_is_known_is_whole(entry: DeprecatedValue) -> None:
    assert entry["effect"] in ("deprecated", "replaced", "refused")
    assert re.fullmatch(r"(vllm|sglang)/[\w/]+\.py:\d+", entry["source"])
    assert ("values" in entry) is not ("instead" in entry)
    for instead in entry.get("values", {}).values():
        if isinstance(instead, dict):
            assert set(instead) <= set(map(str, Role))


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"kv_connector": "NixlConnector", "kv_role": "kv_both"}, ["kv_both"]),
        ({"kv_connector": "NixlConnector", "kv_role": "kv_producer"}, []),
        ({"kv_connector": "LMCacheMPConnector", "kv_role": "kv_both"}, []),
        ({"a": [{"kv_connector": "NixlConnector", "kv_role": "kv_both"}]}, ["kv_both"]),
        ({"kv_connector": "NixlConnector", "kv_role": ["kv_both"]}, []),
        ([], []),
        (None, []),
        ("kv_both", []),
    ],
)
def test_values_are_found_in_any_object(value: Json, found: list[str]) -> None:
    (entry,) = (one for one in ENTRIES if one["key"] == "kv_role")
    assert list(deprecated_values.written(entry, value)) == found


def test_a_key_is_found_whatever_its_value() -> None:
    (entry,) = (one for one in ENTRIES if one["key"] == "normalize")
    assert list(deprecated_values.written(entry, {"normalize": None})) == [None]
    assert list(deprecated_values.written(entry, {"use_activation": True})) == []
