"""What the scripts of several outputs have in common."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Final

from dynamo_launch.deploy.outputs.needs import Unused, written_keys
from dynamo_launch.deploy.seats import HTTP, MEANING, VOLUMES
from dynamo_launch.deploy.shell import WIDTH, comment
from dynamo_launch.deploy.text import expression, literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.manifest.graph import Component
    from dynamo_launch.deploy.output import Order
    from dynamo_launch.deploy.seats import Seat, Seating
    from dynamo_launch.deploy.text import Text

UNUSED: Final = (
    Unused("runtime_version", "only the operator asks for it"),
    Unused("shared_memory", "shared memory is the machine's own"),
    Unused("health", "a process is not asked for its health; when it ends, all end"),
    Unused(r"resources\.[^.]*/.*", "a process sees every device of its machine but GPUs"),
    Unused(r"ports\.(?!http$).*", "a process listens where its own options say"),
    Unused(r"volumes\.read_only", "a folder can be written to by whoever may write to it"),
)
"""What no script can express."""

FOUND: Final = "DYN_DISCOVERY_BACKEND=file DYN_REQUEST_PLANE=tcp DYN_EVENT_PLANE=zmq"
"""How components find each other: through a folder, which DYN_FILE_KV names."""

FINISH: Final = """\
# Whatever ends this script ends every component.
finish() {
  status=$?
  trap - EXIT
  jobs -p | xargs -r kill 2>/dev/null || true
  wait
  @@exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM"""

SECRETS: Final = """\
# A secret's keys become variables of a component: lines NAME=VALUE in a file beside this one.
secret() {
  if [[ ! -r $HERE/$1.env ]]; then
    echo "$HERE/$1.env is missing: write the keys of secret $1 into it, as NAME=VALUE" >&2
    exit 1
  fi
  while IFS= read -r line || [[ -n $line ]]; do
    if [[ $line =~ ^[A-Za-z_][A-Za-z0-9_]*= ]]; then export "${line?}"; fi
  done <"$HERE/$1.env"
}"""


def variables(seating: Seating, *, folder: str) -> dict[str, tuple[str, str]]:
    """Return the variables that a script reads: what each means, and what it is by default."""
    found = {kind: (MEANING[kind], str(port)) for kind, port in seating.ports.items()}
    if seating.claims:
        found[VOLUMES] = ("folder of the volumes", folder)
    return found


def explained(read: dict[str, tuple[str, str]]) -> Iterator[str]:
    """Yield the lines of a head that say which variables a script reads."""
    yield "Environment:"
    width = max(map(len, read))
    meaning = max(len(text) for text, _default in read.values())
    for name, (text, default) in read.items():
        yield f"  {name:<{width}}  {text:<{meaning}}  ({default})"


def origins(component: Component, order: Order, unused: Iterable[Unused]) -> Iterator[str]:
    """Yield a comment for a component: in which lines of which file its values were written.

    What the target cannot express is not among them.
    """
    found: dict[str, dict[str, None]] = {}
    unused = tuple(unused)
    for place in written_keys(component, order):
        if not any(one.covers(place) for one in unused):
            found.setdefault(place.file_name, {})[f"{place.what} {place.mark.line}"] = None
    yield f"# {comment(component.name)}"
    for file, said in found.items():
        yield from wrap(
            comment(f"{file}: {', '.join(said)}"),
            width=WIDTH,
            initial_indent="#   ",
            subsequent_indent="#     ",
            break_on_hyphens=False,
        )


def own_variables(seat: Seat, order: Order) -> dict[str, Text]:
    """Return the variables of one process, without those that all of them are given."""
    shared = {"DYN_NAMESPACE": literal(order.graph.name), HTTP: expression(f"${HTTP}")}
    return {name: value for name, value in seat.env.items() if shared.get(name) != value}
