"""What is around the processes of a run with each engine: variables, folders, models.

| engine | variables of the caller's | models | writes |
|---|---|---|---|
| mock | what programs need to start | made up, without weights | below the run's folder |
| cpu | the same | made here, with random weights | there, and what the engine compiles |
| real | the same, and where its caches and GPUs are | the caller's own | wherever it wants |
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dynamo_conformance.targets import CPU, MOCK, REAL
from dynamo_conformance.targets.interface import Change, DeployFailure
from dynamo_conformance.targets.local.gpus import VISIBLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dynamo_conformance.targets.local.local_plan import LocalPlan

SECRETS = ("HF_TOKEN",)
"""Keys of secrets that are passed on from the caller's environment when they are set."""

GRACE_VARIABLE = "DYN_GRACEFUL_SHUTDOWN_GRACE_PERIOD_SECS"
"""How long a worker waits before it ends; 5 s unless this sets it."""

MACHINE: Final = "this machine"

_PASSED = ("PATH", "LANG", "LC_ALL", "TERM", "SSL_CERT_FILE", "SSL_CERT_DIR", "DYN_LOG")
_CACHES = (
    "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE", "PYTORCH_TRANSFORMERS_CACHE",
    "PYTORCH_PRETRAINED_BERT_CACHE",
)  # fmt: skip
"""Variables that name the hub's cache beside HF_HOME."""

_TEMPORARY = ("TMPDIR", "TMP", "TEMP")
_PASSED_REAL = (
    "HOME", "HF_HOME", "HF_HUB_OFFLINE", "HF_DATASETS_CACHE", "XDG_CACHE_HOME", *_CACHES,
    VISIBLE, "LD_LIBRARY_PATH",
)  # fmt: skip
"""What real engines get of the caller's: models are read from the caller's own cache."""

_HELD = (*_TEMPORARY, *_CACHES)
_HELD_REAL = (*_HELD, "HOME", "HF_HOME", "HF_DATASETS_CACHE", "XDG_CACHE_HOME")

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - what the parts of an engine share


def held(engine: str) -> tuple[str, ...]:
    """Return the variables that no manifest changes: the paths in them would be the user's own."""
    return _HELD_REAL if engine == REAL else _HELD


def writable(engine: str) -> tuple[Path, ...]:
    """Return the folders beside the run's own that an engine has to write to."""
    if engine != CPU:
        return ()
    from dynamo_conformance.cpu_engine.engine_environment import compiled_folder

    return (_SHARED_MEMORY, compiled_folder())


def base_environment(engine: str, run: Path) -> dict[str, str]:
    """Return what every process gets before its own variables, and make its folders."""
    env = environment_below(run, engine)
    home = Path(env["HOME"])
    for folder in (run / "tmp", *((home,) if home.is_relative_to(run) else ())):
        folder.mkdir(parents=True, exist_ok=True)
    return env


def environment_below(run: Path, engine: str) -> dict[str, str]:
    """Return what every process gets before its own variables.

    `python3` is this interpreter, so the runtime is the one that is installed beside us.
    """
    names = (*_PASSED, *_PASSED_REAL) if engine == REAL else _PASSED
    env = {name: os.environ[name] for name in names if name in os.environ}
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", os.defpath)])
    env.setdefault("HOME", str(run / "home"))
    # The runtime leaves a logging configuration in the temporary folder of every process.
    env |= dict.fromkeys(_TEMPORARY, str(run / "tmp"))
    env["PYTHONUNBUFFERED"] = "1"
    env["DYN_SDK_DISABLE_ANSI_LOGGING"] = "1"
    if engine == MOCK:
        from dynamo_conformance.mock_engine import environment
        from dynamo_conformance.mock_engine.custom_worker_model import MODELS_VARIABLE

        env.update(environment(hub_home=run / "hub"))
        # A model that only the worker's own script names is made when the worker starts.
        env[MODELS_VARIABLE] = str(run / "models")
    if engine == CPU:
        from dynamo_conformance.cpu_engine.engine_environment import environment as of_cpu

        env.update(of_cpu(hub_home=run / "hub"))
    if engine != REAL:
        # A worker waits before it ends, for requests that are under way; here are none then.
        env[GRACE_VARIABLE] = "0"
    return env


