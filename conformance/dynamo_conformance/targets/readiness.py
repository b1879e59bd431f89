"""The truth about readiness: several good completions in a row, and nothing less.

Ready pods, a healthy frontend and a listed model have all been seen on graphs that never answered
a request; so only answers count.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import requests

from dynamo_conformance.targets.interface import DeployFailure, Unready

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dynamo_conformance.targets.interface import Deployment, Worker

GOOD_ANSWERS = 3
POLL_SECONDS = 0.1
PATIENCE = 0.02
"""The share of the time waited so far that may pass until the next request."""

REQUEST_SECONDS = 30.0
PROGRESS_SECONDS = 10.0
SIGN_SECONDS = 60.0
"""How often a state is reported that does not change, as a sign of life."""

SETTLED_SECONDS = 15.0
"""How long a graph may take to answer once everything in it reports ready, or refuses to."""

REGISTER_SECONDS = 10.0
"""How long the last worker may take after the first answers."""

HELD_SECONDS = 900.0
"""How long other graphs may keep one from coming up, before its own time is up too."""

GENERATE = "generate"
"""The endpoint through which a worker serves."""

PREFILL = "prefill"
"""The component that prefill workers register as; aggregated and decode workers are `backend`."""

_UNREADABLE = (requests.RequestException, ValueError, KeyError, TypeError)
"""What an answer raises that is not what it should be."""

NO_WORKER = "the frontend is up, but no worker has registered"
INCOMPLETE = "the frontend lists no model"


@dataclass(frozen=True, slots=True)
class Readiness:
    """How a graph became ready.

    Attributes:
        listed_after: Seconds from the start of waiting until the model was listed.
        ready_after: Seconds until the last of the good answers.
    """

    model: str
    listed_after: float
    ready_after: float


def wait_ready(
    deployment: Deployment,
    *,
    model: str | None,
    timeout: float,
    embeds: bool = False,
    held: Callable[[], bool] = lambda: False,
    unready: Callable[[], Unready] = Unready,
    progress: Callable[[str], None] = lambda _line: None,
) -> Readiness:
    """Wait until `model` answers GOOD_ANSWERS times in a row.

    Args:
        deployment: What was started.
        model: The model id to expect; None takes the first that is listed.
        timeout: Seconds to wait at most.
        embeds: Whether the answers are vectors, not text.
        held: Whether other graphs keep it from coming up at the moment; that time is not its own.
        unready: Returns what is not ready yet; asked when the time is up.
        progress: Is called with what is being waited for, within PROGRESS_SECONDS of each change
            and every SIGN_SECONDS.

    Raises:
        DeployFailure: A component died, or the time is up; with what was seen last.
    """
    started = time.monotonic()
    deadline, next_word = started + timeout, started + PROGRESS_SECONDS
    listed_after = 0.0
    reported, next_sign = "", started
    good, seen = 0, "the frontend does not answer yet"
    refused_at = started
    with requests.Session() as session:
        session.trust_env = False
        while good < GOOD_ANSWERS:
            deployment.check()
            now = time.monotonic()
            if held() and now - started < HELD_SECONDS:
                deadline = now + timeout
            # What has just answered is not silent, however long its first answer took.
            settled_for = 0.0 if good else deployment.settled_for or 0.0
            # Who refuses what is right is not about to come up.
            refused_at = refused_at if _REFUSED in seen else now
            settled_for = max(settled_for, now - refused_at)
            if settled_for > SETTLED_SECONDS or now > deadline or now > next_word:
                seen = _in_full(session, deployment.url, seen, model=model)
            if settled_for > SETTLED_SECONDS:
                late = f"{settled_for:.0f} s after everything in it was ready"
                raise DeployFailure(
                    f"no answer {late}: {seen}", cause=_cause(seen), log=unready().log
                )
            if now > deadline:
                raise _not_ready(unready(), timeout, seen)
            if now > next_word:
                next_word = now + PROGRESS_SECONDS
                if seen != reported or now > next_sign:
                    progress(f"still waiting after {now - started:.0f} s: {seen}")
                    reported, next_sign = seen, now + SIGN_SECONDS
            listed, seen = _listed(session, deployment.url, model)
            if listed is not None:
                listed_after = listed_after or time.monotonic() - started
                seen = _answer(session, deployment.url, listed, how=_EMBEDDING if embeds else _CHAT)
                model = listed
            good = good + 1 if seen == "" else 0
            if not good:
                # What has taken long may take a little longer, and asking costs what it waits for.
                time.sleep(max(POLL_SECONDS, PATIENCE * (now - started)))
    return Readiness(model or "", listed_after, time.monotonic() - started)


def _not_ready(unready: Unready, timeout: float, seen: str) -> DeployFailure:
    """Return the failure of a graph whose time is up, with what in it is not ready."""
    what = f"not ready after {timeout:.0f} s: {seen}"
    if not unready.state:
        return DeployFailure(what, cause=_cause(seen), log=unready.log)
    # What is not ready explains more than what is missing for it.
    cause = "" if unready.log else _cause(seen)
    return DeployFailure(f"{what}; {unready.state}", cause=cause, log=unready.log)


def _listed(session: requests.Session, url: str, model: str | None) -> tuple[str | None, str]:
    """Return the model to ask, or None and what is there instead."""
    try:
        answer = session.get(f"{url}/v1/models", timeout=REQUEST_SECONDS)
        ids = [str(entry["id"]) for entry in answer.json()["data"]]
    except _UNREADABLE as error:
        return None, f"the frontend does not answer /v1/models ({type(error).__name__})"
    if not ids:
        return None, INCOMPLETE
    if model is None:
        return ids[0], ""
    if model not in ids:
        return None, f"the frontend lists {', '.join(ids)}, but not {model}"
    return model, ""


def _in_full(session: requests.Session, url: str, seen: str, *, model: str | None) -> str:
    """Distinguish what the frontend knows apart, asked only when it is to be reported.

    No worker from workers whose model is not complete; chats that are refused from all prompts.
    """
    if _REFUSED in seen and model is not None:
        answer = _answer(session, url, model, how=_PLAIN)
        return f"{seen}; {_NO_TEMPLATE}" if answer == "" else seen
    if seen != INCOMPLETE:
        return seen
    try:
        names = {*_instances(session, url)}
    except _UNREADABLE:
        names = set()
    if not names:
        return NO_WORKER
    return f"{INCOMPLETE}; workers are registered as: {', '.join(sorted(names))}"


class _Question(NamedTuple):
    what: str
    path: str
    body: Mapping[str, object]
    part: tuple[str | int, ...]


_CHAT = _Question(
    "a completion",
    "/v1/chat/completions",
    {"messages": [{"role": "user", "content": "Are you there?"}], "max_tokens": 2},
    ("choices", 0, "message"),
)
_PLAIN = _Question(
    "a completion without chat template",
    "/v1/completions",
    {"prompt": "Are you there?", "max_tokens": 2},
    ("choices", 0, "text"),
)
_EMBEDDING = _Question(
    "an embedding", "/v1/embeddings", {"input": "Are you there?"}, ("data", 0, "embedding")
)
_REFUSED = f"{_CHAT.what} is answered 400"
_NO_TEMPLATE = f"{_PLAIN.path}, which uses no chat template, is answered"


def _answer(session: requests.Session, url: str, model: str, *, how: _Question) -> str:
    """Ask for something short; return an empty string when the answer is good, else what it was."""
    try:
        answer = session.post(
            f"{url}{how.path}", json={"model": model, **how.body}, timeout=REQUEST_SECONDS
        )
    except requests.RequestException as error:
        return f"{model} is listed, but {how.what} ends in {type(error).__name__}"
    if answer.status_code != requests.codes.ok:
        text = " ".join(answer.text.split())[:200]
        return f"{model} is listed, but {how.what} is answered {answer.status_code}: {text}"
    try:
        value = answer.json()
        for key in how.part:
            value = value[key]
    except (ValueError, KeyError, IndexError, TypeError):
        return f"{model} is listed, but {how.what} has no {how.part[-1]}"
    return ""


def _cause(seen: str) -> str:
    if _NO_TEMPLATE in seen:
        return (
            "the chat template does not render: see --custom-jinja-template, or chat_template in "
            "the model's tokenizer_config.json"
        )
    if seen == NO_WORKER:
        return "a worker is still starting, or registers in another Dynamo namespace"
    if seen.startswith(INCOMPLETE):
        registered = seen.rpartition(": ")[2].split(", ")
        if PREFILL in registered and len(registered) > 1:
            others = " and ".join(component for component in registered if component != PREFILL)
            return (
                "prefill and decode workers serve different models, or what registers as "
                f"{others} does not run as decode"
            )
        return (
            "a role is missing, as prefill and decode workers need each other; or the frontend "
            "cannot read what the workers registered: its log says so"
        )
    if "but not" in seen:
        return "workers serve another model name than the manifest's first worker names"
    return ""


def wait_registered(
    url: str, promised: Mapping[str, tuple[int, int]], *, seconds: float = REGISTER_SECONDS
) -> None:
    """Wait until as many workers have registered as are promised, or so many seconds.

    A graph answers as soon as one worker does, and the others may be a little late. Whether all
    of them came is for a probe to judge.

    Args:
        url: The frontend's address.
        promised: How many instances of each Dynamo component there are at least and at most.
        seconds: How long the last of them may take.
    """
    deadline = time.monotonic() + seconds
    with requests.Session() as session:
        session.trust_env = False
        while promised and time.monotonic() < deadline:
            try:
                counts = _instances(session, url)
            except _UNREADABLE:
                return
            if all(counts[name] >= fewest for name, (fewest, _) in promised.items()):
                return
            time.sleep(POLL_SECONDS)


def wait_healthy(workers: Iterable[Worker], *, seconds: float) -> None:
    """Wait until each worker says on its system port that it serves.

    The frontend lists a worker that is gone for some seconds more, so what it lists does not tell
    whether the next one is there.

    Raises:
        DeployFailure: The time is up.
    """
    deadline = time.monotonic() + seconds
    with requests.Session() as session:
        session.trust_env = False
        for worker in workers:
            while not _is_healthy(session, worker):
                if time.monotonic() > deadline:
                    raise DeployFailure(f"{worker.name} does not serve again after {seconds:.0f} s")
                time.sleep(POLL_SECONDS)


def _is_healthy(session: requests.Session, worker: Worker) -> bool:
    try:
        answer = session.get(f"{worker.system_url}/health", timeout=REQUEST_SECONDS)
    except requests.RequestException:
        return False
    return bool(answer.status_code == requests.codes.ok)


def _instances(session: requests.Session, url: str) -> Counter[str]:
    """Return how many instances that answer prompts the frontend knows, by Dynamo component."""
    health = session.get(f"{url}/health", timeout=REQUEST_SECONDS).json()
    return Counter(
        str(instance["component"])
        for instance in health["instances"]
        if instance["endpoint"] == GENERATE
    )
