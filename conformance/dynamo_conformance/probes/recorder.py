"""Asks questions, each once, and keeps what came, byte for byte."""

from __future__ import annotations

import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import quote

import httpx

from dynamo_conformance.mock_engine.chosen_answers import asking_for
from dynamo_conformance.probes.exchange import (
    ID,
    MODEL,
    OK,
    CannotShow,
    Chunk,
    Event,
    Exchange,
    Headers,
    Question,
    string,
)
from dynamo_conformance.probes.metrics import sums

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future
    from types import TracebackType

    from dynamo_conformance.targets.interface import Hand, Worker

MASK: Final = "***"
MOST_BYTES: Final = 32 << 20
UTF8: Final = "utf-8"

SIGNALS: Final = {
    Event.WORKER_KILLED: signal.SIGKILL,
    Event.WORKER_ENDED: signal.SIGTERM,
}
UNDER_WAY: Final = 5
"""Chunks after which an answer is in the middle, and long before its end."""

BEGIN_SECONDS: Final = 30.0
"""How long streams may take to begin."""

POLL_SECONDS: Final = 0.002
BUSY: Final = "dynamo_component_inflight_requests"
"""The requests that a worker is at, in its metrics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the endpoint is, and how it is asked.

    Attributes:
        url: Without `/v1`.
        model: The model that is asked for.
        key: The API key; it is sent, and never kept.
        key_name: The environment variable that holds it.
        headers: Further headers of each request; their values are sent, and never kept.
        ca: A file of certificates that vouch for the server; those of the system by default.
        timeout: Seconds in which an answer must be complete.
    """

    url: str
    model: str
    key: str | None = None
    key_name: str | None = None
    headers: Headers = ()
    ca: str | None = None
    timeout: float = 60.0


def base_url(url: str) -> str:
    """Return an address as people give it without the `/v1` that all paths begin with."""
    return url.rstrip("/").removesuffix("/v1")


