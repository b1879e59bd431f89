"""The narrow place between a component and its engine: token ids in, token ids out.

Everything above it is Dynamo and yours, and tested without an engine; everything below it is in
engine.py, the only file that imports one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request asks of the engine.

    Attributes:
        max_tokens: The longest answer.
        temperature: 0 takes the likeliest token each time.
        top_p: Only the likeliest tokens that together are this likely.
        seed: Makes the draw repeatable.
        stop_tokens: Ids that end the answer.
        ignore_eos: Whether the model's own end does not.
    """

    max_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    stop_tokens: tuple[int, ...] = ()
    ignore_eos: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """Some more tokens, and why they are the last ones: `stop`, `length`, or None when not."""

    tokens: list[int]
    finish: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the engine can hold; None where it does not say.

    Attributes:
        context_length: The longest sequence in tokens.
        block_size: Tokens in one KV block.
        blocks: How many KV blocks there are.
    """

    context_length: int
    block_size: int | None = None
    blocks: int | None = None


class Engine(Protocol):
    """An engine that runs one model."""

    async def start(self) -> Limits:
        """Load the model; from then on `generate` works."""

    def generate(self, request: str, prompt: list[int], asked: Asked) -> AsyncIterator[Step]:
        """Yield the answer as it comes.

        Args:
            request: A name for it, to abort it by.
            prompt: The prompt's token ids.
            asked: How to answer.
        """

    async def abort(self, request: str) -> None:
        """End a request whose client is gone."""

    async def stop(self) -> None:
        """Let everything go; called once, and after a start that failed too."""
