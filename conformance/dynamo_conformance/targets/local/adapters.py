"""LoRA adapters for a graph that takes some: random weights, loaded through the system port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dynamo_conformance.engines.features import GraphFeature
from dynamo_conformance.targets.interface import Change, DeployFailure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import PurePath

    from dynamo_conformance.cpu_engine.weights import Specification
    from dynamo_conformance.engines.serving import Serving
    from dynamo_conformance.targets.interface import Deployment, Worker

NAMES: Final = ("first-adapter", "second-adapter")
PATH: Final = "/v1/loras"
SECONDS: Final = 60.0
_NOT_FOUND: Final = 404


def load_adapters(
    deployment: Deployment,
    serving: Serving | None,
    *,
    folder: Callable[[Specification], PurePath] | None = None,
) -> tuple[Change, ...]:
    """Have each worker of a graph with LoRA load adapters; they become models of their own names.

    Args:
        deployment: The graph.
        serving: What it promises.
        folder: Returns where the workers have an adapter; it is made on this machine by default.

    Returns:
        What was loaded; nothing for other graphs, and where the workers' system port takes none.

    Raises:
        DeployFailure: A worker refuses an adapter.
    """
    if serving is None or serving.source is None or GraphFeature.LORA not in serving.features:
        return ()
    from dynamo_conformance.cpu_engine.weights import adapters, made

    changes = []
    for name, adapter in zip(NAMES, adapters(serving.source), strict=True):
        kept = (folder or made)(adapter)
        for worker in deployment.workers:
            if not load_adapter(worker, name, kept):
                return ()
        changes.append(Change(name, "an adapter of random weights, loaded into each worker"))
    return tuple(changes)


def load_adapter(worker: Worker, name: str, folder: PurePath) -> bool:
    """Load the adapter of a folder into a worker; return False where it takes none.

    Raises:
        DeployFailure: The worker refuses it, with its reason.
    """
    import requests

    body = {"lora_name": name, "source": {"uri": f"file://{folder}"}}
    try:
        answer = requests.post(f"{worker.system_url}{PATH}", json=body, timeout=SECONDS)
    except requests.RequestException as error:
        raise DeployFailure(f"{worker.name} loads no adapter: {type(error).__name__}") from error
    if answer.status_code == _NOT_FOUND:
        return False
    if not answer.ok or '"error"' in answer.text:
        raise DeployFailure(f"{worker.name} refuses the adapter {name}: {answer.text[:500]}")
    return True
