"""What those who run an endpoint use: health, metrics, request ids, CORS."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dynamo_conformance.probes.exchange import expect
from dynamo_conformance.probes.metrics import sums
from dynamo_conformance.probes.probe import DYNAMO, Feature, Profile, probe
from dynamo_conformance.probes.questions import CHAT, CHAT_PATH, MODELS_PATH, get

if TYPE_CHECKING:
    from dynamo_conformance.probes.exchange import Exchange

NEEDS = (Feature.DYNAMO,)
COUNTED = (Feature.DYNAMO, Feature.TEXT)
METRICS_PATH: Final = "/metrics"
ORIGIN: Final = "https://app.example"
REQUEST_ID: Final = "dynamo-probe-1"
REQUESTS: Final = "dynamo_frontend_requests_total"
LINE: Final = re.compile(
    r"[a-zA-Z_:][a-zA-Z0-9_:]*(\{[^}]*\})? (-?[0-9.eE+-]+|[+-]?Inf|NaN)( -?\d+)?"
)
HEALTH = get("health", "/health")
LIVE = get("live", "/live")
METRICS = get("metrics", METRICS_PATH)
COUNTED_QUESTION = CHAT.ask("counted")
METRICS_LATER = replace(get("metrics-later", METRICS_PATH), after=COUNTED_QUESTION)
NAMED = replace(
    CHAT.ask("request-id"),
    headers=(("content-type", "application/json"), ("x-request-id", REQUEST_ID)),
)
PREFLIGHT = replace(
    get("preflight", CHAT_PATH),
    method="OPTIONS",
    headers=(("origin", ORIGIN), ("access-control-request-method", "POST")),
)
FROM_PAGE = get("models-from-page", MODELS_PATH, headers=(("origin", ORIGIN),))


@probe("operations.health", HEALTH, source=DYNAMO, needs=NEEDS)
def health(exchange: Exchange) -> None:
    """/health is answered with 200 and status healthy."""
    expect(exchange.answer.get("status") == "healthy", "status healthy", exchange.summary)


@probe("operations.health-instances", HEALTH, source=DYNAMO, needs=NEEDS)
def health_instances(exchange: Exchange) -> None:
    """/health lists the instances that serve."""
    instances = exchange.answer.get("instances")
    expect(isinstance(instances, list) and instances, "instances", exchange.summary)


@probe("operations.live", LIVE, source=DYNAMO, needs=NEEDS)
def live(exchange: Exchange) -> None:
    """/live is answered with 200."""
    exchange.require_answered()


@probe("operations.metrics", METRICS, source=DYNAMO, needs=NEEDS)
def metrics(exchange: Exchange) -> None:
    """/metrics is text that Prometheus reads."""
    exchange.require_answered()
    expect(exchange.media_type == "text/plain", "text/plain", exchange.media_type)
    lines = [line for line in exchange.text.splitlines() if line and not line.startswith("#")]
    wrong = next((line for line in lines if not LINE.fullmatch(line)), None)
    expect(lines and wrong is None, "lines of `name{labels} value`", wrong or "no line")


@probe(
    "operations.metrics-count",
    METRICS,
    COUNTED_QUESTION,
    METRICS_LATER,
    source=DYNAMO,
    needs=COUNTED,
)
def metrics_count(before: Exchange, question: Exchange, later: Exchange) -> None:
    """The count of requests grows with each request."""
    question.require_answered()
    counts = [sums(exchange.text, REQUESTS) or 0.0 for exchange in (before, later)]
    expect(counts[1] >= counts[0] + 1, f"{REQUESTS} over {counts[0]:g}", f"{counts[1]:g}")


@probe("operations.request-id", NAMED, source=DYNAMO, needs=COUNTED)
def request_id(exchange: Exchange) -> None:
    """The x-request-id that a client sends comes back."""
    exchange.require_answered()
    got = exchange.header("x-request-id")
    expect(got == REQUEST_ID, f"x-request-id: {REQUEST_ID}", got or "none")


@probe("operations.request-id-made", CHAT.plain, profile=Profile.EXTENDED, needs=(Feature.TEXT,))
def request_id_made(exchange: Exchange) -> None:
    """An answer has an x-request-id though none was sent."""
    exchange.require_answered()
    expect(exchange.header("x-request-id"), "an x-request-id", "none")


@probe("operations.preflight", PREFLIGHT, profile=Profile.EXTENDED, needs=(Feature.TEXT,))
def preflight(exchange: Exchange) -> None:
    """A browser that asks whether it may is answered with 200 or 204 and CORS headers."""
    is_allowed = exchange.header("access-control-allow-origin") in ("*", ORIGIN)
    got = f"HTTP {exchange.status} with {dict(exchange.headers)}"
    expect(exchange.status in (200, 204) and is_allowed, "access-control-allow-origin", got)


@probe("operations.cors", FROM_PAGE, profile=Profile.EXTENDED)
def cors(exchange: Exchange) -> None:
    """An answer to a page of another site says that the page may read it."""
    exchange.require_answered()
    got = exchange.header("access-control-allow-origin")
    expect(got in ("*", ORIGIN), "access-control-allow-origin", got or "none")
