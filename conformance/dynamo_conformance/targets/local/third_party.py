"""Components that run no program of Dynamo, but a server of somebody else in its own image."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dynamo_conformance.engines.shell import is_shell
from dynamo_conformance.manifest.graph import EPP, FRONTEND

if TYPE_CHECKING:
    from dynamo_conformance.rendering.pod import Workload

_DYNAMO = re.compile(r"dynamo|python|vllm|sglang|trtllm|tensorrt|--model", re.IGNORECASE)
"""What only a component of Dynamo's, or one that is meant to be, has in its command line."""


def third_party(workloads: tuple[Workload, ...]) -> frozenset[str]:
    """Return the names of the components that run something else, which no machine has.

    A component in a place that the graph cannot do without, its only frontend or all its workers,
    is no such component: it is broken, and is started so that it fails visibly. So is a worker
    that is a shell's script, whatever that does.
    """
    others = {workload.component.name for workload in workloads if _is_third_party(workload)}
    for group in (
        {workload.component.name for workload in workloads if workload.component.type == FRONTEND},
        {workload.component.name for workload in workloads if workload.component.is_worker},
    ):
        if group <= others:
            others -= group
    return frozenset(others)


def program(workload: Workload) -> str:
    """Return the program that a component starts, for people."""
    words = _words(workload)
    return words[0] if words else f"what the image {workload.leader.main.image or '?'} starts"


def _words(workload: Workload) -> list[str]:
    """Return the author's words; the operator's own when the author names no program."""
    written = workload.component.main
    main = written if written is not None and written.command else workload.leader.main
    return [word.text for word in (*main.command, *main.args)]


def _is_third_party(workload: Workload) -> bool:
    words = _words(workload)
    if workload.component.type == EPP:
        return False
    if not words:
        return not workload.component.is_worker
    if workload.component.is_worker and is_shell(words):
        return False
    return not any(_DYNAMO.search(word) for word in words)
