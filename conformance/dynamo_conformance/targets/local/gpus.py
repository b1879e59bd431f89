"""GPUs of this machine, assigned to the processes of a graph."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.targets.interface import DeployFailure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dynamo_conformance.manifest.graph import Container
    from dynamo_conformance.rendering.pod import Workload

VISIBLE = "CUDA_VISIBLE_DEVICES"
_DRIVER = Path("/proc/driver/nvidia/gpus")
_OWNER = "nvidia.com/"


def machine_gpus(env: Mapping[str, str], *, driver: Path = _DRIVER) -> tuple[str, ...]:
    """Return the GPUs that programs started with `env` see, as CUDA_VISIBLE_DEVICES names them."""
    if VISIBLE in env:
        return tuple(variable.strip() for variable in env[VISIBLE].split(",") if variable.strip())
    try:
        return tuple(str(index) for index, _gpu in enumerate(driver.iterdir()))
    except OSError:
        return ()


def runs_on_cpu() -> bool:
    """Whether the engine that is installed here is built for CPUs, and needs no GPU."""
    try:
        return "+cpu" in version("torch") or "cpu" in version("vllm")
    except PackageNotFoundError:
        return False


@dataclass(slots=True)
class GpuPlacement:
    """The GPUs that are left.

    Attributes:
        gpus: All GPUs.
        on_cpu: Whether the engines run without any.
        taken: How many are taken so far.
    """

    gpus: tuple[str, ...]
    on_cpu: bool = False
    taken: int = 0

    def check(self, wanted: Iterable[tuple[str, int]]) -> None:
        """Return when there are enough GPUs for all.

        Args:
            wanted: The name of each process, and how many it needs.

        Raises:
            DeployFailure: There are fewer.
        """
        needs = [(name, count) for name, count in wanted if count]
        total = sum(count for _name, count in needs)
        if self.on_cpu or total <= len(self.gpus):
            return
        each = ", ".join(f"{name} {count}" for name, count in needs)
        gpus = "1 GPU" if total == 1 else f"{total} GPUs"
        raise DeployFailure(
            f"the graph needs {gpus} ({each}), and this machine has {len(self.gpus)}",
            cause="its limits of nvidia.com/gpu do not fit on one machine; run it with "
            "--engine=mock, or on a larger machine",
        )

    def take(self, container: Container, *, chosen: str | None) -> str | None:
        """Return CUDA_VISIBLE_DEVICES for a container, or None to leave it as it is.

        Args:
            container: The container, whose limit is how many it has.
            chosen: Which of its own GPUs it asks for, counted from 0, when it does.
        """
        if self.on_cpu or (not container.gpus and _has_others(container)):
            return None
        own = self.gpus[self.taken : self.taken + container.gpus]
        self.taken += container.gpus
        places = (chosen or "").split(",")
        if chosen and all(place.strip().isdecimal() and int(place) < len(own) for place in places):
            own = tuple(own[int(place)] for place in places)
        return ",".join(own)


def _has_others(container: Container) -> bool:
    """Whether a container has a part of a GPU, or another device of that vendor's."""
    resources = container.node.mapping("resources")
    limits = resources.mapping("limits") if resources is not None else None
    return any(limit.key.startswith(_OWNER) for limit in limits or ())


def needed(workload: Workload) -> int:
    """Return how many GPUs the pods of a workload need, all replicas and nodes together."""
    return workload.leader.main.gpus * workload.replicas * workload.size
