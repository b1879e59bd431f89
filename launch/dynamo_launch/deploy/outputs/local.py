"""A script in the form of `launch/local`: every process of the graph on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dynamo_launch.deploy.output import File
from dynamo_launch.deploy.outputs import script
from dynamo_launch.deploy.outputs.needs import (
    Unused,
    env_file,
    one_machine,
    secrets,
    startable,
    warn_of_unused,
)
from dynamo_launch.deploy.outputs.remarks import heading
from dynamo_launch.deploy.outputs.script import (
    FINISH,
    FOUND,
    SECRETS,
    explained,
    origins,
    own_variables,
    variables,
)
from dynamo_launch.deploy.process import process
from dynamo_launch.deploy.seats import HTTP, VOLUMES, seated
from dynamo_launch.deploy.shell import command, comment, word
from dynamo_launch.deploy.text import literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_launch.config.complaint import Complaints
    from dynamo_launch.deploy.output import Order
    from dynamo_launch.deploy.seats import Seat, Seating

UNUSED: Final = (
    *script.UNUSED,
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

    def check(self, order: Order, complaints: Complaints) -> None:
        """Complain of what needs several machines."""
        startable(order, complaints)
        one_machine(order, complaints, instead="--target k8s or --target slurm")
        if not complaints.errors:
            warn_of_unused(order, UNUSED, complaints, target="local")

    def files(self, order: Order) -> tuple[File, ...]:
        """Return the script."""
        seating = seated(process(order.graph, one) for one in order.graph.components)
        text = "\n".join(_lines(order, seating)) + "\n"
        return (File(name=f"{order.graph.name}.sh", text=text, is_executable=True),)

    def kept(self, order: Order) -> tuple[str, ...]:
        """Return the files of secrets, and the folder that volumes are in."""
        return (*(env_file(name) for name in secrets(order)), "volumes")

    def next_steps(self, order: Order, folder: str) -> tuple[str, ...]:
        """Return how to make the files of secrets, and how to start it all."""
        made = (f"echo NAME=VALUE >> {folder}/{env_file(name)}" for name in secrets(order))
        return (*made, f"{folder}/{order.graph.name}.sh")


def _lines(order: Order, seating: Seating) -> Iterator[str]:
    yield "#!/usr/bin/env bash"
    read = variables(seating, folder="volumes, beside this script")
    yield from (f"# {comment(line)}".rstrip() for line in _head(order, seating, read))
    yield _HELP
    if secrets(order) or seating.claims:
        yield 'HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)'
    for name, (_meaning, default) in read.items():
        value = f"${{{name}:-$HERE/volumes}}" if name == VOLUMES else f"${{{name}:-{default}}}"
        # Others start with the frontend's port too; what one component needs is given to it.
        yield f"export {name}={value}" if name == HTTP else f"{name}={value}"
    yield ""
    yield _FOLDER
    yield f"export {FOUND}"
    yield f"export DYN_NAMESPACE={word(order.graph.name)}"
    if seating.claims:
        yield "mkdir -p " + " ".join(f'"${VOLUMES}"/{word(claim)}' for claim in seating.claims)
    yield ""
    if secrets(order):
        yield SECRETS
        yield ""
    yield FINISH.replace("@@", 'rm -rf "$TMPDIR"\n  ')
    last = None
    for seat in seating.seats:
        component = seat.process.component
        if component is not last:
            yield ""
            yield from origins(component, order, UNUSED)
            last = component
        yield from _started(seat, order)
    yield ""
    yield "# The first component to end decides the exit code."
    yield "wait -n"


def _head(order: Order, seating: Seating, read: dict[str, tuple[str, str]]) -> Iterator[str]:
    gpus = sum(len(seat.gpus) for seat in seating.seats)
    count = len(seating.seats)
    yield f"{order.graph.name}: {count} processes on one machine, {gpus} GPUs."
    yield ""
    yield from heading(order)
    yield ""
    yield f"Usage: {order.graph.name}.sh [--help]"
    if read:
        yield ""
        yield from explained(read)


def _started(seat: Seat, order: Order) -> Iterator[str]:
    """Yield the lines that start one process in the background."""
    env = own_variables(seat, order)
    if seat.gpus:
        env = {"CUDA_VISIBLE_DEVICES": literal(",".join(map(str, seat.gpus))), **env}
    if not seat.process.secrets:
        *first, last = command(seat.words, env=env)
        yield from first
        yield f"{last} &"
        return
    yield "("
    yield from (f"  secret {word(name)}" for name in seat.process.secrets)
    yield from command(seat.words, env=env, before=("exec",), indent="  ")
    yield ") &"
