"""On a LeaderWorkerSet the rank of a vLLM data parallel node needs a shell function.

For data parallel ranks that span nodes the operator gives each further node the flag
`--data-parallel-start-rank $(( 8 * $(LWS_WORKER_INDEX) ))`. The kubelet looks for `$(NAME)` from
the left and does not look into `$((...))`; the shell then takes `$(LWS_WORKER_INDEX)` for a
command, finds none, and the node ends with code 2. Grove writes the rank in another way.

Fix: run the engine through `/bin/sh -c`, and begin the script with
`LWS_WORKER_INDEX() { echo "$LWS_WORKER_INDEX"; };`, so that the shell finds that command.

PASS:
    multinode: {nodeCount: 2}
    command: [/bin/sh, -c]
    args: ['LWS_WORKER_INDEX() { echo "$LWS_WORKER_INDEX"; }; exec python3 -m dynamo.vllm ...']

FAIL:
    multinode: {nodeCount: 2}
    command: [python3, -m, dynamo.vllm]
    args: [--model, deepseek-ai/DeepSeek-R1, --data-parallel-size, "16"]
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.rendering import flags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.role import Part
    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.graph import Container

SEVERITY = Severity.WARNING

_FUNCTION = re.compile(r"\bLWS_WORKER_INDEX\s*\(\)")
_REMEDY = """'LWS_WORKER_INDEX() { echo "$LWS_WORKER_INDEX"; };'"""


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each component whose further nodes would end at start on a LeaderWorkerSet."""
    severity = severity_on_lws(subject)
    if severity is None:
        return
    for part in subject.studied_parts:
        if part.command is not None and _calculates(part):
            message = (
                f'component "{part.component.name}" spreads data parallel ranks over nodes: on a '
                "LeaderWorkerSet the operator writes a rank that the kubelet does not fill in, and "
                f"all nodes but the first end at start; run it through sh -c, after {_REMEDY}"
            )
            yield Problem(part.command.at.mark, message, severity=severity)


def severity_on_lws(subject: Subject) -> Severity | None:
    """Return how bad it is in the cluster; None where no LeaderWorkerSet is used."""
    cluster = subject.cluster
    if cluster is None:
        return Severity.WARNING
    if cluster.grove and not subject.graph.declines_grove:
        return None
    return Severity.ERROR if cluster.lws else None


def _calculates(part: Part) -> bool:
    """Whether the operator writes the rank as a calculation that no shell can do."""
    component, main = part.component, part.component.main
    if main is None or part.command is None or component.node_count == 1:
        return False
    if part.command.module != "dynamo.vllm" or not component.is_worker:
        return False
    return _spreads_ranks(main) and not _defines_function(main)


def _spreads_ranks(main: Container) -> bool:
    """Whether one copy of the model fits on a node, and all copies do not."""
    args = flags.expanded(main.node)
    split = flags.number(args, flags.TENSOR_PARALLEL) * flags.number(args, flags.PIPELINE_PARALLEL)
    copies = flags.number(args, flags.DATA_PARALLEL)
    return 0 < split <= main.gpus < split * copies


def _defines_function(main: Container) -> bool:
    return any(_FUNCTION.search(word.text) for word in (*main.command, *main.args))
