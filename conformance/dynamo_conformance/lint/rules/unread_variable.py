"""A `DYN_` variable that nothing reads changes nothing.

Names change between releases, and a misspelled one is accepted in silence. The variables that each
release of Dynamo reads are known from its sources, those of the operator and of KVBM included.

Fix: write the name that the message suggests, or leave the variable out. The options of
`DYN_DEPLOYMENT_CONFIG` are arguments of each component now.

PASS:
    env:
      - name: DYN_ROUTER_MODE
        value: kv

FAIL:
    env:
      - name: DYN_ROUTR_MODE
        value: kv
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines import release_names
from dynamo_conformance.engines.commandline import argv, environment_of, programs
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.manifest.node import Scalar, walk
from dynamo_conformance.manifest.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.releases import Release
    from dynamo_conformance.engines.role import Part
    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.graph import EnvVar
    from dynamo_conformance.manifest.node import Mapping

SEVERITY = Severity.WARNING

_PREFIX = "DYN_"
_RETIRED = {"DYN_DEPLOYMENT_CONFIG": "; write its options as args of the component"}


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each variable of a Dynamo container that its release does not read."""
    running = [part for part in subject.parts if _runs_dynamo(part, subject.graph.env)]
    if running and len(running) == len(subject.graph.components):
        releases = {part.release.known for part in running}
        # What one of them reads is not written in vain.
        unread = [list(_unread(subject.graph.env, subject.graph.root, item)) for item in releases]
        marks = [{problem.mark for problem in problems} for problems in unread]
        yield from (item for item in unread[0] if all(item.mark in some for some in marks))
    for part in running:
        main = part.component.main
        if main is not None:
            yield from _unread(main.env, part.component.node, part.release.known)


def _runs_dynamo(part: Part, shared: tuple[EnvVar, ...]) -> bool:
    """Return whether what is known of the release says what its main container reads."""
    main = part.component.main
    if main is None or not part.release.is_known:
        return False
    if part.command is not None:
        return part.command.module.startswith("dynamo.")
    started = programs(argv(part.component, main), environment_of(main, shared))
    return any(command[0].text.split()[:1] == ["dynamo"] for command in started)


def _unread(variables: tuple[EnvVar, ...], around: Mapping, release: Release) -> Iterator[Problem]:
    known = release_names.load(release=str(release))
    for variable in variables:
        name = variable.name
        if not name.startswith(_PREFIX) or known.reads(name) or _is_used(name, around):
            continue
        hint = _RETIRED.get(name) or did_you_mean(name, known.variables) or "; leave it out"
        yield Problem(variable.mark, f"nothing in Dynamo {known.release} reads {name}{hint}")


def _is_used(name: str, around: Mapping) -> bool:
    """Return whether the author's own words use the variable, as `$NAME` or `$(NAME)` do."""
    return any(
        isinstance(node, Scalar) and name in node.text and node.text != name
        for _path, node in walk(around)
    )
