"""/v1/chat/completions, in one piece."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dynamo_conformance.probes import judging
from dynamo_conformance.probes.exchange import MODEL, JsonObject, Question, expect, find, number
from dynamo_conformance.probes.probe import Feature, Probe, Profile, probe
from dynamo_conformance.probes.questions import CHAT, CHAT_PATH, chat, user
from dynamo_conformance.probes.whole_answers import whole_answers

if TYPE_CHECKING:
    from dynamo_conformance.probes.exchange import Exchange

FEW = 5
LIMITED = chat("chat-max-completion-tokens", max_completion_tokens=FEW)
SIMPLEST = Question(
    name="chat-simplest",
    path=CHAT_PATH,
    fields={"model": MODEL, "messages": [user("Say this is a test, in five words.")]},
)

UNSTREAMED = CHAT.ask("stream-false", stream=False)
NULLS = CHAT.ask("nulls", temperature=None, top_p=None, stop=None, seed=None, n=None, tools=None)

WHOLE = whole_answers(CHAT)
TAKEN: Final[JsonObject] = {
    "user": "ann",
    "safety_identifier": "ann",
    "verbosity": "low",
    "metadata": {"purpose": "test"},
    "service_tier": "auto",
    "prompt_cache_key": "rivers",
    "store": False,
    "reasoning_effort": "low",
}
"""Parameters that need have no effect, and must be taken all the same."""


def _taken(field: str) -> Probe:
    def judge(exchange: Exchange) -> None:
        expect(judging.whole_text(CHAT, exchange).strip(), "a text", exchange.summary)

    judge.__doc__ = f"A question with {field} is answered."
    name = f"takes-{field.replace('_', '-')}"
    question = CHAT.ask(name, **{field: TAKEN[field]})
    needs, profile = (Feature.TEXT,), Profile.EXTENDED
    return probe(f"chat.{name}", question, needs=needs, profile=profile)(judge)


ACCEPTED = tuple(_taken(field) for field in TAKEN)


@probe("chat.role", CHAT.plain, needs=(Feature.TEXT,))
def role(exchange: Exchange) -> None:
    """The message is the assistant's."""
    got = find(exchange.answer, "choices", 0, "message", "role")
    expect(got == "assistant", "role assistant", got)


@probe("chat.max-completion-tokens", LIMITED, needs=(Feature.TEXT,))
def max_completion_tokens(exchange: Exchange) -> None:
    """max_completion_tokens limits the answer as max_tokens does."""
    usage = judging.usage_of(exchange.answer)
    judging.usage_within(usage, FEW)
    judging.usage_matches(usage, judging.made_text(CHAT, exchange))


@probe("chat.simplest", SIMPLEST, needs=(Feature.TEXT,))
def simplest(exchange: Exchange) -> None:
    """A question with a model and a message, and nothing else, is answered."""
    expect(judging.whole_text(CHAT, exchange).strip(), "a text", exchange.summary)


@probe("chat.stream-false", UNSTREAMED, needs=(Feature.TEXT,))
def stream_false(exchange: Exchange) -> None:
    """With stream false the answer comes in one piece."""
    judging.has_id(exchange.answer)


@probe("chat.nulls", NULLS, profile=Profile.EXTENDED, needs=(Feature.TEXT,))
def nulls(exchange: Exchange) -> None:
    """A parameter that is null is as if it was not sent."""
    expect(judging.whole_text(CHAT, exchange).strip(), "a text", exchange.summary)


@probe("chat.no-refusal", CHAT.plain, needs=(Feature.TEXT,))
def no_refusal(exchange: Exchange) -> None:
    """An answer with text is no refusal beside it."""
    message = find(exchange.answer, "choices", 0, "message")
    expect(not find(message, "refusal") or not find(message, "content"), "refusal null", message)


@probe("chat.no-tools", CHAT.plain, profile=Profile.EXTENDED, needs=(Feature.TEXT,))
def no_tools(exchange: Exchange) -> None:
    """Without tools no tool is called."""
    got = find(exchange.answer, "choices", 0, "message", "tool_calls")
    expect(not got, "no tool_calls", got)


@probe("chat.usage-cached", CHAT.again, profile=Profile.EXTENDED, needs=(Feature.TEXT,))
def usage_cached(exchange: Exchange) -> None:
    """No more tokens come from a cache than the prompt has."""
    usage = judging.usage_of(exchange.answer)
    cached = find(usage, "prompt_tokens_details", "cached_tokens") or 0
    most = number(usage, "prompt_tokens")
    expect(isinstance(cached, int) and 0 <= cached <= most, f"at most {most}", usage)
