"""Slots: equal shares of nodes to request from Slurm, and what goes into each.

Slurm gives the tasks of a job equal shares, and processes of a graph differ. A heterogeneous job
could say so, but Slurm starts none on a single node, whatever is free there. So processes are
packed: the largest decide how many GPUs a slot has, smaller ones share slots, and a slot's cores
and memory are enough for the fullest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_CEILING
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_launch.deploy.component_process import ComponentProcess
    from dynamo_launch.deploy.placement import PlacedProcess

_MEBIBYTE: Final = 2**20


@dataclass(slots=True)
class Slot:
    """A share of one node, and what is in it."""

    cores: int = 0
    memory: int = 0
    gpus: int = 0
    processes: list[str] = field(default_factory=list)

    def add(self, placed: PlacedProcess) -> None:
        """Put a process into the slot."""
        self.cores += cores(placed.process)
        self.memory += memory(placed.process) * cores(placed.process)
        self.gpus += placed.process.gpus
        self.processes.append(placed.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """All slots of a job.

    Attributes:
        slots: The slots.
        of: In which of them each process is; in several when it spans nodes.
        apart: Whether each slot needs a node of its own.
    """

    slots: tuple[Slot, ...]
    of: dict[str, tuple[int, ...]]
    apart: bool

    def batch_lines(self) -> Iterator[str]:
        """Yield the lines of the script that ask for the slots, and what each is for."""
        size = len(self.slots)
        widest = max(slot.cores for slot in self.slots)
        fullest = max(slot.memory for slot in self.slots)
        gpus = max(slot.gpus for slot in self.slots)
        each = -(-fullest // widest)
        where = "a node of its own" if self.apart else "one node"
        share = f"{widest} cores, {each * widest} MiB and {gpus} GPUs"
        yield f"# {size} slots of {share}, each on {where}:"
        for number, slot in enumerate(self.slots):
            yield f"#   slot {number}: {', '.join(slot.processes)}"
        apart = f" --nodes={size} --ntasks-per-node=1" if self.apart else ""
        yield f"#SBATCH --ntasks={size}{apart}"
        yield f"#SBATCH --cpus-per-task={widest} --mem-per-cpu={each}M --gpus-per-task={gpus}"


def packed(processes: Iterable[PlacedProcess]) -> Slots:
    """Return the slots that hold all processes; the largest are placed first."""
    processes = tuple(processes)
    most = max(placed.process.gpus for placed in processes)
    widest = max(cores(placed.process) for placed in processes)
    slots: list[Slot] = []
    of: dict[str, tuple[int, ...]] = {}
    for placed in sorted(processes, key=_by_size):
        nodes = placed.process.component.node_count
        places = [number for number, slot in enumerate(slots) if _fits(placed, slot, most, widest)]
        if not placed.process.gpus and most:
            places.sort(key=lambda number: slots[number].cores)
        if nodes > 1 or not places:
            places = list(range(len(slots), len(slots) + nodes))
            slots += [Slot() for _ in places]
        of[placed.name] = tuple(places[:nodes])
        for place in of[placed.name]:
            slots[place].add(placed)
    apart = any(placed.process.component.node_count > 1 for placed in processes)
    return Slots(slots=tuple(slots), of=of, apart=apart)


def step_resources(process: ComponentProcess) -> tuple[str, ...]:
    """Return what a step asks for: for each of its nodes cores, memory by core, and GPUs."""
    nodes = process.component.node_count
    return (
        f"--nodes={nodes}",
        f"--ntasks={nodes}",
        f"--cpus-per-task={cores(process)}",
        f"--mem-per-cpu={memory(process)}M",
        f"--gpus-per-task={process.gpus}",
    )


def cores(process: ComponentProcess) -> int:
    """Return how many whole cores a process asks for."""
    amount = process.cpu
    return int(amount.to_integral_value(rounding=ROUND_CEILING)) if amount else 1


def memory(process: ComponentProcess) -> int:
    """Return how many MiB a process may take for each of its cores."""
    return max(-(-(process.memory or 0) // (_MEBIBYTE * cores(process))), 1)


def _by_size(placed: PlacedProcess) -> tuple[int, int, int]:
    process = placed.process
    return (-process.component.node_count, -process.gpus, -cores(process))


def _fits(placed: PlacedProcess, slot: Slot, most: int, widest: int) -> bool:
    """Whether a slot has room; where there are GPUs, they decide, and cores are added."""
    if most:
        return slot.gpus + placed.process.gpus <= most
    return slot.cores + cores(placed.process) <= widest
