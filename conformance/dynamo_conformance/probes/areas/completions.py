"""/v1/completions, in one piece."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.probes import judging
from dynamo_conformance.probes.exchange import (
    CannotShow,
    Json,
    expect,
    find,
    number,
    objects,
    shown,
)
from dynamo_conformance.probes.probe import Feature, Profile, probe
from dynamo_conformance.probes.questions import COMPLETIONS, MAX_TOKENS, PROMPT, completion
from dynamo_conformance.probes.whole_answers import whole_answers

if TYPE_CHECKING:
    from dynamo_conformance.probes.exchange import Exchange

TEXT = (Feature.TEXT,)
SHORT = "The sea is"
TOKENS: list[Json] = [11, 12, 13, 14, 15]
PROMPTS = completion("completions-prompts", prompt=[PROMPT, SHORT], temperature=0, seed=7)
FIRST = completion("completions-first", temperature=0, seed=7)
SECOND = completion("completions-second", prompt=SHORT, temperature=0, seed=7)
IDS = completion("completions-token-ids", prompt=[*TOKENS])
ID_LISTS = completion("completions-token-id-lists", prompt=[[*TOKENS], TOKENS[:2]])
ECHO = completion("completions-echo", echo=True)
SUFFIX = completion("completions-suffix", suffix=" That is all.")
BEST = completion("completions-best-of", n=1, best_of=2)
NONE = completion("completions-one-token", max_tokens=1)

WHOLE = whole_answers(COMPLETIONS)


@probe("completions.prompts", PROMPTS, needs=TEXT)
def prompts(exchange: Exchange) -> None:
    """Two prompts are answered with two choices, indexes 0 and 1."""
    judging.indexes(objects(exchange.answer, "choices"), 2)


@probe("completions.prompts-usage", PROMPTS, FIRST, SECOND, needs=TEXT)
def prompts_usage(both: Exchange, first: Exchange, second: Exchange) -> None:
    """Two prompts cost what each of them costs."""
    counts = judging.prompt_tokens(both, first, second)
    expect(counts[0] == counts[1] + counts[2], "the sum of the other two", counts)


@probe("completions.prompts-order", PROMPTS, FIRST, SECOND, needs=(*TEXT, Feature.DETERMINED))
def prompts_order(both: Exchange, first: Exchange, second: Exchange) -> None:
    """The choices are in the order of the prompts."""
    ordered = sorted(objects(both.answer, "choices"), key=lambda choice: number(choice, "index"))
    expect(len(ordered) == 2, "two choices", ordered)  # noqa: PLR2004 - one for each prompt
    texts = [str(find(choice, "text")) for choice in ordered]
    alone = [judging.whole_text(COMPLETIONS, exchange) for exchange in (first, second)]
    # A batch may change a late token, but not which prompt an answer is nearer to.
    kept, swapped = (_alike(texts, other) for other in (alone, alone[::-1]))
    expect(kept >= swapped, f"the answers to the prompts in order: {shown(alone)}", texts)


def _alike(texts: list[str], others: list[str]) -> int:
    """Return how many characters pairs of texts have in common at their beginnings."""
    return sum(judging.first_difference(*pair) for pair in zip(texts, others, strict=True))


@probe("completions.token-ids", IDS, needs=TEXT)
def token_ids(exchange: Exchange) -> None:
    """A prompt of token ids is answered, and costs as many tokens."""
    expect(judging.whole_text(COMPLETIONS, exchange).strip(), "a text", exchange.summary)
    count = number(exchange.answer, "usage", "prompt_tokens")
    expect(count == len(TOKENS), f"prompt_tokens {len(TOKENS)}", count)


@probe("completions.token-id-lists", ID_LISTS, profile=Profile.EXTENDED, needs=TEXT)
def token_id_lists(exchange: Exchange) -> None:
    """Two prompts of token ids are answered with two choices."""
    judging.indexes(objects(exchange.answer, "choices"), 2)


@probe("completions.one-token", NONE, needs=TEXT)
def one_token(exchange: Exchange) -> None:
    """max_tokens 1 is one token."""
    judging.usage_within(judging.usage_of(exchange.answer), 1)


@probe("completions.echo", ECHO, profile=Profile.EXTENDED, needs=(*TEXT, Feature.ECHO))
def echo(exchange: Exchange) -> None:
    """With echo the answer begins with the prompt."""
    text = judging.whole_text(COMPLETIONS, exchange)
    expect(text.startswith(PROMPT), f"a text that begins with {PROMPT!r}", text)


@probe(
    "completions.suffix", COMPLETIONS.plain, SUFFIX, profile=Profile.EXTENDED,
    needs=(*TEXT, Feature.SUFFIX),
)  # fmt: skip
def suffix(plain: Exchange, exchange: Exchange) -> None:
    """A suffix is taken, or refused with 400: it is not passed over."""
    if exchange.status == 400:  # noqa: PLR2004 - the status itself
        return
    counts = judging.prompt_tokens(plain, exchange)
    expect(counts[1] > counts[0], f"more than {counts[0]} prompt_tokens, with the suffix", counts)


@probe("completions.best-of", BEST, profile=Profile.EXTENDED, needs=(*TEXT, Feature.CHOICES))
def best_of(exchange: Exchange) -> None:
    """best_of 2 draws two, returns one, and counts the tokens of both."""
    judging.indexes(objects(exchange.answer, "choices"), 1)
    tokens = number(exchange.answer, "usage", "completion_tokens")
    is_cut = find(exchange.answer, "choices", 0, "finish_reason") == judging.FINISH_LENGTH
    if tokens <= MAX_TOKENS and not is_cut:
        raise CannotShow("the answers are so short that two cost no more than one may")
    expect(tokens > MAX_TOKENS, f"more than {MAX_TOKENS} completion_tokens", tokens)
