"""A container without a command starts what the operator gives it, with the args it is given.

A frontend is started as `python3`, and with `-m dynamo.frontend` only when it has no args; a worker
as `/bin/sh -c`, which wants a script as its one argument. Options alone then end the container at
start, and so does a worker that says nothing at all. A frontend's command without args is given the
operator's args too: `python3 -m dynamo.frontend -m dynamo.frontend` ends at start. Of a component
that spans nodes and has no args the operator makes no LeaderWorkerSet.

Fix: write the command: `command: [python3, -m, dynamo.vllm]`, and its options below args.

PASS:
    type: frontend
    command: [python3, -m, dynamo.frontend]
    args: [--router-mode, kv]

FAIL:
    type: frontend
    args: [--router-mode, kv]
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from dynamo_conformance.engines.commandline import FRONTEND_MODULE
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.lint.rules.lws_index import severity_on_lws
from dynamo_conformance.manifest.graph import FRONTEND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.graph import Component, Container

SEVERITY = Severity.ERROR

_PYTHON = re.compile(r"(?:.*/)?python(?:3(?:\.\d+)?)?$")
_PYTHON_TAKES = ("-m", "-c")
_MODULE = re.compile(r"dynamo(?:\.\w+)+$")


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each main container that cannot start as it is written."""
    for component in subject.graph.components:
        main = component.main
        if main is None:
            continue
        if main.command:
            yield from _module_alone(main)
            if component.type == FRONTEND:
                yield from _command_alone(main)
            elif component.node_count > 1:
                yield from _nodes_without_args(subject, component, main)
        elif component.type == FRONTEND:
            yield from _frontend(main)
        elif component.is_worker:
            yield from _worker(component, main)


def _frontend(main: Container) -> Iterator[Problem]:
    if main.args and main.args[0].text not in _PYTHON_TAKES and main.args[0].text.startswith("-"):
        first = main.args[0]
        text = f"args replace the operator's own, so python3 is given {first.text}"
        yield Problem(first.mark, f"{text}; write command: [python3, -m, {FRONTEND_MODULE}] too")


def _command_alone(main: Container) -> Iterator[Problem]:
    if not main.args:
        text = f"without args the operator adds its own, -m {FRONTEND_MODULE}, to this command"
        advice = "leave the command out" if _is_default(main) else "write some of its words as args"
        yield Problem(main.command[0].mark, f"{text}; {advice}")


def _nodes_without_args(
    subject: Subject, component: Component, main: Container
) -> Iterator[Problem]:
    severity = severity_on_lws(subject)
    if main.args or severity is None:
        return
    text = f'component "{component.name}" spans nodes and has no args, so the operator makes no'
    yield Problem(
        main.command[-1].mark,
        f"{text} LeaderWorkerSet of it; write the last of these words as args",
        severity=severity,
    )


def _is_default(main: Container) -> bool:
    program, *others = (word.text for word in main.command)
    return _PYTHON.match(program) is not None and others == ["-m", FRONTEND_MODULE]


def _worker(component: Component, main: Container) -> Iterator[Problem]:
    advice = "write command: [python3, -m, dynamo.vllm], or that of another engine"
    if not main.args:
        text = f'component "{component.name}" has neither command nor args, so it starts nothing'
        yield Problem(main.node.mark, f"{text}; {advice}")
    elif main.args[0].text.startswith("-"):
        text = f"without a command the operator runs /bin/sh -c {main.args[0].text}, which is none"
        yield Problem(main.args[0].mark, f"{text}; {advice}")


def _module_alone(main: Container) -> Iterator[Problem]:
    """Yield `python3 dynamo.vllm`: Python looks for a file of that name."""
    words = main.command + main.args
    for word, following in pairwise(words):
        if _PYTHON.match(word.text) and _MODULE.match(following.text):
            text = f"python3 looks for a file called {following.text}"
            yield Problem(following.mark, f"{text}; write -m {following.text}")
            return
