"""Made-up answers: tokens of the mock vocabulary, one a step."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.mock_engine import hub_cache
from dynamo_conformance.mock_engine.mock_model import DEFAULT_CONTEXT_LENGTH, context_length
from dynamo_conformance.mock_engine.request_handlers import ANSWER_TOKENS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

STEP_SECONDS = 0.0005


class Requests:
    """The requests that are under way."""

    def __init__(self) -> None:
        self._aborted: set[str] = set()

    def abort(self, name: str) -> None:
        """End a request at its next token."""
        self._aborted.add(name)

    async def answer(self, name: str, count: int) -> AsyncIterator[tuple[int, str | None]]:
        """Yield each token, and why it is the last one: `length`, or `abort`."""
        for index in range(count):
            await asyncio.sleep(STEP_SECONDS)
            aborted = name in self._aborted
            finish = "abort" if aborted else "length" if index == count - 1 else None
            yield random.choice(ANSWER_TOKENS), finish  # noqa: S311 - no secret
            if aborted:
                break
        self._aborted.discard(name)


def longest_sequence(model: str) -> int:
    """Return how many tokens a model takes.

    Raises:
        OSError: The model is neither a folder nor in the hub's cache, as the libraries say it.
    """
    if Path(model).is_dir():
        folder: Path | None = Path(model)
    else:
        folder = hub_cache.find(hub_cache.home(os.environ), model)
    if folder is None:
        raise OSError(f"{model} is not a local folder and is not a model in the hub's cache")
    return context_length(folder) or DEFAULT_CONTEXT_LENGTH