class Recorder:
    """Fills the exchanges of a run as they are needed; to be closed.

    `workers` are those of the graph whose system ports can be asked, `sleep` waits where a question
    is to be asked later than another, `hand` does to the graph what questions want done to it, and
    `replays` says whether the engine gives the answers that questions name.
    """

    def __init__(
        self,
        address: Address,
        *,
        workers: tuple[Worker, ...] = (),
        hand: Hand | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        import ssl

        self.address = address
        self.workers = workers
        self.hand = hand
        self._under_way: set[str] = set()
        self.sleep = sleep
        self.replays = False
        self.exchanges: dict[str, Exchange] = {}
        # Reading the certificates of the system takes longer than many a run over plain HTTP.
        is_plain = address.url.startswith("http://")
        verify = ssl.create_default_context(cafile=address.ca) if not is_plain else False
        # No retries, no proxies, no redirects, no compression: nothing that could hide a fault.
        self._client = httpx.Client(
            trust_env=False,
            verify=verify,
            timeout=address.timeout,
            headers={"accept-encoding": "identity", "user-agent": "dynamo-probe"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._client.close()

    def ask(self, question: Question) -> Exchange:
        """Return the exchange of a question, asked now if it has not been."""
        return self._kept(question, question.name, self.address.url)

    def ask_workers(self, question: Question) -> tuple[Exchange, ...]:
        """Return the exchanges of a question with each worker that has a system port."""
        return tuple(
            self._kept(question, f"{question.name}@{worker.name}", worker.system_url)
            for worker in self.workers
        )

    def _kept(self, question: Question, name: str, url: str) -> Exchange:
        kept = self.exchanges.get(name)
        if kept is None:
            kept = self._sent(question, name, url)
            self.exchanges[name] = kept
        return kept

    def ask_all(self, questions: Sequence[Question]) -> tuple[Exchange, ...]:
        """Return the exchanges of questions; those that belong together are sent at once."""
        for event in (None, *Event):
            new = [
                question
                for question in questions
                if question.together
                and question.during is event
                and question.name not in self.exchanges
            ]
            self._ask_at_once(new, event)
        exchanges: list[Exchange] = []
        for question in questions:
            exchanges += (
                self.ask_workers(question) if question.of_workers else (self.ask(question),)
            )
        return tuple(exchanges)

    def _ask_at_once(self, questions: Sequence[Question], event: Event | None) -> None:
        for question in questions:
            if question.after is not None:
                self.ask(question.after)  # Once, not once by each that is sent at the same time.
        if questions and event is not None:
            self._ask_during(event, questions)
        elif questions:
            with ThreadPoolExecutor(len(questions)) as pool:
                list(pool.map(self.ask, questions))

    def _ask_during(self, event: Event, questions: Sequence[Question]) -> None:
        """Ask questions at once, and do to the graph what they want in the middle of the answers.

        Raises:
            CannotShow: Nothing can be done here, or no worker was at it any more.
        """
        if self.hand is None:
            raise CannotShow("nothing can be done to the processes of what answers here")
        with ThreadPoolExecutor(len(questions)) as pool:
            asked = [pool.submit(self.ask, question) for question in questions]
            self._wait_under_way(questions, asked)
            worker = self._busiest()
            if worker is not None:
                self.hand.signal(worker, SIGNALS[event])
        if worker is None:
            raise CannotShow("every answer had ended before anything could be done")
        self.hand.restore()

    def _wait_under_way(
        self, questions: Sequence[Question], asked: Sequence[Future[Exchange]]
    ) -> None:
        """Wait until half of the answers are in their middle, or the first has ended."""
        names = {question.name for question in questions}
        deadline = time.monotonic() + BEGIN_SECONDS
        while len(names & self._under_way) * 2 < len(names) and time.monotonic() < deadline:
            if any(future.done() for future in asked):
                return
            time.sleep(POLL_SECONDS)

    def _busiest(self) -> Worker | None:
        """Return the worker that is at most requests, or None where none is at any."""
        busy = {worker: self._requests_at(worker) for worker in self.workers}
        worker = max(busy, key=lambda worker: busy[worker], default=None)
        return worker if worker is not None and busy[worker] else None

    def _requests_at(self, worker: Worker) -> float:
        try:
            answer = self._client.get(f"{worker.system_url}/metrics")
        except httpx.HTTPError:
            return 0.0
        return (sums(answer.text, BUSY) or 0.0) if answer.status_code == OK else 0.0

    def _sent(self, question: Question, name: str, url: str) -> Exchange:
        body = self._body(question)
        path = question.path.replace(MODEL, quote(self.address.model))
        if question.after is not None and ID in path:
            path = path.replace(ID, quote(string(self.ask(question.after).answer, "id")))
        # What is for the endpoint is no business of its workers.
        is_endpoint = not question.of_workers
        own = (*self.address.headers, *self._authorization(question)) if is_endpoint else ()
        request = self._client.build_request(
            question.method,
            f"{url}{path}",
            content=body or None,
            headers=[*question.headers, *own],
        )
        if question.pause:
            self.sleep(question.pause)
        began, start = time.time(), time.monotonic()
        status, headers, chunks, error = 0, (), [], ""  # type: int, Headers, list[Chunk], str
        try:
            response = self._response(request)
        except (httpx.HTTPError, httpx.InvalidURL) as failure:
            error = f"{type(failure).__name__}: {failure}"
        else:
            status, headers = response.status_code, tuple(response.headers.multi_items())
            chunks, error = self._read(response, question, start)
        return Exchange(
            model=self.address.model,
            name=name,
            method=question.method,
            url=str(request.url),
            request_headers=(
                *question.headers,
                *((header, MASK) for header, _ in self.address.headers if is_endpoint),
            ),
            request_body=body,
            key_name=self.address.key_name if self.address.key and is_endpoint else None,
            began=began,
            seconds=time.monotonic() - start,
            status=status,
            headers=tuple((header, self._masked_text(value)) for header, value in headers),
            chunks=self._masked(chunks),
            error=self._masked_text(error),
        )

    def _response(self, request: httpx.Request) -> httpx.Response:
        """Send a request; once more when the connection was kept, and closed in the meantime.

        A server may close a connection that it kept at any time; that is no fault of its answer.
        """
        try:
            return self._client.send(request, stream=True)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            if not self.exchanges:
                raise
        return self._client.send(request, stream=True)

    def _read(
        self, response: httpx.Response, question: Question, start: float
    ) -> tuple[list[Chunk], str]:
        chunks: list[Chunk] = []
        size = 0
        try:
            for data in response.iter_raw():
                at = time.monotonic() - start
                chunks.append(Chunk(at, data))
                size += len(data)
                if question.during is not None and len(chunks) >= UNDER_WAY:
                    self._under_way.add(question.name)
                if question.leave_after is not None and len(chunks) >= question.leave_after:
                    break
                if at > self.address.timeout:
                    return chunks, f"not complete after {self.address.timeout:g} s"
                if size > MOST_BYTES:
                    return chunks, f"more than {MOST_BYTES} bytes"
        except httpx.HTTPError as failure:
            return chunks, f"{type(failure).__name__}: {failure}"
        finally:
            response.close()
        return chunks, ""

    def _body(self, question: Question) -> bytes:
        if question.fields is None:
            model = json.dumps(self.address.model)[1:-1]
            return (question.body or b"").replace(MODEL.encode(UTF8), model.encode(UTF8))
        fields = {**question.fields}
        if question.after is not None and question.derive is not None:
            fields |= question.derive(self.ask(question.after))
        if self.replays and question.replay:
            fields["nvext"] = asking_for(question.replay)
        if fields.get("model") == MODEL:
            fields["model"] = self.address.model
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode(UTF8)

    def _authorization(self, question: Question) -> Headers:
        own = any(name.lower() == "authorization" for name, _ in question.headers)
        if self.address.key is None or own:
            return ()
        return (("authorization", f"Bearer {self.address.key}"),)

    def _secrets(self) -> list[str]:
        given = [value for _, value in self.address.headers]
        return [secret for secret in (self.address.key, *given) if secret]

    def _masked_text(self, text: str) -> str:
        for secret in self._secrets():
            text = text.replace(secret, MASK)
        return text

    def _masked(self, chunks: list[Chunk]) -> tuple[Chunk, ...]:
        """Return chunks without what is secret, should a server send it back."""
        body = b"".join(chunk.data for chunk in chunks)
        secrets = [secret.encode(UTF8) for secret in self._secrets()]
        if not any(secret in body for secret in secrets):
            return tuple(chunks)
        for secret in secrets:
            body = body.replace(secret, MASK.encode(UTF8))
        return (Chunk(chunks[-1].at, body),)
