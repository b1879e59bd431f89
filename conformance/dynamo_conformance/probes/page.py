"""The page of a run: one file that needs no network and no script, and shows whatever came as text.

`Section` is a graph at a level, or an endpoint; its results are records as `Result.record` and
`Report.record` have them. `page.html` is the template, with `page.css` and `page.js` in it.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from dynamo_conformance.probes.exchange import find
from dynamo_conformance.probes.probe import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dynamo_conformance.probes.exchange import Json, JsonObject

OUTCOMES: Final = tuple(map(str, Outcome))
DETAILS: Final = ("expected", "got", "reason", "curl")
MOST_TEXT: Final = 12_000
"""So many characters are shown of a body, and of all chunks of an answer, about."""
LEAST_TEXT: Final = 400
FIRST_CHUNKS, LAST_CHUNKS = 40, 20
_PLACE: Final = "dynamo_conformance.probes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A component in the picture of a graph.

    Attributes:
        place: `entry`, `worker` or `other`: in which column it stands.
        words: What is said of it below its name.
    """

    name: str
    place: str
    replicas: int
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A graph at a level, or an endpoint.

    Attributes:
        level: Where the graph ran (local, kind, ...); empty for an endpoint at some address.
        about: Where it ran and what answered, as names and words.
        results: A record of each probe.
        exchanges: The recorded exchanges of what failed, by name.
        picture: The components of the graph; empty where no manifest says which.
        changes: What was different from the published file.
    """

    name: str
    level: str = ""
    about: tuple[tuple[str, str], ...] = ()
    results: tuple[JsonObject, ...] = ()
    exchanges: Mapping[str, JsonObject] = field(default_factory=dict)
    picture: tuple[Box, ...] = ()
    changes: tuple[str, ...] = ()

    @property
    def areas(self) -> dict[str, Counter[str]]:
        """How often there is each outcome, by area."""
        counted: dict[str, Counter[str]] = {}
        for result in self.results:
            area = counted.setdefault(str(result["area"]), Counter())
            area[str(result["outcome"])] += 1
        return counted

    @property
    def counts(self) -> Counter[str]:
        """How often there is each outcome."""
        return Counter(str(result["outcome"]) for result in self.results)

    @property
    def seconds(self) -> float:
        """How long its probes took."""
        return sum(float(str(result.get("seconds", 0))) for result in self.results)

    @property
    def failed(self) -> tuple[str, ...]:
        """The ids of what failed."""
        fail = Outcome.FAIL
        return tuple(str(result["id"]) for result in self.results if result["outcome"] == fail)

    @property
    def anchors(self) -> dict[str, str]:
        """Where each exchange stands in the section."""
        return {name: f"x{place}" for place, name in enumerate(self.exchanges)}

    @property
    def recorded(self) -> list[JsonObject]:
        """The exchanges, shortened where they are large."""
        return [_shortened(exchange) for exchange in self.exchanges.values()]


def about(record: JsonObject) -> tuple[tuple[str, str], ...]:
    """Return where a run was, of the record of a report, as names and words."""
    places: dict[str, Json] = {
        "address": record.get("url"),
        "model": record.get("model"),
        "Dynamo": record["release"] or "release unknown" if "release" in record else None,
        "engine": record["engine"] or "unknown" if "engine" in record else None,
        "ran on": record.get("where"),
        "manifest": find(record, "manifest", "name"),
        "SHA-256": find(record, "manifest", "sha256"),
        "profile": record.get("profile"),
        "only": ", ".join(map(str, only)) if isinstance(only := record.get("only"), list) else None,
        "took": f"{record['seconds']} s" if "seconds" in record else None,
        "asked from": find(record, "machine", "platform"),
        "Python": find(record, "machine", "python"),
    }
    return tuple((name, str(words)) for name, words in places.items() if words)


def page(sections: Sequence[Section], *, title: str, record: JsonObject) -> str:
    """Return the page.

    Args:
        sections: What was judged; with several of them there is a table of these first.
        title: The headline.
        record: The report as JSON, for what is said of all sections.
    """
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalized,
    )
    style, script = Markup(_file("page.css")), Markup(_file("page.js"))  # noqa: S704 - our own
    total: Counter[str] = Counter()
    areas: dict[str, None] = {}
    for section in sections:
        total += section.counts
        areas |= dict.fromkeys(section.areas)
    return environment.from_string(_file("page.html")).render(
        about=about(record) if len(sections) != 1 else (),
        areas=list(areas),
        details=DETAILS,
        outcomes=OUTCOMES,
        present=[outcome for outcome in OUTCOMES if total[outcome]],
        record=record,
        script=script,
        script_hash=_hash(script),
        sections=sections,
        style=style,
        style_hash=_hash(style),
        title=title,
        total=total,
    )


def visible(text: str) -> str:
    r"""Return a text in which nothing is hidden: what is no letter or sign is written as `\u202e`.

    Line ends and tabs stay.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in "\n\t" else char.encode("unicode_escape").decode()
        for char in text
    )


def _finalized(value: object) -> object:
    """Make visible whatever the template shows; it is escaped after that."""
    return value if isinstance(value, Markup) else visible(str(value))


def _file(name: str) -> str:
    return files(_PLACE).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return by which hash a browser knows that a style or script is ours."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _shortened(exchange: JsonObject) -> JsonObject:
    """Return an exchange with as much of its bodies as a reader needs; beginning and end stay."""
    recorded = find(exchange, "response", "chunks")
    chunks = recorded if isinstance(recorded, list) else []
    left = len(chunks) - FIRST_CHUNKS - LAST_CHUNKS
    kept = chunks if left <= 0 else chunks[:FIRST_CHUNKS] + chunks[-LAST_CHUNKS:]
    most = max(MOST_TEXT // max(len(kept), 1), LEAST_TEXT)
    frames: list[Json] = [[find(chunk, 0), _cut(find(chunk, 1), most)] for chunk in kept]
    if left > 0:
        frames.insert(FIRST_CHUNKS, [None, f"… {left} more …"])
    return {
        "name": exchange.get("name"),
        "seconds": exchange.get("seconds"),
        "method": find(exchange, "request", "method"),
        "url": find(exchange, "request", "url"),
        "sent": _headers(find(exchange, "request", "headers")),
        "body": _cut(find(exchange, "request", "body"), MOST_TEXT),
        "status": find(exchange, "response", "status"),
        "error": find(exchange, "response", "error"),
        "headers": _headers(find(exchange, "response", "headers")),
        "frames": frames,
    }


def _cut(text: Json, most: int) -> str:
    whole = "" if text is None else str(text)
    more = len(whole) - most
    return whole if more <= 0 else f"{whole[:most]}… {more} more characters"


def _headers(pairs: Json) -> list[Json]:
    lines: Iterable[str] = (
        f"{find(pair, 0)}: {find(pair, 1)}" for pair in (pairs if isinstance(pairs, list) else [])
    )
    return [_cut(line, LEAST_TEXT) for line in lines]
