"""An sbatch script: every process of the graph one step of a job."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from dynamo_conformance.rendering.backend import TRTLLM, component_backend
from dynamo_launch.deploy.component_process import LEADER_ADDRESS, NODE_INDEX, component_process
from dynamo_launch.deploy.output import File
from dynamo_launch.deploy.outputs import bash_script, output_checks
from dynamo_launch.deploy.outputs.output_checks import Unused, secret_steps
from dynamo_launch.deploy.outputs.slurm_slots import packed, step_resources
from dynamo_launch.deploy.outputs.yaml_comments import heading
from dynamo_launch.deploy.placement import HTTP, VOLUMES, place_processes
from dynamo_launch.deploy.shell_text import ShellText, command, expression, literal, word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_launch.config.config_error import ConfigErrors
    from dynamo_launch.deploy.component_process import ComponentProcess
    from dynamo_launch.deploy.output import Order
    from dynamo_launch.deploy.placement import PlacedProcess, ProcessPlacement

LATER: Final = {name: expression(f"${name}") for name in (LEADER_ADDRESS, NODE_INDEX)}

UNUSED: Final = (
    *bash_script.UNUSED,
    Unused("image", "LAUNCHER starts a command in an image; the head of the script tells how"),
    Unused(r"resources\.limits\.cpu", "a step has the cores that it asks for"),
)

LAUNCHER: Final = "LAUNCHER"
RUN: Final = "RUN"
_READ: Final = {
    RUN: ("folder of this run, on every node", "run-JOB, beside this script"),
    LAUNCHER: ("what starts a command in its image", "nothing: it runs on the node itself"),
}

_START: Final = """\
set -euo pipefail
HERE=$PWD"""

_FOLDER: Final = """\
# The components find each other through a folder that all nodes share (no etcd, no NATS).
mkdir -p "$RUN/logs\""""

_SLOTS: Final = """\
# The node of each slot: `2(x3),1` are two on each of three nodes, and one on the next.
slots=()
mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
for tasks in ${SLURM_TASKS_PER_NODE//,/ }; do
  read -r count times <<<"${tasks//[(x)]/ }"
  for node in "${nodes[@]:0:${times:-1}}"; do
    for ((task = 0; task < count; task++)); do slots+=("$node"); done
  done
  nodes=("${nodes[@]:${times:-1}}")
done"""

_STEP: Final = """\
# One step of the job: its name, its node, and its command. What it asks for is told before.
step() {
  local log=$RUN/logs/$1.log where=$2
  shift 2
  # shellcheck disable=SC2086 # a launcher may be several words
  exec srun --nodelist="$where" "${asks[@]}" --exact --kill-on-bad-exit=1 \\
    --output="$log" --error="$log" $LAUNCHER "$@"
}"""


class Slurm:
    """The output for Slurm."""

    summary = "Slurm: an sbatch script with one step for each process."

    def check(self, order: Order, errors: ConfigErrors) -> None:
        """Add an error for what is asked for only implicitly, and of what Slurm cannot start."""
        output_checks.check_startable(order, errors)
        if errors.fatal:
            return
        for process in _processes(order):
            place = order.origin(process.component.mark)
            amounts = (("cpu", process.cpu), ("memory", process.memory))
            lacking = [name for name, amount in amounts if not amount]
            if lacking:
                text = (
                    f'component "{process.component.name}" says no {" and no ".join(lacking)}, '
                    "and Slurm would guess; write resources: {cpu: 4, memory: 16Gi}"
                )
                errors.error(place, text)
            backend = component_backend(process.component, written=order.graph.backend_framework)
            if process.component.node_count > 1 and backend == TRTLLM:
                text = (
                    f'component "{process.component.name}" spans nodes, where the operator starts '
                    "TensorRT-LLM through ssh; that is not written for Slurm, use --target k8s"
                )
                errors.error(place, text)
        if not errors.fatal:
            output_checks.warn_of_unused(order, UNUSED, errors, target="slurm")

    def files(self, order: Order) -> tuple[File, ...]:
        """Return the script."""
        processes = tuple(process for process in _processes(order) if process.component.replicas)
        text = "\n".join(_lines(order, processes, place_processes(processes))) + "\n"
        return (File(name=_name(order), text=text, is_executable=True),)

    def kept(self, order: Order) -> tuple[str, ...]:
        """Return the files of secrets, and the folder that volumes are in."""
        return (*output_checks.env_files(order), "volumes")

    def next_steps(self, order: Order, folder: str) -> tuple[str, ...]:
        """Return how to make the files of secrets, and how to queue the job."""
        return (
            *secret_steps(order, folder),
            f"sbatch --chdir={folder} {folder}/{_name(order)}",
        )


