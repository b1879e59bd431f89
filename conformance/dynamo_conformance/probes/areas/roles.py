"""Who says what: system, developer, several turns, tools, and content in parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.probes import judging
from dynamo_conformance.probes.exchange import expect
from dynamo_conformance.probes.probe import Feature, Probe, Profile, probe
from dynamo_conformance.probes.questions import CHAT, PROMPT, chat, user

if TYPE_CHECKING:
    from dynamo_conformance.probes.exchange import Exchange, Json, Question

TEXT = (Feature.TEXT,)
CALL: Json = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_level", "arguments": '{"river": "Elbe"}'},
}
TURNS: list[Json] = [
    user("Which river flows through Dresden?"),
    {"role": "assistant", "content": "The Elbe flows through Dresden, in the east of Germany."},
    user(PROMPT),
]
CALLED: list[Json] = [
    user(PROMPT),
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "The level of the Elbe is 2.31 m today."},
]
SYSTEM = chat(
    "roles-system",
    messages=[{"role": "system", "content": "You answer in five words, no more."}, user(PROMPT)],
)
DEVELOPER = chat(
    "roles-developer",
    messages=[{"role": "developer", "content": "You answer in five words, no more."}, user(PROMPT)],
)
SEVERAL = chat("roles-turns", messages=TURNS)
TOOL = chat("roles-tool", messages=CALLED)
PARTS = chat("roles-parts", messages=[user([{"type": "text", "text": PROMPT}])])
TWO_PARTS = chat(
    "roles-two-parts",
    messages=[user([{"type": "text", "text": PROMPT}, {"type": "text", "text": PROMPT}])],
)
NAMED = chat("roles-name", messages=[{"role": "user", "name": "ann", "content": PROMPT}])


def _counted(
    name: str, question: Question, what: str, *, least: int, profile: Profile = Profile.CORE
) -> tuple[Probe, ...]:
    """Return that a question is answered, and that what it adds reaches the prompt."""

    def answered(exchange: Exchange) -> None:
        expect(judging.whole_text(CHAT, exchange).strip(), "a text", exchange.summary)

    def counted(plain: Exchange, exchange: Exchange) -> None:
        counts = judging.prompt_tokens(plain, exchange)
        expect(counts[1] >= counts[0] + least, f"{least} prompt_tokens more than without", counts)

    answered.__doc__ = f"{what} is taken."
    counted.__doc__ = f"{what} reaches the prompt: it costs tokens."
    return (
        probe(f"roles.{name}", question, profile=profile, needs=TEXT)(answered),
        probe(f"roles.{name}-counted", CHAT.plain, question, profile=profile, needs=TEXT)(counted),
    )


COUNTED = (
    *_counted("system", SYSTEM, "A system message", least=5),
    *_counted("developer", DEVELOPER, "A developer message", least=5, profile=Profile.EXTENDED),
    *_counted("turns", SEVERAL, "A conversation of several turns", least=15),
    *_counted("tool", TOOL, "A tool's result", least=5, profile=Profile.EXTENDED),
    *_counted("two-parts", TWO_PARTS, "A second part of a message", least=5),
)


@probe("roles.parts", PARTS, needs=TEXT)
def parts(exchange: Exchange) -> None:
    """Content can be a list of parts."""
    expect(judging.whole_text(CHAT, exchange).strip(), "a text", exchange.summary)


@probe("roles.parts-same", CHAT.plain, PARTS, needs=TEXT)
def parts_same(plain: Exchange, exchange: Exchange) -> None:
    """A text as the only part is the same prompt as the text itself."""
    counts = judging.prompt_tokens(plain, exchange)
    expect(counts[0] == counts[1], f"prompt_tokens {counts[0]}", counts[1])


@probe("roles.name", NAMED, profile=Profile.EXTENDED, needs=TEXT)
def name(exchange: Exchange) -> None:
    """A message may name its author."""
    expect(judging.whole_text(CHAT, exchange).strip(), "a text", exchange.summary)
