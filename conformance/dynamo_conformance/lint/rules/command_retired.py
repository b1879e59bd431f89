"""The published images hold no `dynamo` program, and old modules are gone.

`dynamo run`, `dynamo serve` and `dynamo build` were commands of early releases. Every component is
now a Python module that the container starts by itself. A module that the release does not have
ends the container at once.

Fix: start the module that the message names.

PASS:
    command: [python3, -m, dynamo.vllm]

FAIL:
    command: [dynamo, run, in=dyn, out=vllm]
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from dynamo_conformance.engines import release_names
from dynamo_conformance.engines.commandline import (
    ENGINE_MODULES,
    FRONTEND_MODULE,
    WORKER_MODULES,
    argv,
    environment_of,
    find_module,
    programs,
)
from dynamo_conformance.engines.image_release import Fit, image_release, parse_image
from dynamo_conformance.engines.releases import Release, ways
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.manifest.graph import MAIN
from dynamo_conformance.manifest.suggest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.commandline import CommandLine
    from dynamo_conformance.engines.release_names import ReleaseNames
    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.graph import Word

SEVERITY = Severity.ERROR

_PROGRAM = "dynamo"
_RETIRED = frozenset({"run", "build", "deploy"})
"""What no program called `dynamo` does any more; `serve` may be one of the author's own image."""
_NO_PROGRAM = "the published images hold no dynamo program"
_NO_COMMAND = "Dynamo has no such command any more"
_STARTED = {module.rpartition(".")[2]: module for module in WORKER_MODULES}
_SUCCESSORS = {
    "planner_sla": "dynamo.planner",
    "planner_core": "dynamo.planner",
    "profile_sla": "dynamo.profiler",
    "vllm_prefill_router": "dynamo.router",
}
"""What earlier releases could start, by the last part of its name, and what starts it now."""
_NOTES = {
    "dynamo.planner": "its options are fields of --config now",
    "dynamo.profiler": "its options are fields of --config now",
}
_OWN_NAMES = frozenset({"planner_sla", "profile_sla"})
"""Those that were started without `dynamo.` before their name, or as a file."""
_GRAPH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each container that starts what the release does not have."""
    for part in subject.parts:
        for container in part.component.containers:
            image = parse_image(container.image or "")
            is_main = container.name == MAIN
            runs = image_release(container.image or "", subject.release)
            release = part.release if is_main else runs
            if release.fit is Fit.NONE:
                continue
            known = release_names.load(release=str(release.known))
            words = container.command + container.args
            if is_main:
                words = argv(part.component, container)
            environment = (
                part.environment
                if is_main
                else environment_of(container, subject.graph.env, subject.graph.config_maps)
            )
            commands = programs(words, environment)
            command = part.command if is_main else find_module(words, environment)
            found = [*_program(commands, published=image.is_published)]
            if release.is_known:  # A later release may have what an earlier one has not.
                found += _script(commands, known) if command is None else _module(command, known)
            severity = None if release.is_certain else Severity.WARNING
            yield from (replace(problem, severity=severity) for problem in found)


def _program(commands: tuple[tuple[Word, ...], ...], *, published: bool) -> Iterator[Problem]:
    for command in commands:
        texts = [text for word in command for text in word.text.split()]
        if not texts or texts[0].rpartition("/")[2] != _PROGRAM:
            continue
        verb = texts[1] if len(texts) > 1 else ""
        if verb in _RETIRED or published or any(_GRAPH.fullmatch(text) for text in texts[2:]):
            message = f'"{f"{_PROGRAM} {verb}".strip()}" starts nothing: '
            reason = _NO_PROGRAM if published else _NO_COMMAND
            yield Problem(command[0].mark, f"{message}{reason}; {_advice(verb, texts[2:])}")


def _advice(verb: str, words: list[str]) -> str:
    if verb == "build":
        return "nothing is built any more: name a published image"
    sides = dict(word.split("=", 1) for word in words if word.startswith(("in=", "out=")))
    source, sink = sides.get("in", ""), sides.get("out", "")
    worker = _STARTED.get(sink) or _STARTED.get(_option(words, "--engine"))
    if worker is not None and (source.startswith("dyn") or "in" not in sides):
        return f"write python3 -m {worker}"
    if worker is not None:
        return f"write two components: python3 -m {FRONTEND_MODULE}, and python3 -m {worker}"
    if sink.startswith("dyn"):
        return f"write python3 -m {FRONTEND_MODULE}"
    engines = ", ".join(ENGINE_MODULES)
    return f"start one module per component: python3 -m {FRONTEND_MODULE}, and one of {engines}"


def _option(words: list[str], name: str) -> str:
    following = words[words.index(name) + 1 :] if name in words else []
    return following[0] if following else ""


def _module(command: CommandLine, known: ReleaseNames) -> Iterator[Problem]:
    last = command.module.rpartition(".")[2]
    if not command.module.startswith(f"{_PROGRAM}.") and not _is_gone(last, known):
        return
    if command.module in known.modules or "$" in command.module:
        return
    if last in _SUCCESSORS and _SUCCESSORS[last] in known.modules:
        message = f"Dynamo {known.release} has no {command.module} to start"
        yield Problem(command.at.mark, f"{message}; {_successor(last)}")
        return
    package = ".".join(command.module.split(".")[:2])
    if package in known.modules and package != command.module:
        message = f"Dynamo {known.release} has no {command.module} to start"
        yield Problem(command.at.mark, f"{message}; write {package}")
        return
    planner = ways(Release(*map(int, known.release.split(".")))).planner_module
    if planner.startswith(f"{command.module}."):
        message = f"Dynamo {known.release} has no {command.module} to start"
        yield Problem(command.at.mark, f"{message}; write {planner}")
        return
    # A private entry point is no good answer, so the shortest names are tried first.
    packages = [module for module in known.modules if module.count(".") == 1]
    names = {one.partition(".")[2]: one for one in sorted(packages)}
    hint = nearest(command.module.partition(".")[2], names)
    advice = f'did you mean "{names[hint]}"?' if hint else f"known are {', '.join(names.values())}"
    message = f"Dynamo {known.release} has no {command.module} to start"
    yield Problem(command.at.mark, f"{message}; {advice}")


def _is_gone(name: str, known: ReleaseNames) -> bool:
    """Whether a file that was started by its own name is a module of the release by now."""
    return name in _OWN_NAMES and _SUCCESSORS[name] in known.modules


def _script(commands: tuple[tuple[Word, ...], ...], known: ReleaseNames) -> Iterator[Problem]:
    """Yield a file of an earlier release that python is given; it is in no image any more."""
    for command in commands:
        for program, file in pairwise(command):
            name = file.text.rpartition("/")[2].removesuffix(".py")
            is_file = file.text.endswith(".py") and _is_gone(name, known)
            if is_file and program.text.rpartition("/")[2].startswith("python"):
                message = f"Dynamo {known.release} has no {name}.py"
                yield Problem(file.mark, f"{message}; {_successor(name)}")
                return


def _successor(name: str) -> str:
    module = _SUCCESSORS[name]
    note = _NOTES.get(module)
    return f"write {module}; {note}" if note else f"write {module}"
