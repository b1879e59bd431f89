"""Some fields, flags and variables are accepted, and ignored or on their way out.

Nothing warns when they are applied; the release that drops them refuses the manifest, or serves
something else than was meant.

Fix: do what the message says; most of it can simply be left out.

PASS:
    scalingAdapter: {enabled: true}

FAIL:
    scalingAdapter: {}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.manifest.document import V1ALPHA1
from dynamo_conformance.manifest.node import Mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.role import Part
    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.WARNING

_CHECKPOINT = {
    "identity": "checkpoint.identity is ignored; name a checkpoint with checkpointRef",
    "mode": "checkpoint.mode is deprecated; leave it out, startupPolicy says when to start",
}
_EPP = (
    "eppConfig is deprecated since operator 1.5.0, whose endpoint picker needs none; "
    "leave it out there"
)
_ADAPTER = (
    "a bare scalingAdapter is disabled in v1alpha1, and enabled in v1beta1; "
    "write enabled: true, or leave it out"
)
_RENAMED = {
    "DYN_TRTLLM_PUBLISH_EVENTS_AND_METRICS": (
        "use DYN_TRTLLM_PUBLISH_KV_EVENTS and DYN_TRTLLM_PUBLISH_METRICS"
    )
}
_NEW_NAME = "DYN_TRTLLM_PUBLISH_METRICS"
"""Where it is read, the older name stands for two."""

_INGRESS = "ingress has no word in v1beta1; write an Ingress of your own for the frontend's Service"


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each field, flag and variable that is on its way out."""
    for component in subject.graph.components:
        yield from _shared(component.node)
    if subject.document.version == V1ALPHA1:
        spec = subject.document.root.mapping("spec")
        services = spec.mapping("services") if spec is not None else None
        for entry in services or ():
            if isinstance(entry.value, Mapping):
                yield from _alpha(entry.key, entry.value)
    for part in subject.parts:
        yield from _flags(part)
        yield from _variables(part)


def _shared(component: Mapping) -> Iterator[Problem]:
    """Yield what both versions have, which the conversion moves to one place."""
    experimental = component.mapping("experimental")
    checkpoint = experimental.mapping("checkpoint") if experimental is not None else None
    for name, message in _CHECKPOINT.items():
        value = checkpoint.get(name) if checkpoint is not None else None
        if value is not None:
            yield Problem(value.mark, message)
    config = component.get("eppConfig")
    if config is not None:
        yield Problem(config.mark, _EPP)


def _alpha(name: str, service: Mapping) -> Iterator[Problem]:
    if service.string("serviceName"):
        message = f"serviceName is ignored; the service is called by its key, {name}"
        yield Problem(service.key_mark("serviceName"), f"{message}; leave it out")
    if service.mapping("ingress") is not None:
        yield Problem(service.key_mark("ingress"), _INGRESS)
    adapter = service.mapping("scalingAdapter")
    if adapter is not None and "enabled" not in adapter:
        yield Problem(service.key_mark("scalingAdapter"), _ADAPTER)


def _flags(part: Part) -> Iterator[Problem]:
    if part.arguments is None or part.command is None:
        return
    for given in part.arguments.given:
        if given.flag.deprecated is not None and given.index < len(part.command.words):
            mark = part.command.words[given.index].mark
            yield Problem(mark, f"{given.spelling} is deprecated: {given.flag.deprecated}")


def _variables(part: Part) -> Iterator[Problem]:
    """Yield variables that set a deprecated flag, by any of its names, or have another name now."""
    main = part.component.main
    if part.arguments is None or main is None or not main.env:
        return
    flags = [flag for named in part.arguments.settings.values() for flag in named]
    renamed = _RENAMED if any(flag.env == _NEW_NAME for flag in flags) else {}
    deprecated = {
        name: flag.deprecated
        for flag in flags
        if flag.deprecated is not None
        for name in (flag.env, *flag.older_env)
    }
    for variable in main.env:
        instead = deprecated.get(variable.name) or renamed.get(variable.name)
        if instead is not None:
            yield Problem(variable.mark, f"{variable.name} is deprecated: {instead}")
