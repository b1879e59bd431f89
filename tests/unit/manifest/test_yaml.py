"""YAML as Kubernetes reads it."""

from __future__ import annotations

import pytest

from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.node import Mapping, Mark, Plain, find
from dynamo_conformance.manifest.yaml import parse


def read(text: str) -> Plain:
    return next(parse(text, file="f.yaml")).plain()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # What Kubernetes 1.34.4 made of each, posted as YAML.
        ("yes", True),
        ("Y", True),
        ("off", False),
        ("n", False),
        ("yEs", "yEs"),
        ("true", True),
        ("'true'", "true"),
        ("2026-01-01", "2026-01-01"),
        ("017", 15),
        ("0x1F", 31),
        ("1_000", 1000),
        ("0o17", 15),
        ("0o8", "0o8"),
        ("08", 8),
        ("0b10", 2),
        ("0b2", "0b2"),
        ("_1", "_1"),
        ("1:30", "1:30"),
        ("1e400", "1e400"),
        ("9" * 400, "9" * 400),
        ("9" * 5000, "9" * 5000),
        ("-0x" + "f" * 400, "-0x" + "f" * 400),
        (".5", 0.5),
        ("2.0", 2),
        ("9223372036854775808", 9223372036854775808.0),
        ("-3", -3),
        ("1.5", 1.5),
        ("1e3", 1000),
        ("~", None),
        ('"8"', "8"),
        ("16Gi", "16Gi"),
        ("!!str 8", "8"),
    ],
)
def test_scalars_mean_what_the_api_server_makes_of_them(text: str, value: Plain) -> None:
    assert read(f"a: {text}") == {"a": value}


def test_every_value_knows_its_line_and_column() -> None:
    root = next(parse("a:\n  b:\n    - one\n    - two: 3\n", file="f.yaml"))
    assert isinstance(root, Mapping)
    value = find(root, ("a", "b", 1, "two"))
    assert value is not None
    assert value.mark == Mark(4, 12)
    assert root.mapping("a") is not None
    assert root.entries["a"].mark == Mark(1, 1)


def test_anchors_and_merge_keys_are_resolved() -> None:
    text = "base: &b {p: 1, q: 2}\nmine:\n  <<: *b\n  q: 3\n"
    assert read(text) == {"base": {"p": 1, "q": 2}, "mine": {"p": 1, "q": 3}}


def test_carriage_returns_and_a_byte_order_mark_are_fine() -> None:
    assert read("\ufeffa: 1\r\nb: x\r\n") == {"a": 1, "b": "x"}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x85", "\u2028", "\u2029"])
def test_documents_count_lines_as_the_parser_does(end: str) -> None:
    text = f"# a{end}# b{end}c: 2\n---\nd: 3\n"
    first, second = read_documents(text, file="f.yaml")
    assert (first.root.key_mark("c").line, second.root.key_mark("d").line) == (3, 5)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, 'key "a" is already set in line 1'),
        ("a: [1, 2\n", 2, "not YAML"),
        ("? [a]\n: 1\n", 1, "a key must be a single word"),
        ("a: *nowhere\n", 1, "undefined alias"),
        ("a: 1\nb: .inf\n", 2, "a number that JSON cannot say"),
        ("a: 1\n~: 2\n", 2, 'the key "~" is null'),
        ("a: 1\nb: x\0y\n", 2, "control characters are not allowed, and this is U+0000"),
    ],
)
def test_what_cannot_be_read_says_where(text: str, line: int, words: str) -> None:
    with pytest.raises(ManifestError) as caught:
        list(parse(text, file="f.yaml"))
    assert words in str(caught.value)
    assert caught.value.mark.line == line
    assert str(caught.value).startswith(f"f.yaml:{line}:")


def repeated(levels: int, width: int, *, form: str) -> str:
    """Return a document in which each level stands for the one below, `width` times."""
    lines = [f"a0: &a0 {{{', '.join(f'k{one}: x' for one in range(width))}}}"]
    for level in range(1, levels):
        below = f"*a{level - 1}"
        inner = {
            "list": f"[{', '.join([below] * width)}]",
            "map": f"{{{', '.join(f'k{one}: {below}' for one in range(width))}}}",
            "merge": f"{{<<: {below}, {', '.join(f'k{one}: {below}' for one in range(width))}}}",
        }[form]
        lines.append(f"a{level}: &a{level} {inner}")
    return "\n".join(lines)


CHAIN = "\n".join(["a0: &a0 [x]", *(f"a{one}: &a{one} [*a{one - 1}]" for one in range(1, 3000))])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (repeated(10, 10, form="list"), "expands to more than"),
        (repeated(4, 10, form="list"), "keys and values come from aliases, which kubectl refuses"),
        (repeated(4, 10, form="map"), "keys and values come from aliases, which kubectl refuses"),
        (repeated(10, 10, form="merge"), "expands to more than"),
        (repeated(30, 2, form="list"), "expands to more than"),
        (CHAIN, "nested deeper"),
        (f"a: &a {'x' * 2**20}\nb: [*a, *a, *a, *a]\n", "expands to a document larger than 3 MiB"),
        ("a: &a [*a]\n", "inside of what it stands for"),
        ("a: &a {b: {c: *a}}\n", "inside of what it stands for"),
        ("a: &a {<<: *a}\n", "inside of what it stands for"),
        ("&a [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n", "inside of what it stands for"),
        (f"[{'[], ' * 80_000}]", "more than 75000 keys and values"),
        (f"a: {'x' * 2**22}", "larger than 3 MiB"),
        ("- " * 3000 + "x", "nested deeper"),
    ],
    ids=range(14),
)
def test_what_would_never_end_is_refused(text: str, words: str) -> None:
    with pytest.raises(ManifestError, match=words):
        list(parse(text, file="bomb.yaml"))


def test_aliases_as_people_use_them_are_fine() -> None:
    text = "a: &a {x: 1, z: [2]}\n" + "".join(f"b{one}: *a\n" for one in range(400))
    found = read(text)
    assert isinstance(found, dict)
    assert found["b399"] == {"x": 1, "z": [2]}


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(ManifestError, match="nested deeper"):
        list(parse("[" * 300 + "]" * 300, file="deep.yaml"))


def test_keys_are_what_json_would_call_them() -> None:
    assert read("{on: 1, 0x10: 2, 1: 3}") == {"true": 1, "16": 2, "1": 3}
