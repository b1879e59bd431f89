"""Reading and adding flags in a container's command line, as roughly as the operator does.

Only `args` are read, split at white space, and only `--flag value` counts: `--flag=value`, short
forms and what stands in `command` are not seen.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.graph import Container
from dynamo_conformance.manifest.node import Scalar
from dynamo_conformance.manifest.quantity import parse_whole
from dynamo_conformance.rendering.node_merge import sequence, words

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Mapping, Node

TENSOR_PARALLEL = "--tensor-parallel-size"
PIPELINE_PARALLEL = "--pipeline-parallel-size"
DATA_PARALLEL = "--data-parallel-size"

_PYTHON = re.compile(r"(?:.*/)?python\d*(?:\.\d+)*$")
_SPECIAL = re.compile(r"[ \t\n'\"\\{}\[\]$`!]")


def expanded(container: Mapping) -> list[str]:
    """Return the words of `args`, those of a script among them."""
    return [piece for word in Container(container).args for piece in word.text.split()]


def number(args: list[str], flag: str) -> int:
    """Return the value of the first `flag` that is followed by a whole number, else 1."""
    for word, following in pairwise(args):
        if word == flag and (value := parse_whole(following)) is not None:
            return value
    return 1


def has_value(container: Mapping, flag: str, value: str) -> bool:
    """Whether the command line, script or not, says `flag value` or `flag=value`."""
    main = Container(container)
    line = " ".join(word.text for word in (*main.command, *main.args))
    return re.search(rf"{re.escape(flag)}[ =]{re.escape(value)}", line) is not None


def runs_python(main: Container) -> bool:
    """Whether the container starts a Python interpreter itself, without a shell."""
    return bool(main.command) and _PYTHON.match(main.command[0].text) is not None


def added(container: Mapping, flags: tuple[str, ...], *, module: str, shell: bool) -> Mapping:
    """Return the container with `flags` on its engine's command line.

    Args:
        container: The container; its command decides the way.
        flags: The words to add.
        module: What the engine's module has in its name (`vllm`); in a script the flags go right
            behind the word that has it.
        shell: Whether a shell must read the flags because they calculate; it then `exec`s the
            command, so that signals still reach the engine.
    """
    main = Container(container)
    if not runs_python(main):
        return _in_script(container, " ".join(flags), module)
    if not shell:
        return container.replaced("args", sequence((*container.sequence("args"), *words(flags))))
    line = " ".join(quoted(word.text) for word in (*main.command, *main.args))
    script = f"exec {line} {' '.join(flags)}"
    return container.replaced("command", words(("sh", "-c"))).replaced("args", words((script,)))


def quoted(word: str) -> str:
    """Return a word that a shell reads back unchanged."""
    if not _SPECIAL.search(word):
        return word
    return '"' + re.sub(r'([\\"$`])', r"\\\1", word) + '"'


def _in_script(container: Mapping, flags: str, module: str) -> Mapping:
    """Insert flags into the first script that runs the engine; the script keeps its mark."""
    pattern = re.compile(rf"(python[0-9.]*\s[^|&;]*{module}[^|&;]*?)(\s|\Z|[|&;])")
    args: list[Node] = list(container.sequence("args"))
    for index, node in enumerate(args):
        if isinstance(node, Scalar) and isinstance(node.value, str):
            changed = pattern.sub(lambda match: f"{match[1]} {flags}{match[2]}", node.value)
            if changed != node.value:
                args[index] = Scalar(changed, node.mark, changed)
                return container.replaced("args", sequence(args))
    return container
