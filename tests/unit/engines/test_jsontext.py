"""JSON on command lines."""

from __future__ import annotations

import pytest

from dynamo_conformance.engines.flag import parse_json


def test_values_are_read() -> None:
    assert parse_json('{"a": [1, true, null]}') == {"a": [1, True, None]}


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000])
def test_what_is_no_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"deep|Expecting"):
        parse_json(text)
