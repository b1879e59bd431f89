"""One run of the mock engine: from the published command line to a serving worker."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.engines import catalog, conflicts
from dynamo_conformance.engines.engine import Engine
from dynamo_conformance.engines.fault import UsageFault
from dynamo_conformance.manifest.suggest import did_you_mean
from dynamo_conformance.mock_engine import hub_cache, sglang, trtllm, vllm
from dynamo_conformance.mock_engine.members import describe
from dynamo_conformance.mock_engine.mocker_argv import first_event_port, mocker_argv
from dynamo_conformance.mock_engine.notice import notice
from dynamo_conformance.mock_engine.own_models import MODELS_VARIABLE, PATHS_VARIABLE
from dynamo_conformance.mock_engine.ports import check_free
from dynamo_conformance.mock_engine.refusal import (
    HelpAskedFor,
    LoggedRefusal,
    Refusal,
    StartFault,
    UsageRefusal,
    ValueRefusal,
)
from dynamo_conformance.mock_engine.rendezvous import DEADLINE_S, Rendezvous
from dynamo_conformance.mock_engine.settings import Settings
from dynamo_conformance.mock_engine.tokenizer import context_length, make_local_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dynamo_conformance.mock_engine.worker import Worker

SPEEDUP_VARIABLE = "DYN_MOCK_ENGINE_SPEEDUP"
JOIN_TIMEOUT_VARIABLE = "DYN_MOCK_ENGINE_JOIN_TIMEOUT"

_DEFAULT_SPEEDUP = 100.0
_LAST_RESORT_S = 10.0
_INTERRUPTED = 130
_LONGEST_SERVED = 255

_READERS: dict[Engine, Callable[[Settings], Worker]] = {
    Engine.VLLM: vllm.read,
    Engine.SGLANG: sglang.read,
    Engine.TRTLLM: trtllm.read,
}


def main(engine: Engine) -> None:
    """Play the engine with the words and the environment of this process, then exit."""
    try:
        code = run(engine, sys.argv[1:], os.environ)
    except KeyboardInterrupt:
        code = _INTERRUPTED
    sys.exit(code)


def run(engine: Engine, words: Sequence[str], env: Mapping[str, str]) -> int:
    """Play the engine and return the process's exit code.

    Args:
        engine: Which one.
        words: What follows `python3 -m dynamo.<engine>`.
        env: The environment.
    """
    try:
        worker = read(engine, words, env)
        _play(worker, env)
    except Refusal as refusal:
        sys.stderr.write(refusal.last_line() + "\n")
        return refusal.code
    return 0


def read(engine: Engine, words: Sequence[str], env: Mapping[str, str]) -> Worker:
    """Return the worker that a command line describes.

    Raises:
        Refusal: when the engine would not start with it, or the mock engine cannot play it.
    """
    try:
        arguments = catalog.load(f"dynamo.{engine}").parse(words, env=env)
    except UsageFault as fault:
        raise UsageRefusal(fault.advice) from fault
    if any(given.flag.exits for given in arguments.given):
        raise HelpAskedFor(f"it plays dynamo.{engine}, whose --help and --version it does not have")
    refused = next(conflicts.refused(arguments), None)
    if refused is not None:
        kind = LoggedRefusal if refused.conflict.how == "logged" else ValueRefusal
        raise kind(refused.message)
    worker = _READERS[engine](Settings(arguments=arguments, env=env))
    if not worker.model:
        raise ValueRefusal("the model is an empty text; give the id or the folder of one")
    worker = replace(worker, served_name=published(worker.served_name, env))
    if len(worker.served_name) > _LONGEST_SERVED:
        raise ValueRefusal(
            f"a model's name of {len(worker.served_name)} characters, which no frontend lists: it "
            f"keeps the model's files in a folder of that name, and that may have "
            f"{_LONGEST_SERVED}; give a shorter --served-model-name"
        )
    return worker


def published(name: str, env: Mapping[str, str]) -> str:
    """Return the name that a model has in its manifest, when that is a path of the container."""
    try:
        paths: dict[str, str] = json.loads(env.get(PATHS_VARIABLE) or "{}")
    except json.JSONDecodeError:
        return name
    for here in sorted(paths, key=len, reverse=True):
        if name == here or name.startswith(f"{here}/"):
            return paths[here] + name.removeprefix(here)
    return name


def _play(worker: Worker, env: Mapping[str, str]) -> None:
    speedup = _number(env, SPEEDUP_VARIABLE, _DEFAULT_SPEEDUP)
    ending = _Ending()
    if worker.gathering is not None:
        Rendezvous(
            worker.gathering,
            notice=notice,
            on_loss=ending.lose,
            deadline_s=_number(env, JOIN_TIMEOUT_VARIABLE, DEADLINE_S),
        ).gather()
        if not worker.serves:
            ending.wait(f"{describe(worker.gathering)} lends its GPUs, and serves nothing itself")
            return
    _check_ports(worker)
    worker = _with_model(worker, env)
    ending.serving = True
    # Imports only now: the runtime takes longer to import than all of the above takes to run.
    if worker.by_hand:
        from dynamo_conformance.mock_engine import handlers

        kind = "of embeddings" if worker.embeds else worker.role
        notice(f"{worker.engine} {kind} as {worker.endpoint}; dynamo.mocker has no part for it")
        handlers.serve(worker, planes(worker.runtime_words, env))
    else:
        from dynamo_conformance.mock_engine import serving

        argv = mocker_argv(worker, speedup=speedup)
        notice(f"{worker.engine} {worker.role} as dynamo.mocker {' '.join(argv)}")
        serving.serve(worker, argv)
    ending.check()


def planes(words: Sequence[str], env: Mapping[str, str]) -> dict[str, str | None]:
    """Return the runtime's planes by their names, as Dynamo's own parser reads them."""
    arguments = catalog.load("dynamo.mocker").parse_leniently(words, env=env)
    names = ("discovery_backend", "request_plane", "response_plane", "event_plane")
    return {name: Settings(arguments=arguments, env=env).text(name) for name in names}


def _check_ports(worker: Worker) -> None:
    """See that the worker's ports are free, where the mocker would only log that they are not."""
    port = first_event_port(worker)
    if port is not None:
        check_free(range(port, port + worker.ranks.local), purpose="KV events")
    if worker.bootstrap_port is not None:
        check_free(range(worker.bootstrap_port, worker.bootstrap_port + 1), purpose="bootstrap")


