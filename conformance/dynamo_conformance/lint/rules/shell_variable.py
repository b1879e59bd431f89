"""`$NAME` in an argument list reaches the engine as it is written.

No shell reads a command that is a list of words. Kubernetes itself fills in `$(NAME)`, and only
from the environment that the pod defines: from `env`, `envFrom`, the operator and Services, never
from the image. A `$(NAME)` that nothing defines stays as it is, too.

Fix: write `$(NAME)` and define NAME in `env`, or run the command through `sh -c`.

PASS:
    command: [python3, -m, dynamo.vllm]
    args: [--model, $(MODEL)]
    env: [{name: MODEL, value: Qwen/Qwen3-0.6B}]

FAIL:
    command: [python3, -m, dynamo.vllm]
    args: [--model, $MODEL]
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dynamo_conformance.engines.commandline import argv
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.manifest.graph import MAIN
from dynamo_conformance.manifest.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.role import Part
    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.field_words import FieldWords
    from dynamo_conformance.manifest.graph import Component, Container, Word

SEVERITY = Severity.ERROR

_SHELL = re.compile(r"\$(?:(?P<bare>[A-Za-z_]\w*)|\{(?P<braced>[A-Za-z_]\w*)\})", re.ASCII)
_KUBELET = re.compile(r"(?P<dollars>\$+)\((?P<name>[A-Za-z_][\w.-]*)\)", re.ASCII)
_SHELLS = re.compile(r"(?:.*/)?(?:ba|da|a|z)?sh", re.ASCII)
# What the operator, the LeaderWorkerSet, Grove, or Services of the namespace may define.
_FROM_OTHERS = re.compile(
    r"(?:DYN|DYNAMO|LWS|GROVE|POD|NIXL|NATS|ETCD|OMPI|PLANNER)_.*|(?:.*_)?(?:SERVICE|PORT)(?:_.*)?"
    r"|CONTAINER_NAME|HF_HOME|HF_ENDPOINT|MODEL_EXPRESS_URL|PROMETHEUS_ENDPOINT|VLLM_CACHE_ROOT"
    r"|VLLM_NIXL_SIDE_CHANNEL_HOST",
    re.ASCII,
)
# Dynamo itself looks up variables in this path.
_EXPANDED = "--custom-jinja-template"


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each variable that nobody fills in."""
    for part in subject.read_parts:
        if part.command is not None and not part.command.through_shell:
            yield from _unread(part, subject.words)
        for container in part.component.containers:
            if not _runs_shell(part.component, container):
                yield from _undefined(container, subject)


def _unread(part: Part, known: FieldWords) -> Iterator[Problem]:
    """Yield the shell variables in a Dynamo command line that no shell reads."""
    words = part.command.words if part.command is not None else ()
    before = ""
    for word in words:
        flag, is_whole, _value = word.text.partition("=")
        expanded = _EXPANDED in (before, flag if is_whole else "")
        match = None if expanded or _is_json(word) else _SHELL.search(word.text)
        if match is not None:
            name = match["bare"] or match["braced"]
            message = f"{match[0]} stays as it is, no shell reads this list of words"
            advice = f"write $({name}) and define {name} in {known.env}, or run it through sh -c"
            yield Problem(word.mark, f"{message}; {advice}")
        before = word.text


def _undefined(container: Container, subject: Subject) -> Iterator[Problem]:
    """Yield each `$(NAME)` that the kubelet finds no value for."""
    if container.node.sequence("envFrom"):
        return
    # The graph's environment goes to the main containers alone.
    is_main = container.name == MAIN
    shared = subject.graph.env if is_main else ()
    field = subject.words.env if is_main else "env"
    known = {variable.name for variable in (*shared, *container.env)}
    for word in (*container.command, *container.args):
        for match in _KUBELET.finditer(word.text):
            # Two dollars stand for one that is meant.
            is_escaped = len(match["dollars"]) % 2 == 0
            if is_escaped or match["name"] in known or _FROM_OTHERS.fullmatch(match["name"]):
                continue
            name = match["name"]
            hint = did_you_mean(name, known) or f"; define {name} in {field}"
            message = f"$({name}) stays as it is, nothing defines {name}{hint}"
            yield Problem(word.mark, message, severity=Severity.WARNING)


def _runs_shell(component: Component, container: Container) -> bool:
    words = (
        argv(component, container)
        if container.name == MAIN
        else (*container.command, *container.args)
    )
    return any(_SHELLS.fullmatch(word.text) for word in words[:1])


def _is_json(word: Word) -> bool:
    """Whether a word is JSON, in which a dollar may be part of a key."""
    return word.text.lstrip().startswith(("{", "["))
