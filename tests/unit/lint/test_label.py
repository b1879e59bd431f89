"""Names inside a pod, as Kubernetes takes them."""

from __future__ import annotations

import pytest

from dynamo_conformance.lint.name_faults import (
    label_fault,
    port_fault,
    spelt_as_label,
    subdomain_fault,
    value_fault,
)


@pytest.mark.parametrize("text", ["a", "1", "a-b", "a" * 63])
def test_labels(text: str) -> None:
    assert label_fault(text) is None


@pytest.mark.parametrize("text", ["", "A", "a.b", "a_b", "-a", "a-", "a\n"])
def test_no_labels(text: str) -> None:
    assert "lower case" in (label_fault(text) or "")


@pytest.mark.parametrize(("fault", "most"), [(label_fault, 63), (subdomain_fault, 253)])
def test_names_are_counted(fault: object, most: int) -> None:
    assert callable(fault)
    assert fault("a" * most) is None
    assert f"{most + 1} characters, at most {most}" in fault("a" * (most + 1))


def test_a_subdomain_is_labels_joined_by_dots() -> None:
    assert subdomain_fault("a.b-c") is None
    assert "joined by dots" in (subdomain_fault("a..b") or "")


def test_a_label_value_may_be_empty_and_is_counted() -> None:
    assert value_fault("") is None
    assert value_fault("A_b.c") is None
    assert "inner" in (value_fault("a b") or "")
    assert "64 characters" in (value_fault("a" * 64) or "")


def test_a_port_name_has_a_letter_and_fifteen_characters_at_most() -> None:
    assert port_fault("1-a") is None
    assert port_fault("80") == "at least one letter"
    assert port_fault("a--b") is not None
    assert "16 characters" in (port_fault("a" * 16) or "")


def test_the_nearest_label() -> None:
    assert spelt_as_label("My_Side.Car-") == "my-side-car"
    assert spelt_as_label("__") is None
