"""Probes: what a probe is, what it is given, and how it reports a failure."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

import requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynamo_conformance.engines.serving import Serving
    from dynamo_conformance.targets.interface import Worker

REQUEST_SECONDS = 60.0

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
JsonObject: TypeAlias = "dict[str, Json]"


class ProbeFailure(AssertionError):  # noqa: N818 - an outcome
    """The endpoint does not do what it must."""


class Unsupported(Exception):  # noqa: N818 - an outcome, not a fault
    """The probe cannot be carried out here; the text is the reason."""


class NotRun(Exception):  # noqa: N818 - an outcome, not a fault
    """The check was not carried out, because an earlier check failed; the text names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A graph that is up.

    Attributes:
        url: The frontend's address.
        model: The model id that answers.
        serving: What the graph's manifest promises; None when there is no manifest.
        workers: Where the workers answer /metrics.
    """

    url: str
    model: str
    serving: Serving | None
    workers: tuple[Worker, ...]

    @property
    def frontends(self) -> int:
        """How many frontends there are, any of which may answer a request."""
        return self.serving.frontends if self.serving is not None else 1

    def session(self) -> requests.Session:
        """Return an HTTP session that hides nothing: no retries, no proxies."""
        session = requests.Session()
        session.trust_env = False
        return session

    def post(self, path: str, body: JsonObject) -> requests.Response:
        """Send `body` and return whatever comes back."""
        with self.session() as session:
            return session.post(f"{self.url}{path}", json=body, timeout=REQUEST_SECONDS)

    def curl(self, path: str, body: JsonObject | None = None) -> str:
        """Return the shell line that repeats a request."""
        if body is None:
            return f"curl {self.url}{path}"
        data = shlex.quote(json.dumps(body))
        return f"curl {self.url}{path} -H 'content-type: application/json' -d {data}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphProbe:
    """One check.

    Attributes:
        id: Its name in the test id and in the table.
        run: Returns when all is well.
        applies: Whether a graph that promises this is asked; True for every graph by default.
    """

    id: str
    run: Callable[[Endpoint], None]
    applies: Callable[[Serving | None], bool] = lambda _serving: True


def promised(check: Callable[[Serving], bool]) -> Callable[[Serving | None], bool]:
    """Return whether a graph has a manifest, and what `check` looks for in what it promises."""
    return lambda serving: serving is not None and check(serving)


def writes_text(serving: Serving | None) -> bool:
    """Whether a graph answers with text, as far as its manifest shows."""
    return serving is None or not serving.embeds


AREAS = (
    "registration", "text_answers", "embeddings", "images", "unknown_model", "disaggregation",
    "routing", "feature_claims",
)  # fmt: skip
"""The modules of this room that hold probes, in the order in which they are run."""


def load_graph_probes() -> tuple[GraphProbe, ...]:
    """Return every probe of every area."""
    probes: list[GraphProbe] = []
    for area in AREAS:
        probes += import_module(f"dynamo_conformance.probes.{area}").PROBES
    return tuple(probes)


def expect(condition: object, text: str, *, repeat: str = "") -> None:
    """Raise `ProbeFailure` with `text`, and the line that repeats the request, unless true."""
    if not condition:
        raise ProbeFailure(f"{text}\n  to repeat: {repeat}" if repeat else text)