def check_memory(engine: str, workers: int) -> None:
    """Return where the memory of this machine holds a graph.

    Raises:
        DeployFailure: It does not; the kernel would end what else runs here.
    """
    if engine != CPU:
        return
    from dynamo_conformance.cpu_engine.engine_environment import GIB, free_bytes, needed_bytes

    needed, free = needed_bytes(workers), free_bytes()
    if needed > free:
        raise DeployFailure(
            f"{workers} workers take about {needed / GIB:.1f} GiB of memory, and "
            f"{free / GIB:.1f} GiB are free",
            cause="end what else runs here, or run it with --engine=mock",
        )


def make_models(planned: LocalPlan, engine: str, *, place: Callable[[Path], Path]) -> None:
    """Make the models that a plan's processes load.

    Args:
        planned: The plan.
        engine: With which engine; `real` finds its own.
        place: Returns a folder of the plan, checked.

    Raises:
        DeployFailure: A model cannot be made.
        OSError: A file cannot be written.
    """
    if engine == MOCK:
        from dynamo_conformance.mock_engine.mock_model import make_local_model

        for folder in planned.models:
            make_local_model(place(folder), name=folder.name)
    elif engine == CPU:
        from dynamo_conformance.cpu_engine.weights import link_model

        with _as_failure():
            for folder in planned.models:
                link_model(folder.name, place(folder))
    if engine != REAL:
        for hub in planned.hubs:
            fill_hub(place(hub), planned.hub_ids, engine=engine, drafts=planned.drafts)


def fill_hub(
    hub: Path, models: Iterable[str], *, engine: str = MOCK, drafts: Iterable[str] = ()
) -> None:
    """Make the models that an engine serves in a hub's cache.

    What no hub has, such as a path, is made up by the mock worker that loads it.

    Raises:
        DeployFailure: A model cannot be made.
    """
    from dynamo_conformance.mock_engine import hub_cache

    ids, heads = ([name for name in names if hub_cache.is_id(name)] for names in (models, drafts))
    if engine == MOCK:
        hub_cache.fill(hub, ids)
        return
    from dynamo_conformance.cpu_engine import weights

    with _as_failure():
        weights.fill_hub(hub, ids, heads)


@contextmanager
def _as_failure() -> Iterator[None]:
    """Say of a model that cannot be made that the graph does not come up."""
    from dynamo_conformance.cpu_engine.families import UnknownFamilyError
    from dynamo_conformance.cpu_engine.weights import WeightsError

    try:
        yield
    except UnknownFamilyError as error:
        raise DeployFailure(str(error), cause=_NO_FAMILY) from error
    except WeightsError as error:
        raise DeployFailure(str(error), cause=_NO_ENGINE) from error


_NO_FAMILY = "--engine=cpu makes models of these families alone; --engine=mock serves any name"
_NO_ENGINE = "--engine=cpu needs an engine for CPUs in this environment; docs/real_engine.md"


def adaptations(engine: str, planned: LocalPlan) -> Iterator[Change]:
    """Yield what is different around the published words, beside what the plan itself moved."""
    if engine != CPU:
        return
    from dynamo_conformance.cpu_engine import engine_environment

    yield from (Change(MACHINE, line) for line in engine_environment.adaptations())
    names = (*planned.hub_ids, *planned.drafts, *(folder.name for folder in planned.models))
    with _as_failure():
        yield from (Change(name, line) for name, line in engine_environment.made_up(names))


def secrets() -> dict[str, str]:
    """Return the secrets that are passed on from the caller's environment, by their keys."""
    return {name: os.environ[name] for name in SECRETS if name in os.environ}