def _with_model(worker: Worker, env: Mapping[str, str]) -> Worker:
    """Return the worker with the longest sequence its model can take, unless it has a limit."""
    folder = _find_model(worker.model, env)
    if folder is not None and env.get(MODELS_VARIABLE) and not (folder / "config.json").is_file():
        folder = None
    if folder is None and (models := env.get(MODELS_VARIABLE)):
        # Of several workers with one model, none reads what another one still writes.
        folder = Path(models) / str(os.getpid()) / _folder_name(worker.model)
        make_local_model(folder, name=worker.served_name)
        notice(f"model {worker.model} is made up")
        worker = replace(worker, model=str(folder))
    elif folder is None and env.get("HF_HOME") and env.get("HF_HUB_OFFLINE") == "1":
        home = Path(env["HF_HOME"])
        raise StartFault(
            f'model "{worker.model}" is neither a folder nor in the hub cache {home}'
            f"{did_you_mean(worker.model, hub_cache.models(home))}"
        )
    if folder is None or worker.max_model_len is not None:
        return worker
    return replace(worker, max_model_len=context_length(folder))


_LONGEST_NAME = 100


def _folder_name(model: str) -> str:
    """Return the name of the folder that is made for a model, whatever characters its id has."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "--", model.strip("/").replace("/", "--"))
    if name.strip(".-") and name == model.strip("/").replace("/", "--")[:_LONGEST_NAME]:
        return name
    digest = hashlib.sha256(model.encode(errors="surrogateescape")).hexdigest()[:16]
    return f"{name[:_LONGEST_NAME].strip('.-')}-{digest}".lstrip("-")


def _find_model(model: str, env: Mapping[str, str]) -> Path | None:
    """Return the folder of a model's files, or None when it is not on this machine."""
    try:
        if Path(model).is_dir():
            return Path(model)
    except (OSError, ValueError):
        return None  # No path can be so long.
    home = env.get("HF_HOME")
    return hub_cache.find(Path(home), model) if home is not None else None


class _Ending:
    """Why a process of several ends: it was asked to, or another one is gone."""

    def __init__(self) -> None:
        self.serving = False
        self._reason: str | None = None
        self._over = threading.Event()

    def lose(self, reason: str) -> None:
        """End this process because another one is gone; called from another thread."""
        if self._reason is not None:
            return
        self._reason = reason
        self._over.set()
        if self.serving:
            notice(reason)
            last_resort = threading.Timer(_LAST_RESORT_S, os._exit, (StartFault.code,))
            last_resort.daemon = True
            last_resort.start()
            os.kill(os.getpid(), signal.SIGTERM)

    def wait(self, text: str) -> None:
        """Wait for SIGTERM, SIGINT or the loss of another process, without a deadline.

        Raises:
            StartFault: after a loss.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: self._over.set())
        notice(text)
        self._over.wait()
        self.check()

    def check(self) -> None:
        """Raise the loss as a fault, if there was one."""
        if self._reason is not None:
            raise StartFault(self._reason)


def _number(env: Mapping[str, str], variable: str, default: float) -> float:
    text = env.get(variable)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if value < 0:
        raise StartFault(f'{variable} is "{text}"; it takes a number that is not negative')
    return value
