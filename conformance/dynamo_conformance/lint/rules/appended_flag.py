"""What the operator appends to a command must reach the engine, not the shell before it.

For a component that spans nodes the operator adds flags of its own. With Ray it appends
`--distributed-executor-backend ray` to the container's words: behind `/bin/sh -c SCRIPT` that is an
argument of the shell, `$0`, and the engine never sees it.

Fix: write the command as a list of words, or write the flag into the script.

PASS:
    annotations: {nvidia.com/vllm-distributed-executor-backend: ray}
    multinode: {nodeCount: 2}
    command: [python3, -m, dynamo.vllm]
    args: [--model, Qwen/Qwen3-0.6B, --tensor-parallel-size, "2"]

FAIL:
    annotations: {nvidia.com/vllm-distributed-executor-backend: ray}
    multinode: {nodeCount: 2}
    command: [/bin/sh, -c]
    args: ["python3 -m dynamo.vllm --model Qwen/Qwen3-0.6B --tensor-parallel-size 2"]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.api.cluster_parts import Cluster
from dynamo_conformance.engines.commandline import environment_of, find_module
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.rendering.reconcile_failure import ReconcileFailure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.engines.role import Part
    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.graph import Container, Word
    from dynamo_conformance.rendering.pod import Workload

SEVERITY = Severity.ERROR

_ENGINES = ("dynamo.vllm", "dynamo.sglang")
_OF_RAY = frozenset({"--head", "--port", "--address", "--block"})
"""Flags of `ray start`, which the operator runs before the engine."""


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each component over several nodes whose engine is not given the operator's flags."""
    spanning = {
        part.component.name: part
        for part in subject.studied_parts
        if part.command is not None
        and part.command.through_shell
        and part.command.module in _ENGINES
        and part.component.node_count > 1
    }
    for workload in _workloads(subject) if spanning else ():
        part = spanning.get(workload.component.name)
        lost = _lost(part, workload.leader.main) if part is not None else []
        if part is not None and part.command is not None and lost:
            message = (
                f'component "{part.component.name}": the operator appends {" ".join(lost)} behind '
                f"the shell's script, so {part.command.module} is not given it; write the command "
                f"as a list, [python3, -m, {part.command.module}], or write it into the script"
            )
            yield Problem(part.command.at.mark, message)


def _workloads(subject: Subject) -> tuple[Workload, ...]:
    from dynamo_conformance.rendering.pod import render

    try:
        return render(
            subject.graph,
            namespace="default",
            cluster=Cluster(lws=True),
            operator=subject.operator,
        )
    except ReconcileFailure:
        return ()  # Other rules say why the operator makes no pods.


def _lost(part: Part, rendered: Container) -> list[str]:
    """Return the flags that the operator adds and the engine does not get."""
    written = part.component.main
    if written is None:
        return []
    words = rendered.command + rendered.args
    reading = find_module(words, environment_of(rendered))
    if reading is None or reading.one_of_several:
        return []
    own = {*_flags(written.command + written.args), *_flags(reading.words), *_OF_RAY}
    return [flag for flag in dict.fromkeys(_flags(words)) if flag not in own]


def _flags(words: Iterable[Word]) -> list[str]:
    """Return the names of all long flags in words, those inside of scripts among them."""
    pieces = (piece for word in words for piece in word.text.split())
    return [piece.partition("=")[0] for piece in pieces if piece.startswith("--")]
