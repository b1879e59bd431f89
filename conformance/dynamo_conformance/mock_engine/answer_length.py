"""When an answer ends: the rule of the real workers, and the end that a model would find itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dynamo_conformance.mock_engine.chosen_answers import NO_PARSERS, Parsers, chosen_tokens
from dynamo_conformance.mock_engine.mock_model import DEFAULT_CONTEXT_LENGTH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynamo_conformance.engines.flag import Json

NATURAL_TOKENS: Final = 64
"""After so many tokens an answer ends by itself when nobody says how long it may be.

A model ends its answers with a token of its own; words drawn at random never do.
"""

UNSAID_TOKENS: Final = 16
"""How long an answer is when vLLM's and SGLang's own classes are not given a length."""

_LENGTH: Final = "length"
_END_OF_TEXT: Final = "eos"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerLength:
    """How long an answer is.

    Attributes:
        tokens: How many tokens it has.
        reason: Why it ends there, in the words that workers use: "length" or "eos".
        chosen: The tokens, where the request asks for an answer by its name.
    """

    tokens: int
    reason: str
    chosen: list[int] | None = None

    def rest(self, said: int) -> int:
        """Return how many tokens are still to be said after so many."""
        return max(self.tokens - said, 0)


def answer_length(
    request: Mapping[str, Json], *, context_length: int | None, parsers: Parsers = NO_PARSERS
) -> AnswerLength:
    """Return how long the answer to a request is.

    Where max_tokens is missing, the workers of vLLM and TensorRT-LLM fill it in: the answer may
    take what the prompt leaves of the context, and one token at least. SGLang leaves it open, with
    the same end. Source: dynamo.vllm.handlers and dynamo.trtllm's handler_base of 1.6.1.

    Args:
        request: As the frontend hands it to workers.
        context_length: Longest sequence in tokens; None for that of the models that are made up.
        parsers: What reads the answer.
    """
    conditions = request.get("stop_conditions")
    conditions = conditions if isinstance(conditions, dict) else {}
    wanted = conditions.get("max_tokens")
    most = wanted if isinstance(wanted, int) else _left(request, context_length)
    chosen = chosen_tokens(request.get("annotations"), parsers)
    if chosen is not None:
        natural = len(chosen)
    elif isinstance(wanted, int) or conditions.get("ignore_eos"):
        natural = most
    else:
        least = conditions.get("min_tokens")
        natural = max(NATURAL_TOKENS, least if isinstance(least, int) else 0)
    reason = _END_OF_TEXT if natural < most else _LENGTH
    return AnswerLength(tokens=max(min(natural, most), 1), reason=reason, chosen=chosen)


def _left(request: Mapping[str, Json], context_length: int | None) -> int:
    tokens = request.get("token_ids")
    prompt = len(tokens) if isinstance(tokens, list) else 0
    return max((context_length or DEFAULT_CONTEXT_LENGTH) - prompt, 1)


def ended(chunk: dict[str, Json], length: AnswerLength, *, said: int) -> dict[str, Json] | None:
    """Return a chunk of the mocker's answer as it is in an answer of a length.

    The mocker says all tokens of an answer that was chosen, whatever max_tokens allows, and ends
    everything for its length.

    Args:
        chunk: What the mocker says next.
        length: How long the answer is.
        said: How many tokens it has said before.

    Returns:
        The chunk, or None when nothing of it belongs to the answer.
    """
    tokens = chunk.get("token_ids")
    given = tokens if isinstance(tokens, list) else []
    kept = given[: length.rest(said)]
    reason = chunk.get("finish_reason")
    if given and not kept and reason is None:
        return None
    made = {**chunk, "token_ids": kept}
    if reason == _LENGTH:
        made["finish_reason"] = length.reason
    usage = chunk.get("completion_usage")
    if isinstance(usage, dict):
        total = min(said + len(given), length.tokens)
        prompt = usage.get("prompt_tokens")
        made["completion_usage"] = {
            **usage,
            "completion_tokens": total,
            "total_tokens": total + (prompt if isinstance(prompt, int) else 0),
        }
    return made
