"""What is asked of Slurm: for the job as a whole, and for each of its steps."""

from __future__ import annotations

from decimal import ROUND_CEILING
from typing import TYPE_CHECKING, Final

from launch.deploy.outputs.needs import origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch.deploy.output import Order
    from launch.deploy.process import Process

_MEBIBYTE: Final = 2**20


def batch_lines(order: Order, processes: tuple[Process, ...]) -> Iterator[str]:
    """Yield the `#SBATCH` lines: a part of the job for each component.

    The parts make a heterogeneous job, for components differ in what each of their steps needs.
    """
    yield f"#SBATCH --job-name={order.graph.name}"
    yield f"#SBATCH --output={order.graph.name}-%j.log"
    for number, one in enumerate(processes):
        if number:
            yield "#SBATCH hetjob"
        component = one.component
        place = origin(order, component.mark).place
        yield f"# {component.name}, {component.replicas} of them: {place}"
        steps = component.replicas * component.node_count
        yield f"#SBATCH --ntasks={steps}"
        if component.node_count > 1:
            yield f"#SBATCH --nodes={steps} --ntasks-per-node=1"
        yield f"#SBATCH {' '.join(_of_a_task(one))}"


def step_words(one: Process, group: int | None) -> tuple[str, ...]:
    """Return what one step asks for.

    Args:
        one: What runs in it.
        group: Which part of the job it belongs to; None when the job has one part.
    """
    nodes = one.component.node_count
    part = (f"--het-group={group}",) if group is not None else ()
    return (*part, f"--nodes={nodes}", f"--ntasks={nodes}", *_of_a_task(one))


def _of_a_task(one: Process) -> Iterator[str]:
    """Yield what one process asks for: whole cores, its memory spread over them, GPUs."""
    cores = int(one.cpu.to_integral_value(rounding=ROUND_CEILING)) if one.cpu else 1
    yield f"--cpus-per-task={cores}"
    memory = -(-(one.memory or 0) // _MEBIBYTE // cores)
    yield f"--mem-per-cpu={max(memory, 1)}M"
    if one.gpus:
        yield f"--gpus-per-task={one.gpus}"
