"""What a probe is, and what can become of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynamo_conformance.probes.exchange import JsonObject, Question


class Profile(StrEnum):
    """How much is asked of an endpoint."""

    CORE = "core"
    EXTENDED = "extended"


class Feature(StrEnum):
    """What a probe can need of a graph, so that it can be shown.

    Where an engine and the frontend each have their part there are two: an engine calls TOOLS, and
    the frontend has a TOOL_PARSER that reads the calls; an engine's answers are DETERMINED by
    temperature 0 and a seed, and are REPEATED for whatever reason; what is said is CHOSEN.
    """

    TEXT = "text"
    EMBEDDINGS = "embeddings"
    RESPONSES = "responses"
    MESSAGES = "messages"
    IMAGES = "images"
    TOOLS = "tools"
    TOOL_PARSER = "tool-parser"
    REASONING = "reasoning"
    ADAPTERS = "adapters"
    KV_ROUTER = "kv-router"
    DISAGGREGATED = "disaggregated"
    PREFILL = "prefill"
    ENCODER = "encoder"
    SPECULATION = "speculation"
    KV_OFFLOAD = "kv-offload"
    EXPERTS = "experts"
    MPI = "mpi"
    PLANNER = "planner"
    ENGINE_OPTIONS = "engine-options"
    DYNAMO = "dynamo"
    DETERMINED = "determined"
    REPEATED = "repeated"
    CHOSEN = "chosen"
    CHOICES = "n"
    LOGPROBS = "logprobs"
    ECHO = "echo"
    SUFFIX = "suffix"
    STRUCTURED = "structured"
    TOP_P = "top_p"
    MIN_TOKENS = "min_tokens"
    PENALTIES = "penalties"
    TRAINED = "trained"
    MIGRATION = "migration"


OPENAI: Final = "OpenAI API reference"
SPECIFICATION: Final = "OpenAI API specification"
SSE: Final = "WHATWG HTML, server-sent events"
DYNAMO: Final = "Dynamo documentation"
MANIFEST: Final = "the graph's manifest"
ANTHROPIC: Final = "Anthropic Messages API reference"
HTTP: Final = "RFC 9110"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One thing that can be wrong.

    Attributes:
        id: The area, a dot, and its name.
        sentence: What must be so.
        source: Who says so.
        asks: The questions whose exchanges are judged.
        judge: Takes the exchanges, in the order of `asks`, and returns when all is well.
        needs: What must be there so that it can be shown.
        of_graph: Whether `judge` takes the `ServedGraph` before the exchanges.
    """

    id: str
    sentence: str
    source: str
    asks: tuple[Question, ...]
    judge: Callable[..., None]
    profile: Profile = Profile.CORE
    needs: frozenset[Feature] = field(default_factory=frozenset)
    of_graph: bool = False

    @property
    def disturbs(self) -> bool:
        """Whether something is done to the graph for it; others leave a graph as it is."""
        return any(question.during is not None for question in self.asks)

    @property
    def area(self) -> str:
        """The area to which it belongs."""
        return self.id.partition(".")[0]


def probe(
    name: str,
    *asks: Question,
    source: str = OPENAI,
    profile: Profile = Profile.CORE,
    needs: tuple[Feature, ...] = (),
    of_graph: bool = False,
) -> Callable[[Callable[..., None]], Probe]:
    """Make a probe of a function whose docstring is the sentence."""

    def make(judge: Callable[..., None]) -> Probe:
        sentence = " ".join((judge.__doc__ or "").split())
        return Probe(
            id=name,
            sentence=sentence,
            source=source,
            asks=asks,
            judge=judge,
            profile=profile,
            needs=frozenset(needs),
            of_graph=of_graph,
        )

    return make


class Outcome(StrEnum):
    """What became of a probe."""

    PASS = "PASS"  # noqa: S105 - no password
    FAIL = "FAIL"
    DEVIATION = "DEVIATION"
    UNSUPPORTED = "UNSUPPORTED"
    NOT_RUN = "NOT RUN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The outcome of one probe.

    Attributes:
        reason: Why it is not shown, or since when and where a deviation is known.
        expected: What must come.
        got: What came, shortened.
        curl: The line that repeats the request.
        exchanges: The names of the exchanges that were judged.
        seconds: How long asking and judging took.
    """

    probe: Probe
    outcome: Outcome
    reason: str = ""
    expected: str = ""
    got: str = ""
    curl: str = ""
    exchanges: tuple[str, ...] = ()
    seconds: float = 0.0

    def record(self) -> JsonObject:
        """Return it as JSON; what is empty is left out."""
        texts: JsonObject = {
            "id": self.probe.id,
            "area": self.probe.area,
            "profile": str(self.probe.profile),
            "outcome": str(self.outcome),
            "sentence": self.probe.sentence,
            "source": self.probe.source,
            "reason": self.reason,
            "expected": self.expected,
            "got": self.got,
            "curl": self.curl,
            "exchanges": list(self.exchanges),
        }
        kept: JsonObject = {name: value for name, value in texts.items() if value}
        return kept | {"seconds": round(self.seconds, 4)}
