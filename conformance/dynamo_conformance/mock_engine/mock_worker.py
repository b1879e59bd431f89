"""One run of the mock engine: from the published command line to a serving worker."""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from dynamo_conformance.engines import catalog, conflicts
from dynamo_conformance.engines.engine import Engine
from dynamo_conformance.engines.fault import UsageFault
from dynamo_conformance.engines.releases import Release
from dynamo_conformance.mock_engine import (
    release_reader,
    sglang_reader,
    trtllm_reader,
    vllm_reader,
)
from dynamo_conformance.mock_engine.engine_refusal import (
    EngineRefusal,
    HelpAskedFor,
    LoggedRefusal,
    StartFault,
    UsageRefusal,
    ValueRefusal,
)
from dynamo_conformance.mock_engine.mock_runtime import notice
from dynamo_conformance.mock_engine.mocker_argv import first_event_port, mocker_argv
from dynamo_conformance.mock_engine.multinode_join import DEADLINE_S, MultinodeJoin
from dynamo_conformance.mock_engine.multinode_members import describe
from dynamo_conformance.mock_engine.typed_arguments import PLANES, TypedArguments
from dynamo_conformance.mock_engine.worker_model import find_model, published_name, with_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dynamo_conformance.mock_engine.worker_spec import WorkerSpec

SPEEDUP_VARIABLE = "DYN_MOCK_ENGINE_SPEEDUP"
RELEASE_VARIABLE = "DYN_MOCK_ENGINE_RELEASE"
"""Names the release of the runtime, where that is another one than the mock engine is made for."""

JOIN_TIMEOUT_VARIABLE = "DYN_MOCK_ENGINE_JOIN_TIMEOUT"

_DEFAULT_SPEEDUP = 100.0
_LAST_RESORT_S = 10.0
_INTERRUPTED = 130
_LONGEST_SERVED = 255

_READERS: dict[Engine, Callable[[TypedArguments], WorkerSpec]] = {
    Engine.VLLM: vllm_reader.read,
    Engine.SGLANG: sglang_reader.read,
    Engine.TRTLLM: trtllm_reader.read,
}


def main(engine: Engine) -> None:
    """Simulate the engine with the words and the environment of this process, then exit."""
    try:
        code = run(engine, sys.argv[1:], os.environ)
    except KeyboardInterrupt:
        code = _INTERRUPTED
    sys.exit(code)


def run(engine: Engine, words: Sequence[str], env: Mapping[str, str]) -> int:
    """Simulate the engine and return the process's exit code.

    Args:
        engine: Which one.
        words: What follows `python3 -m dynamo.<engine>`.
        env: The environment.
    """
    try:
        release = other_release(env)
        if release is not None:
            elsewhere = release_reader.read(engine, words, env, release)
            _simulate_elsewhere(elsewhere, words, env, release)
            return 0
        worker = read(engine, words, env)
        _simulate(worker, env)
    except EngineRefusal as refusal:
        sys.stderr.write(refusal.last_line() + "\n")
        return refusal.code
    return 0


def other_release(env: Mapping[str, str]) -> Release | None:
    """Return the release whose runtime is here, where it is not the one we are made for.

    Raises:
        StartFault: The variable holds no release.
    """
    text = env.get(RELEASE_VARIABLE)
    release = Release.parse(text) if text else None
    if text and release is None:
        raise StartFault(f'{RELEASE_VARIABLE} is "{text}"; it takes a release such as 1.2.1')
    return release


def read(engine: Engine, words: Sequence[str], env: Mapping[str, str]) -> WorkerSpec:
    """Return the worker that a command line describes.

    Raises:
        EngineRefusal: when the engine would not start with it, or the mock engine cannot.
    """
    try:
        arguments = catalog.load(f"dynamo.{engine}").parse(words, env=env)
    except UsageFault as fault:
        raise UsageRefusal(fault.advice) from fault
    if any(given.flag.exits for given in arguments.given):
        raise HelpAskedFor(
            f"it simulates dynamo.{engine}, whose --help and --version it does not have"
        )
    refused = next(conflicts.refused(arguments), None)
    if refused is not None:
        kind = LoggedRefusal if refused.conflict.how == "logged" else ValueRefusal
        raise kind(refused.message)
    worker = _READERS[engine](TypedArguments(arguments=arguments, env=env))
    if not worker.model:
        raise ValueRefusal("the model is an empty text; give the id or the folder of one")
    return _named(worker, env)


