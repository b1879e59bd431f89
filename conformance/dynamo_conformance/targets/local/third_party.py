"""Components that run no program of Dynamo's: a server of somebody else's in its own image."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dynamo_conformance.engines.shell import is_shell
from dynamo_conformance.manifest.graph import FRONTEND

if TYPE_CHECKING:
    from dynamo_conformance.rendering.pod import Workload

_OURS = re.compile(r"dynamo|python|vllm|sglang|trtllm|tensorrt|--model", re.IGNORECASE)
"""What only a component of Dynamo's, or one that is meant to be, has in its command line."""


def foreign(workloads: tuple[Workload, ...]) -> frozenset[str]:
    """Return the names of the components that run something else, which no machine has.

    A component in a place that the graph cannot do without, its only frontend or all its workers,
    is no such component: it is broken, and is started so that it says so. And so is a worker that
    is a shell's script, whatever that does.
    """
    other = {one.component.name for one in workloads if _is_foreign(one)}
    for is_place in (_is_frontend, _is_worker):
        holders = {one.component.name for one in workloads if is_place(one)}
        if holders <= other:
            other -= holders
    return frozenset(other)


def program(workload: Workload) -> str:
    """Return the program that a component starts, for people."""
    words = _words(workload)
    return words[0] if words else f"what the image {workload.leader.main.image or '?'} starts"


def _words(workload: Workload) -> list[str]:
    """Return the author's words; the operator's own when the author names no program."""
    written = workload.component.main
    main = written if written is not None and written.command else workload.leader.main
    return [word.text for word in (*main.command, *main.args)]


def _is_foreign(workload: Workload) -> bool:
    words = _words(workload)
    if not words:
        return not _is_worker(workload)
    if _is_worker(workload) and is_shell(words):
        return False
    return not any(_OURS.search(word) for word in words)


def _is_frontend(workload: Workload) -> bool:
    return workload.component.type == FRONTEND


def _is_worker(workload: Workload) -> bool:
    return workload.component.is_worker
