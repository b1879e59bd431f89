"""Leftovers: the words that none of a module's parsers knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.fault import UsageFault
from dynamo_conformance.engines.parsing import unexpanded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dynamo_conformance.engines.flexible_parser import Token


def runs(tokens: Iterable[Token], *, lenient: bool) -> list[list[Token]]:
    """Return the words in runs: an unknown flag and the words right after it are one.

    Args:
        tokens: The words left.
        lenient: Whether words that are not expanded yet are left out; they may become anything.
    """
    sequences: list[list[Token]] = []
    for token in tokens:
        if lenient and unexpanded(token.text):
            continue
        adjoins = bool(sequences) and token.index <= sequences[-1][-1].index + 1
        if not adjoins or token.text.startswith("-"):
            sequences.append([])
        sequences[-1].append(token)
    return sequences


def take_dynamic(
    tokens: Sequence[Token], prefixes: tuple[str, ...]
) -> tuple[list[Token], dict[str, str], list[UsageFault]]:
    """Take out the dotted flags that start with one of `prefixes`, each with its value.

    Returns:
        The other words, the values by what stands behind the prefix, and what is wrong with the
        dotted flags. `dynamo.trtllm` reads `--trtllm.kv_cache_config.dtype fp8` so.
    """
    others: list[Token] = []
    dotted: dict[str, str] = {}
    faults: list[UsageFault] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        at += 1
        prefix = next((prefix for prefix in prefixes if token.text.startswith(prefix)), None)
        if prefix is None:
            others.append(token)
        elif not all(token.text.removeprefix(prefix).split(".")):
            message = f"Invalid dynamic flag (empty key segment): {token.text}"
            faults.append(UsageFault(message, index=token.index))
        elif at == len(tokens) or tokens[at].text.startswith("--"):
            message = f"Dynamic flag {token.text} requires a value"
            faults.append(UsageFault(message, index=token.index))
        else:
            dotted[token.text.removeprefix(prefix)] = tokens[at].text
            at += 1
    return others, dotted, faults


def refusal(tokens: Sequence[Token], *, style: str) -> str:
    """Return how a module words its refusal of unknown words.

    Args:
        tokens: The words.
        style: `argparse`, `logged` (the frontend) or `dynamic` (TensorRT-LLM).
    """
    texts = [token.text for token in tokens]
    if style == "logged":
        return f"Unknown arguments specified: {texts}"
    if style == "dynamic":
        return f"Unrecognized argument: {texts[0]}"
    return f"unrecognized arguments: {' '.join(texts)}"