def _name(order: Order) -> str:
    return f"{order.graph.name}.sbatch"


def _processes(order: Order) -> tuple[ComponentProcess, ...]:
    return tuple(
        component_process(order.graph, component, later=LATER)
        for component in order.graph.components
    )


def _lines(
    order: Order, processes: tuple[ComponentProcess, ...], placement: ProcessPlacement
) -> Iterator[str]:
    read = {**bash_script.variables(placement, folder="volumes, beside this script"), **_READ}
    yield from bash_script.opening(_head(order, placement, read))
    slots = packed(placement.processes)
    yield f"#SBATCH --job-name={order.graph.name}"
    yield f"#SBATCH --output={order.graph.name}-%j.log"
    yield from slots.batch_lines()
    yield _START
    yield from _defaults(read)
    yield ""
    yield _FOLDER
    yield f"export DYN_FILE_KV=$RUN/discovery {bash_script.FOUND}"
    yield from bash_script.setup(order, placement)
    yield ""
    yield _SLOTS
    yield ""
    yield _STEP
    for process in processes:
        yield ""
        yield from bash_script.origins(process.component, order, UNUSED)
        yield f"asks=({' '.join(step_resources(process))})"
        for placed in placement.processes:
            if placed.process is process:
                where = ",".join(f"${{slots[{number}]}}" for number in slots.of[placed.name])
                yield from _started(placed, where, order)
    yield from bash_script.end()


def _defaults(read: dict[str, tuple[str, str]]) -> Iterator[str]:
    values = {VOLUMES: "$HERE/volumes", RUN: "$HERE/run-$SLURM_JOB_ID", LAUNCHER: ""}
    for name, (_meaning, default) in read.items():
        export = "export " if name == HTTP else ""
        yield f"{export}{name}=${{{name}:-{values.get(name, default)}}}"


def _head(
    order: Order, placement: ProcessPlacement, read: dict[str, tuple[str, str]]
) -> Iterator[str]:
    gpus = sum(
        placed.process.gpus * placed.process.component.node_count for placed in placement.processes
    )
    yield f"{order.graph.name}: a job of {len(placement.processes)} steps, {gpus} GPUs."
    yield ""
    yield from heading(order)
    yield ""
    yield f"Usage: sbatch [OPTIONS] --chdir=FOLDER FOLDER/{_name(order)}"
    yield "FOLDER, the one of this script, is the same on all nodes. Logs: FOLDER/run-JOB/logs."
    yield "OPTIONS are those of your site: --partition, --account, --time."
    yield ""
    yield from bash_script.explained(read)


def _started(placed: PlacedProcess, where: str, order: Order) -> Iterator[str]:
    """Yield the lines that start one step in the background."""
    words = placed.words
    if placed.follower is not None:
        yield from _function(placed, words)
        words = tuple(map(literal, ("bash", "-c", _function_name(placed))))
    env = bash_script.own_variables(placed, order)
    before = ("step", word(placed.name), f'"{where}"')
    if HTTP in placed.env:
        answers = ShellText(
            (
                f"{placed.name} answers at http://",
                *expression(where).pieces,
                ":",
                *placed.env[HTTP].pieces,
            )
        )
        yield f"echo {word(answers)}"
    yield from bash_script.in_background(words, placed, env=env, before=before)


def _function(placed: PlacedProcess, words: tuple[ShellText, ...]) -> Iterator[str]:
    """Yield what each node of a step runs: the first one leads, the others follow."""
    name = _function_name(placed)
    yield f"{name}() {{"
    yield f"  {NODE_INDEX}=$SLURM_PROCID"
    nodes = 'scontrol show hostnames "$SLURM_STEP_NODELIST"'
    yield f"  {LEADER_ADDRESS}=$({nodes} | head -n 1)"
    yield f"  export {NODE_INDEX} {LEADER_ADDRESS}"
    for variable in placed.process.addressed:
        yield f"  {variable}=$(hostname -i | cut -d ' ' -f 1)"
        yield f"  export {variable}"
    yield "  if ((SLURM_PROCID == 0)); then"
    yield from command(("exec", *words), indent="    ")
    yield "  fi"
    yield from command(("exec", *(placed.follower or ())), indent="  ")
    yield "}"
    yield f"export -f {name}"


def _function_name(placed: PlacedProcess) -> str:
    return re.sub(r"\W", "_", f"on_nodes_of_{placed.name}")
