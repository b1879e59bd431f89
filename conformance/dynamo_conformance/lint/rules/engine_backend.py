"""One graph has one engine, and `backendFramework` names it.

The operator shapes multinode pods for the engine and refuses a graph in which a worker runs another
one: its state becomes `failed` and no pod is made. A prefill worker of one engine cannot hand over
to a decode worker of another either.

Fix: run the module of the engine that `backendFramework` names, or name the engine that runs.

PASS:
    spec: {backendFramework: sglang}
    worker: command: [python3, -m, dynamo.sglang]

FAIL:
    spec: {backendFramework: vllm}
    worker: command: [python3, -m, dynamo.sglang]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.commandline import ENGINE_MODULES
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.ERROR


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each worker that runs another engine than the graph's."""
    wanted = subject.graph.backend_framework
    says = "backendFramework says"
    for part in subject.parts:
        command = part.command
        engine = ENGINE_MODULES.get(command.module) if command is not None else None
        if command is None or engine is None or not part.component.is_worker:
            continue
        if wanted is None:
            wanted, says = engine, f'component "{part.component.name}" runs'
        elif engine != wanted and wanted in ENGINE_MODULES.values():
            here = f'component "{part.component.name}" runs {command.module}, but {says} {wanted}'
            yield Problem(command.at.mark, f"{here}; one graph has one engine, make them agree")
