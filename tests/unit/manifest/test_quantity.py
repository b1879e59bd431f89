"""Quantities, as Kubernetes writes them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from dynamo_conformance.manifest.quantity import parse_quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", "0"),
        (4, "4"),
        ("500m", "0.5"),
        ("16Gi", "17179869184"),
        ("1.5Ki", "1536"),
        ("2k", "2000"),
        ("1E", "1e18"),
        ("1e3", "1000"),
        ("1E-3", "0.001"),
        ("-1", "-1"),
        (".5", "0.5"),
        ("5.", "5"),
        ("100n", "1e-7"),
    ],
)
def test_quantities_are_exact_numbers(text: str | int, number: str) -> None:
    assert parse_quantity(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "8 Gi", "8GB", "one", "1e", "0x10", "1_000", "ki", "1e1.5"])
def test_anything_else_is_none(text: str) -> None:
    assert parse_quantity(text) is None
