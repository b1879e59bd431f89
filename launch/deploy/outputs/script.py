"""What the scripts of several outputs have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from conformance.manifest.node import walk
from launch.deploy.seats import HTTP, MEANING, VOLUMES
from launch.deploy.shell import later

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.manifest.graph import Component
    from launch.deploy.output import Order
    from launch.deploy.seats import Seat, Seating

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
    if [[ $line == [A-Za-z_]*=* ]]; then export "${line?}"; fi
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


def origins(component: Component, order: Order) -> Iterator[str]:
    """Yield a comment for a component: what was written, and where."""
    found = [place for _path, node in walk(component.node) if (place := order.trace.of(node.mark))]
    first = order.trace.of(component.mark)
    yield f"# {component.name}: {first.place if first is not None else '?'}"
    said = dict.fromkeys(f"{one.what} {one.place}" for one in found if one != first)
    line = "#  "
    for one in said:
        if len(line) + len(one) > 98:  # noqa: PLR2004 - a line is 100 wide
            yield f"{line.rstrip(',')}"
            line = "#  "
        line += f" {one},"
    if said:
        yield line.rstrip(",")


def own_variables(seat: Seat, order: Order) -> dict[str, str]:
    """Return the variables of one process, without those that all of them are given."""
    shared = {"DYN_NAMESPACE": order.graph.name, HTTP: later(f"${HTTP}")}
    return {name: value for name, value in seat.env.items() if shared.get(name) != value}