def _named(worker: WorkerSpec, env: Mapping[str, str]) -> WorkerSpec:
    """Return a worker whose model is called as its manifest calls it.

    Raises:
        ValueRefusal: No frontend lists a model of that name.
    """
    worker = replace(worker, served_name=published_name(worker.served_name, env))
    if len(worker.served_name) > _LONGEST_SERVED:
        raise ValueRefusal(
            f"a model's name of {len(worker.served_name)} characters, which no frontend lists: it "
            f"keeps the model's files in a folder of that name, and that may have "
            f"{_LONGEST_SERVED}; give a shorter --served-model-name"
        )
    return worker


def _simulate(worker: WorkerSpec, env: Mapping[str, str]) -> None:
    speedup = _number(env, SPEEDUP_VARIABLE, _DEFAULT_SPEEDUP)
    ending = _Ending()
    if worker.group is not None:
        MultinodeJoin(
            worker.group,
            notice=notice,
            on_loss=ending.lose,
            deadline_s=_number(env, JOIN_TIMEOUT_VARIABLE, DEADLINE_S),
        ).gather()
        if not worker.serves:
            ending.wait(f"{describe(worker.group)} lends its GPUs, and serves nothing itself")
            return
    _check_ports(worker)
    worker = with_model(worker, env)
    ending.serving = True
    # Imports only now: the runtime takes longer to import than all of the above takes to run.
    if worker.without_mocker:
        from dynamo_conformance.mock_engine import request_handlers

        kind = "of embeddings" if worker.embeds else worker.role
        notice(f"{worker.engine} {kind} as {worker.endpoint}; dynamo.mocker has no part for it")
        request_handlers.serve(worker, planes(worker.runtime_words, env))
    else:
        from dynamo_conformance.mock_engine import mocker_serving

        argv = mocker_argv(worker, speedup=speedup)
        notice(f"{worker.engine} {worker.role} as dynamo.mocker {' '.join(argv)}")
        mocker_serving.serve(worker, argv)
    ending.check()


def _simulate_elsewhere(
    worker: WorkerSpec, words: Sequence[str], env: Mapping[str, str], release: Release
) -> None:
    """Be a worker on the runtime of another release."""
    from dynamo_conformance.mock_engine import release_serving

    worker = with_model(_named(worker, env), env)
    # The runtimes of then ask the hub for what is no folder, whatever HF_HUB_OFFLINE says.
    folder = find_model(worker.model, env)
    worker = replace(worker, model=str(folder)) if folder is not None else worker
    notice(f"{worker.engine} {worker.role} as {worker.endpoint} on Dynamo {release}")
    release_serving.serve(worker, release, words)


def planes(words: Sequence[str], env: Mapping[str, str]) -> dict[str, str | None]:
    """Return the runtime's planes by their names, as Dynamo's own parser reads them."""
    arguments = catalog.load("dynamo.mocker").parse_leniently(words, env=env)
    return {name: TypedArguments(arguments=arguments, env=env).text(name) for name in PLANES}


def _check_ports(worker: WorkerSpec) -> None:
    """See that the worker's ports are free, where the mocker would only log that they are not."""
    port = first_event_port(worker)
    if port is not None:
        check_free(range(port, port + worker.ranks.local), purpose="KV events")
    if worker.bootstrap_port is not None:
        check_free(range(worker.bootstrap_port, worker.bootstrap_port + 1), purpose="bootstrap")


def check_free(ports: range, *, purpose: str) -> None:
    """Make sure that nobody listens on the ports yet.

    The mocker itself only logs that it could not open one and serves without.

    Args:
        ports: The ports, on all addresses of this machine.
        purpose: What they are for, with the flag that sets them.

    Raises:
        StartFault: when a port is taken or does not exist.
    """
    for port in ports:
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("0.0.0.0", port))  # noqa: S104 -- the engine opens all addresses too
        except OverflowError as fault:
            raise StartFault(
                f"port {port} ({purpose}) does not exist: 65535 is the last"
            ) from fault
        except OSError as fault:
            if fault.errno == errno.EADDRINUSE:
                raise StartFault(
                    f"port {port} ({purpose}) is in use by another process on this machine"
                ) from fault
            raise StartFault(
                f"port {port} ({purpose}) cannot be opened: {fault.strerror}"
            ) from fault


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
