"""Whole numbers in text."""

from __future__ import annotations

import pytest

from dynamo_conformance.manifest.quantity import parse_whole


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("+8", 8), ("-3", -3), ("007", 7)])
def test_whole_numbers_are_read(text: str, number: int) -> None:
    assert parse_whole(text) == number


@pytest.mark.parametrize("text", [None, "", "1.5", "1e3", " 1", "\u0661", "9" * 5000, "x"])
def test_anything_else_is_none(text: str | None) -> None:
    assert parse_whole(text) is None
