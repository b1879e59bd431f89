"""What the emitter writes is what was given, for our reader and for others."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dynamo_conformance.manifest.emitter import emit
from dynamo_conformance.manifest.node import Plain, from_plain
from dynamo_conformance.manifest.yaml import parse

TRICKY = (
    "yes", "Off", "y", "1", "0x1", "0o7", "1_000", "+1", ".5", "1e3", ".inf", ".NaN", "-.Inf",
    "1:20", "12:30:45",
    "2026-01-01", "", " ", "~", "null", "true", "<<", "=", "=x", "-", "- a", "-a", "?",
    "? a", ":a", "a:", "a: b", "a #b", "#x", "|", ">", "[x", "{", "a,b", "*a", "&a", "!t", "%d",
    "@x", "`x", "'", '"', "a\\b", '{"a": "b"}', "---", "...", "a\nb", "a\n", " a\nb", "\n", "a\n\n",
    "\ta\nb", "a\n \n b\n", "a\n# b\n", "a\rb", "a\x85b", "\u2028", "\ufeff", "\U0001f600", "\x7f",
)  # fmt: skip
TEXT = st.sampled_from(TRICKY) | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
# Numbers that YAML and JSON say alike: whole ones in 64 bits, and true fractions.
INTEGER = st.integers(-(2**63), 2**63 - 1)
FRACTION = st.floats(allow_nan=False, allow_infinity=False).filter(lambda one: not one.is_integer())
SCALAR = st.none() | st.booleans() | INTEGER | FRACTION | TEXT
TREE = st.recursive(
    SCALAR,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4)
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(TEXT, TREE, max_size=4))
@example({"a": [[["x"]], [{"b": [{"c": []}]}]]})
def test_what_is_written_is_read_back(plain: dict[str, Plain]) -> None:
    text = emit(from_plain(plain))
    (back,) = parse(text, file="f.yaml")
    assert repr(back.plain()) == repr(plain), text


def test_a_key_of_any_length_is_read_back() -> None:
    long: dict[str, Plain] = {
        "x" * size: {"é " * size: [1, {"-" * size: {"b": 2}}]} for size in (999, 1001, 5000)
    }
    plain: dict[str, Plain] = {"a": [long], **long}
    text = emit(from_plain(plain))
    (back,) = parse(text, file="f.yaml")
    assert back.plain() == plain
    assert yaml.safe_load(text) == plain


@pytest.mark.parametrize("word", TRICKY)
def test_other_readers_take_texts_for_texts(word: str) -> None:
    text = emit(from_plain({word: [word, {word: word}]}))
    assert yaml.safe_load(text) == {word: [word, {word: word}]}, text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("16Gi", "a: 16Gi\n"),
        ("nvcr.io/x/y:1.6.1", "a: nvcr.io/x/y:1.6.1\n"),
        ("--model", "a: --model\n"),
        ("1", 'a: "1"\n'),
        ("yes", 'a: "yes"\n'),
        ('{"b":"c"}', 'a: \'{"b":"c"}\'\n'),
        ("one\ntwo\n", "a: |\n  one\n  two\n"),
        ("one\n\ntwo", "a: |-\n  one\n\n  two\n"),
        (None, "a: null\n"),
        ([{"b": 1, "c": [True]}], "a:\n  - b: 1\n    c:\n      - true\n"),
    ],
)
def test_it_is_written_as_people_do(value: Plain, text: str) -> None:
    assert emit(from_plain({"a": value})) == text
