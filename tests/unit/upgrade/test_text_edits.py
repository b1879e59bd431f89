"""Edits of text: exactly the values that were to change, and nothing else of the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamo_conformance.manifest.node import Mapping, Mark, Scalar, Sequence
from dynamo_conformance.manifest.yaml import parse
from dynamo_conformance.upgrade.text_edits import Edit, EditError, Insert, Remove, Replace, apply

BLOCK = """\
a:
  args:
  - --x  # why
  - "1"
  # above y
  - --y
  k: v # beside
"""


def test_an_item_of_a_block_goes_with_its_line_and_its_comment_stays() -> None:
    after = apply(BLOCK, [Remove(Mark(3, 5)), Remove(Mark(4, 5))])
    assert after == "a:\n  args:\n    # why\n  # above y\n  - --y\n  k: v # beside\n"


def test_items_come_behind_an_item_and_its_comment() -> None:
    after = apply(BLOCK, [Insert(Mark(3, 5), ("--z", '{"a": 1}', "7"))])
    assert after.splitlines()[2:6] == ["  - --x  # why", "  - --z", "  - '{\"a\": 1}'", '  - "7"']


def test_what_comes_behind_an_item_that_goes_comes_behind_the_one_before() -> None:
    after = apply(BLOCK, [Remove(Mark(6, 5)), Insert(Mark(6, 5), ("--z",))])
    assert after.splitlines()[3:6] == ['  - "1"', "  - --z", "  # above y"]


def test_a_key_comes_behind_another_one_at_its_depth() -> None:
    after = apply("- name: x\n  b: 1\n", [Insert(Mark(1, 3), ("c", "yes"), is_key=True)])
    assert after == '- name: x\n  c: "yes"\n  b: 1\n'


@pytest.mark.parametrize(
    ("removed", "after"),
    [
        ((4,), "f: [bb, cc]"),
        ((8,), "f: [aa, cc]"),
        ((12,), "f: [aa, bb]"),
        ((8, 12), "f: [aa]"),
        ((4, 8, 12), "f: []"),
        ((4, 12), "f: [bb]"),
    ],
)
def test_an_item_of_a_flow_list_goes_with_its_comma(removed: tuple[int, ...], after: str) -> None:
    text = "f: [aa, bb, cc]\n"
    assert apply(text, [Remove(Mark(1, column + 1)) for column in removed]) == f"{after}\n"


def test_json_stays_json() -> None:
    after = apply('{"f": ["--x"]}\n', [Insert(Mark(1, 8), ("--y", '{"a":1}'))])
    assert after == '{"f": ["--x", "--y", "{\\"a\\":1}"]}\n'


def test_line_ends_and_a_byte_order_mark_stay() -> None:
    text = "\ufeffa:\r\n- x\r\n- y\r\n"
    edits: list[Edit] = [Insert(Mark(2, 3), ("z",)), Remove(Mark(3, 3))]
    assert apply(text, edits) == "\ufeffa:\r\n- x\r\n- z\r\n"


def test_words_are_replaced_in_a_script() -> None:
    text = "args:\n- |\n  run --old 1\n  # --odd\n"
    assert apply(text, [Replace(Mark(2, 3), "--old 1", "--new")]) == text.replace(
        "--old 1", "--new"
    )


@pytest.mark.parametrize(
    ("text", "edits"),
    [
        ("a: x x\n", [Replace(Mark(1, 4), "x", "y")]),
        ('a: "\\x41"\n', [Replace(Mark(1, 4), "A", "B")]),
        ("a: 1\n", [Replace(Mark(1, 4), "1", "2")]),
        ("a:\n- x\n", [Remove(Mark(2, 3))]),
        ("- - x\n  - y\n", [Remove(Mark(1, 5))]),
        ("a: [x, # why\n  y]\n", [Remove(Mark(1, 5))]),
        ("a: 1\nb: 2\n", [Insert(Mark(1, 1), ("b", "3"), is_key=True)]),
        ("a: &x [v]\nb: *x\n", [Remove(Mark(1, 1), is_key=True)]),
        ("a: v\r", [Replace(Mark(1, 4), "v", "w")]),
        ("a:\n  # why\n  b: 1\n\nc: 2\n", [Remove(Mark(1, 1), is_key=True)]),
    ],
    ids=[
        "twice",
        "escaped",
        "a number",
        "the last item",
        "a shared line",
        "a comment inside",
        "a key that is there",
        "what an alias needs",
        "an odd line end",
        "a comment below the key",
    ],
)
def test_what_cannot_be_done_safely_is_not_done(text: str, edits: list[Edit]) -> None:
    with pytest.raises(EditError):
        apply(text, edits)


WORDS = st.sampled_from(
    ["--flag", "value", "x y", '{"a": "b"}', "7", "yes", "it's", "# no", "a: b"]
)
COMMENTS = st.sampled_from(["", " # why", "  #"])


@st.composite
def lists(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Return a file with a list, in one of the ways that people write it, and its words."""
    words = draw(st.lists(WORDS, min_size=2, max_size=5))
    quoted = [f"'{word.replace(chr(39), chr(39) * 2)}'" for word in words]
    if draw(st.booleans()):
        return f"k: v # first\nargs: [{', '.join(quoted)}]\nz: 1\n", words
    indent = " " * draw(st.integers(0, 4))
    lines = [f"{indent}- {word}{draw(COMMENTS)}\n" for word in quoted]
    return f"k: v # first\nargs:\n{''.join(lines)}z: 1 # last\n", words


@given(lists(), st.data())
def test_any_list_says_exactly_what_it_should(
    case: tuple[str, list[str]], data: st.DataObject
) -> None:
    text, words = case
    (root,) = parse(text, file="")
    assert isinstance(root, Mapping)
    items = root.get("args")
    assert isinstance(items, Sequence)
    kept = data.draw(st.lists(st.booleans(), min_size=len(words), max_size=len(words)))
    kept[0] = True
    new = data.draw(st.lists(WORDS, max_size=2))
    behind = data.draw(st.integers(0, len(words) - 1))
    edits: list[Insert | Remove | Replace] = [
        Remove(item.mark) for item, stays in zip(items, kept, strict=True) if not stays
    ]
    if new:
        edits.append(Insert(items.items[behind].mark, tuple(new)))
    (after,) = parse(edited := apply(text, edits), file="")
    expected = []
    for index, word in enumerate(words):
        expected += [word] if kept[index] else []
        expected += new if index == behind else []
    assert isinstance(after, Mapping)
    assert after.plain() == {"k": "v", "args": expected, "z": 1}
    assert edited.count("#") >= text.count(" #") - sum("# no" in word for word in words)
    assert isinstance(after.get("k"), Scalar)
    assert edited.startswith("k: v # first\n")
