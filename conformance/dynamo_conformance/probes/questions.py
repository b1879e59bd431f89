"""The questions that several areas share, and how questions are made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from dynamo_conformance.probes.exchange import MODEL, CannotShow, Question, find
from dynamo_conformance.probes.shapes import Shape

if TYPE_CHECKING:
    from dynamo_conformance.probes.exchange import Exchange, Headers, Json, JsonObject

CHAT_PATH: Final = "/v1/chat/completions"
COMPLETIONS_PATH: Final = "/v1/completions"
MODELS_PATH: Final = "/v1/models"

PROMPT: Final = "Name three rivers, and say where they end."
MAX_TOKENS: Final = 16
DETERMINED_TOKENS: Final = 24
LONG_TOKENS: Final = 4000
TIMES_LONGER: Final = 31
THOUGHTS: Final = ("reasoning_content", "reasoning")
"""What servers call the field of what a model thought; OpenAI's specification has none."""

STOPS: Final = ("e",)
STOP_TOKENS: Final = 32
"""So many that a stop word comes."""

USAGE: Final[JsonObject] = {"include_usage": True}
STREAM: Final[JsonObject] = {"stream": True}
DETERMINED: Final[JsonObject] = {"temperature": 0, "seed": 7, "max_tokens": DETERMINED_TOKENS}


def user(content: Json) -> JsonObject:
    """Return a user's message."""
    return {"role": "user", "content": content}


def chat(name: str, *, messages: Json = None, **fields: Json) -> Question:
    """Return a question of chat; a few tokens are enough, unless the fields say how many."""
    body: JsonObject = {"model": MODEL, "messages": messages or [user(PROMPT)]}
    if not {"max_tokens", "max_completion_tokens"} & fields.keys():
        body["max_tokens"] = MAX_TOKENS
    return Question(name=name, path=CHAT_PATH, fields={**body, **fields})


def completion(name: str, *, prompt: Json = PROMPT, **fields: Json) -> Question:
    """Return a question of completions."""
    body: JsonObject = {"model": MODEL, "prompt": prompt, "max_tokens": MAX_TOKENS}
    return Question(name=name, path=COMPLETIONS_PATH, fields={**body, **fields})


def get(name: str, path: str, *, headers: Headers = ()) -> Question:
    """Return a question without a body."""
    return Question(name=name, path=path, method="GET", headers=headers)


def varied(question: Question, name: str, **fields: Json) -> Question:
    """Return a question like another, with other fields."""
    return replace(question, name=name, fields={**(question.fields or {}), **fields})


def without(question: Question, name: str, field: str) -> Question:
    """Return a question like another that lacks a field."""
    fields = {key: value for key, value in (question.fields or {}).items() if key != field}
    return replace(question, name=name, fields=fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextApi:
    """One of the two APIs that answer with text: its words, and what is asked of it.

    Attributes:
        name: As it stands in the ids of probes.
        text: Where the text stands in a choice of a whole answer.
        delta: Where it stands in a choice of a chunk.
        plain: The simplest question.
        determined: One whose answer is the same each time.
    """

    name: str
    whole: Shape
    chunk: Shape
    text: tuple[str, ...]
    delta: tuple[str, ...]
    plain: Question
    determined: Question

    def ask(self, name: str, **fields: Json) -> Question:
        """Return the plain question with further fields."""
        return varied(self.plain, f"{self.name}-{name}", **fields)

    def ask_determined(self, name: str, **fields: Json) -> Question:
        """Return the determined question with further fields."""
        return varied(self.determined, f"{self.name}-{name}", **fields)

    @property
    def again(self) -> Question:
        """The plain question once more."""
        return self.ask("again")

    @property
    def streamed(self) -> Question:
        """The plain question, streamed."""
        return self.ask("streamed", **STREAM)

    @property
    def streamed_usage(self) -> Question:
        """The plain question, streamed, with the usage."""
        return self.ask("streamed-usage", stream_options=USAGE, **STREAM)

    @property
    def stopped(self) -> Question:
        """A question whose answer a stop word ends."""
        return self.ask("stop", stop=[*STOPS], max_tokens=STOP_TOKENS)

    @property
    def stopped_stream(self) -> Question:
        """The same, streamed."""
        return varied(self.stopped, f"{self.name}-stop-streamed", stream_options=USAGE, **STREAM)

    @property
    def determined_stream(self) -> Question:
        """The determined question, streamed."""
        return self.ask_determined("determined-streamed", stream_options=USAGE, **STREAM)

    @property
    def determined_again(self) -> Question:
        """The determined question once more."""
        return self.ask_determined("determined-again")

    @property
    def unstopped(self) -> Question:
        """The determined question with a stop word that never comes."""
        return self.ask_determined("stop-unused", stop=["\x02\x03"])

    @property
    def longer(self) -> Question:
        """The plain question with a prompt of many times the words."""
        text = " ".join([PROMPT] * TIMES_LONGER)
        if self.name == "chat":
            return self.ask("longer", messages=[user(text)])
        return self.ask("longer", prompt=text)

    @property
    def long(self) -> Question:
        """A question with a long answer, where answers can be chosen."""
        replay = "long" if self.name == "chat" else "long-text"
        return replace(self.ask("long", max_tokens=LONG_TOKENS), replay=replay)

    @property
    def long_stream(self) -> Question:
        """The same, streamed."""
        return varied(self.long, f"{self.name}-long-streamed", **STREAM)

    @property
    def across(self) -> Question:
        """A question whose answer a stop word over the border of tokens ends."""
        return self._stopped_across("stop-across")

    @property
    def across_stream(self) -> Question:
        """The same, streamed."""
        return self._stopped_across("stop-across-streamed", **STREAM)

    def _stopped_across(self, name: str, **fields: Json) -> Question:
        """Return the determined question with a stop word across two words of its answer."""

        def across(exchange: Exchange) -> JsonObject:
            return {"stop": stop_across(text_at(exchange.answer, 0, self.text))}

        question = self.ask_determined(name, **fields)
        return replace(question, after=self.determined, derive=across)


def stop_across(text: str) -> str:
    """Return a piece of a text from the middle, over the border of two words."""
    border = text.find(" ", len(text) // 2)
    if border < 2 or len(text) < border + 3:  # noqa: PLR2004 - two letters on each side
        raise CannotShow(f"the answer has no border of words in its second half: {text!r}")
    return text[border - 2 : border + 3]


def text_at(answer: Json, choice: int, keys: tuple[str, ...]) -> str:
    """Return the text of a choice; empty when there is none.

    Where all tokens went into what the model thought, that is its text.
    """
    *parent, name = keys
    message = find(answer, "choices", choice, *parent)
    text = find(message, name)
    return text if isinstance(text, str) and text else thoughts_in(message)


def thoughts_in(message: Json) -> str:
    """Return what the model thought, as a message or its part in a chunk has it; or nothing."""
    given = (find(message, name) for name in THOUGHTS)
    return next((text for text in given if isinstance(text, str) and text), "")


CHAT: Final = TextApi(
    name="chat",
    whole=Shape.CHAT,
    chunk=Shape.CHAT_CHUNK,
    text=("message", "content"),
    delta=("delta", "content"),
    plain=chat("chat"),
    determined=replace(chat("chat-determined", **DETERMINED), replay="plain"),
)
COMPLETIONS: Final = TextApi(
    name="completions",
    whole=Shape.COMPLETION,
    chunk=Shape.COMPLETION_CHUNK,
    text=("text",),
    delta=("text",),
    plain=completion("completions"),
    determined=replace(completion("completions-determined", **DETERMINED), replay="plain"),
)
