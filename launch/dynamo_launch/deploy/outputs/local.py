"""A script in the form of `launch/local`: every process of the graph on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dynamo_launch.deploy.component_process import component_process
from dynamo_launch.deploy.output import File
from dynamo_launch.deploy.outputs import bash_script, output_checks
from dynamo_launch.deploy.outputs.output_checks import Unused, secret_steps
from dynamo_launch.deploy.outputs.yaml_comments import heading
from dynamo_launch.deploy.placement import HTTP, VOLUMES, place_processes
from dynamo_launch.deploy.shell_text import literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_launch.config.config_error import ConfigErrors
    from dynamo_launch.deploy.output import Order
    from dynamo_launch.deploy.placement import ProcessPlacement

UNUSED: Final = (
    *bash_script.UNUSED,
    Unused("image", "what is installed on this machine is started"),
    Unused(r"resources\.(?:cpu|memory|limits)", "nothing limits a process of this machine"),
)

_HELP: Final = """\
set -euo pipefail
if [[ ${1:-} == --help ]]; then
  sed -n '2,/^set/{/^set/d;s/^# \\{0,1\\}//p}' "$0"
  exit 0
fi
"""
_FOLDER: Final = """\
# The components find each other through a folder of this run (no etcd, no NATS), and leave their
# temporary files in it.
TMPDIR=$(mktemp -d)
export TMPDIR DYN_FILE_KV=$TMPDIR/discovery"""


class Local:
    """The output for one machine without containers."""

    summary = "A script: every component a process of this machine."

    def check(self, order: Order, errors: ConfigErrors) -> None:
        """Add an error for what needs several machines."""
        output_checks.check_startable(order, errors)
        output_checks.check_one_machine(order, errors, instead="--target k8s or --target slurm")
        if not errors.fatal:
            output_checks.warn_of_unused(order, UNUSED, errors, target="local")

    def files(self, order: Order) -> tuple[File, ...]:
        """Return the script."""
        placement = place_processes(
            component_process(order.graph, component) for component in order.graph.components
        )
        text = "\n".join(_lines(order, placement)) + "\n"
        return (File(name=f"{order.graph.name}.sh", text=text, is_executable=True),)

    def kept(self, order: Order) -> tuple[str, ...]:
        """Return the files of secrets, and the folder that volumes are in."""
        return (*output_checks.env_files(order), "volumes")

    def next_steps(self, order: Order, folder: str) -> tuple[str, ...]:
        """Return how to make the files of secrets, and how to start it all."""
        return (*secret_steps(order, folder), f"{folder}/{order.graph.name}.sh")


def _lines(order: Order, placement: ProcessPlacement) -> Iterator[str]:
    read = bash_script.variables(placement, folder="volumes, beside this script")
    yield from bash_script.opening(_head(order, placement, read))
    yield _HELP
    if output_checks.secrets(order) or placement.claims:
        yield 'HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)'
    for name, (_meaning, default) in read.items():
        value = f"${{{name}:-$HERE/volumes}}" if name == VOLUMES else f"${{{name}:-{default}}}"
        # Others start with the frontend's port too; what one component needs is given to it.
        yield f"export {name}={value}" if name == HTTP else f"{name}={value}"
    yield ""
    yield _FOLDER
    yield f"export {bash_script.FOUND}"
    yield from bash_script.setup(order, placement, cleanup='rm -rf "$TMPDIR"')
    last = None
    for placed in placement.processes:
        component = placed.process.component
        if component is not last:
            yield ""
            yield from bash_script.origins(component, order, UNUSED)
            last = component
        env = bash_script.own_variables(placed, order)
        if placed.gpus:
            env = {"CUDA_VISIBLE_DEVICES": literal(",".join(map(str, placed.gpus))), **env}
        yield from bash_script.in_background(placed.words, placed, env=env)
    yield from bash_script.end()


def _head(
    order: Order, placement: ProcessPlacement, read: dict[str, tuple[str, str]]
) -> Iterator[str]:
    gpus = sum(len(placed.gpus) for placed in placement.processes)
    count = len(placement.processes)
    yield f"{order.graph.name}: {count} processes on one machine, {gpus} GPUs."
    yield ""
    yield from heading(order)
    yield ""
    yield f"Usage: {order.graph.name}.sh [--help]"
    if read:
        yield ""
        yield from bash_script.explained(read)
