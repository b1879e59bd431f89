"""Bash scripts: what those of the outputs `local` and `slurm` share."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Final

from dynamo_launch.deploy.outputs.output_checks import Unused, secrets, written_keys
from dynamo_launch.deploy.placement import HTTP, MEANING, VOLUMES
from dynamo_launch.deploy.shell_text import (
    WIDTH,
    command,
    comment,
    expression,
    literal,
    word,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dynamo_conformance.manifest.graph import Component
    from dynamo_launch.deploy.output import Order
    from dynamo_launch.deploy.placement import PlacedProcess, ProcessPlacement
    from dynamo_launch.deploy.shell_text import ShellText

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

_FINISH: Final = """\
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

_SECRETS: Final = """\
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


def variables(placement: ProcessPlacement, *, folder: str) -> dict[str, tuple[str, str]]:
    """Return the variables that a script reads: what each means, and what it is by default."""
    read = {kind: (MEANING[kind], str(port)) for kind, port in placement.ports.items()}
    if placement.claims:
        read[VOLUMES] = ("folder of the volumes", folder)
    return read


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
    files: dict[str, dict[str, None]] = {}
    unused = tuple(unused)
    for place in written_keys(component, order):
        if not any(unused_keys.covers(place) for unused_keys in unused):
            files.setdefault(place.file_name, {})[f"{place.what} {place.mark.line}"] = None
    yield f"# {comment(component.name)}"
    for file, keys in files.items():
        yield from wrap(
            comment(f"{file}: {', '.join(keys)}"),
            width=WIDTH,
            initial_indent="#   ",
            subsequent_indent="#     ",
            break_on_hyphens=False,
        )


def own_variables(placed: PlacedProcess, order: Order) -> dict[str, ShellText]:
    """Return the variables of one process, without those that all of them are given."""
    shared = {"DYN_NAMESPACE": literal(order.graph.name), HTTP: expression(f"${HTTP}")}
    return {name: value for name, value in placed.env.items() if shared.get(name) != value}


def opening(head: Iterable[str]) -> Iterator[str]:
    """Yield the first line of a script, and its head as comments."""
    yield "#!/usr/bin/env bash"
    yield from (f"# {comment(line)}".rstrip() for line in head)


def setup(order: Order, placement: ProcessPlacement, *, cleanup: str = "") -> Iterator[str]:
    """Yield the lines before the components: what they share, and how they end.

    Args:
        order: What is to be written.
        placement: The processes.
        cleanup: A command that is executed at the end.
    """
    yield f"export DYN_NAMESPACE={word(order.graph.name)}"
    if placement.claims:
        yield "mkdir -p " + " ".join(f'"${VOLUMES}"/{word(claim)}' for claim in placement.claims)
    yield ""
    if secrets(order):
        yield _SECRETS
        yield ""
    yield _FINISH.replace("@@", f"{cleanup}\n  " if cleanup else "")


def in_background(
    words: Iterable[ShellText | str],
    placed: PlacedProcess,
    *,
    env: Mapping[str, ShellText],
    before: tuple[str, ...] = (),
) -> Iterator[str]:
    """Yield the lines that start a process in the background, with its secrets.

    Args:
        words: The command line.
        placed: The process.
        env: Its variables.
        before: The function that executes the command; none where the shell itself does.
    """
    if not placed.process.secrets:
        *first, last = command(words, env=env, before=before)
        yield from first
        yield f"{last} &"
        return
    yield "("
    yield from (f"  secret {word(name)}" for name in placed.process.secrets)
    yield from command(words, env=env, before=before or ("exec",), indent="  ")
    yield ") &"


def end() -> Iterator[str]:
    """Yield the last lines of a script."""
    yield ""
    yield "# The first component to end decides the exit code."
    yield "wait -n"
