"""TensorRT-LLM's options: file, overrides and dotted flags, in the order in which they win."""

from __future__ import annotations

import re

import pytest

from dynamo_conformance.engines import catalog
from dynamo_conformance.engines.trtllm_options import (
    BadOptionsError,
    option,
    options,
    transceiver,
    unread,
)

FILE = """\
max_batch_size: 8
cache_transceiver_config: {backend: DEFAULT}
kv_cache_config: {dtype: fp8, tokens_per_block: 32}
"""


def test_what_comes_later_wins_entry_by_entry() -> None:
    override = '{"kv_cache_config": {"tokens_per_block": 64}, "max_batch_size": 4}'
    found = options(file=FILE, override=override, dotted={})
    assert option(found, "kv_cache_config.tokens_per_block") == 64
    assert option(found, "kv_cache_config.dtype") == "fp8"
    assert option(found, "max_batch_size") == 4


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("0.5", 0.5), ("True", True), ("none", None), ("fp8", "fp8")],
)
def test_dotted_flags_are_typed(text: str, value: object) -> None:
    assert options(file=None, override=None, dotted={"a.b": text}) == {"a": {"b": value}}


def test_the_command_line_gives_dotted_flags() -> None:
    words = ("--model", "m", "--trtllm.kv_cache_config.dtype", "fp8", "--trtllm.a", "1")
    dotted = catalog.load("dynamo.trtllm").parse(words).dotted
    assert dotted == {"kv_cache_config.dtype": "fp8", "a": "1"}


def test_what_only_the_engine_understands_is_listed() -> None:
    found = options(file=FILE + "moe_config: {}\n", override=None, dotted={})
    assert unread(found) == ("kv_cache_config.dtype", "moe_config")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (FILE, "DEFAULT"),
        ("cache_transceiver_config: {}", None),
        ("cache_transceiver_config: {backend: null}", None),
        ("a: 1", None),
    ],
)
def test_the_transceiver(text: str, found: str | None) -> None:
    assert transceiver(options(file=text, override=None, dotted={})) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "the engine file is no YAML"),
        ("- a", "the engine file holds no mapping"),
        ("", "the engine file holds no mapping"),
        ("[" * 5000, "the engine file is no YAML"),
        ("a: 2026-13-45", "the engine file is no YAML"),
        ("a: &a {b: *a}", "the engine file: an alias (*) stands inside"),
        (f"a: &a [1, 1]\nb: [{'*a, ' * 60_000}]", "the engine file: expands to more than"),
    ],
    ids=["yaml", "list", "empty", "deep", "date", "cycle", "bomb"],
)
def test_a_file_that_gives_none(text: str, words: str) -> None:
    with pytest.raises(BadOptionsError, match=re.escape(words)):
        options(file=text, override=None, dotted={})
