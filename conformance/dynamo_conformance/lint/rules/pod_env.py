"""An environment variable that Kubernetes refuses leaves a Deployment that is never made.

A name may hold any printable ASCII character but `=`, a variable has a `value` or a `valueFrom`,
and `valueFrom` has exactly one source. Of two variables with one name in one list the last wins,
silently: the schema lets this through for a graph's `env`, and in v1alpha1 for `envs`.

Fix: give the variable one name and one value.

PASS:
    env:
      - name: HF_TOKEN
        valueFrom:
          secretKeyRef: {name: hf-token-secret, key: HF_TOKEN}

FAIL:
    env:
      - name: HF_TOKEN=abc
      - name: HF_TOKEN
        value: abc
        valueFrom: {}
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.name_faults import subdomain_fault
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.lint.workload import all_containers, given
from dynamo_conformance.manifest.document import V1ALPHA1
from dynamo_conformance.manifest.fields import mark_of
from dynamo_conformance.manifest.node import Mapping, Scalar
from dynamo_conformance.manifest.suggest import did_you_mean
from dynamo_conformance.rendering import v1alpha1_extras

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.node import Node

SEVERITY = Severity.ERROR

_NAME = re.compile(r"[ -<>-~]+")
_KEY = re.compile(r"[-._a-zA-Z0-9]+")

_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_ALL_SOURCES = ("secretRef", "configMapRef")
_FIELDS = (
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName",
    "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
)  # fmt: skip
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['[^']+'\]")
_RESOURCES = tuple(
    f"{side}.{name}"
    for side in ("limits", "requests")
    for name in ("cpu", "memory", "ephemeral-storage")
)
_HUGE_PAGES = ("limits.hugepages-", "requests.hugepages-")


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each variable that is refused, and each that hides another."""
    graph_env = _graph_env(subject)
    for variable in _effective(graph_env):
        if not _is_hidden(variable, subject):
            yield from _variable(variable)
    yield from _repeated(graph_env)
    for placed in all_containers(subject):
        for variable in _effective(placed.node.sequence("env")):
            yield from _variable(variable)
        for source in placed.node.mappings("envFrom"):
            yield from _env_from(source)
    for nodes in _alpha_lists(subject):
        yield from _repeated(nodes)


def _graph_env(subject: Subject) -> tuple[Node, ...]:
    spec = subject.graph.root.mapping("spec")
    return spec.sequence("env") if spec is not None else ()


def _effective(nodes: Iterable[Node]) -> Iterable[Mapping]:
    """Return the variables that count: of two with one name, the last."""
    variables: dict[str, Mapping] = {}
    for node in nodes:
        if isinstance(node, Mapping):
            variables[node.string("name") or f"\0{len(variables)}"] = node
    return variables.values()


def _is_hidden(variable: Mapping, subject: Subject) -> bool:
    """Whether every component has a variable of its own with this name."""
    name = variable.string("name")
    mains = [component.main for component in subject.graph.components]
    return all(main is not None and name in [item.name for item in main.env] for main in mains)


def _variable(variable: Mapping) -> Iterator[Problem]:
    name = variable.string("name")
    if name == "":
        message = "a variable without a name, which Kubernetes refuses; name it"
        yield Problem(mark_of(variable, "name"), message)
    elif name is not None and not _NAME.fullmatch(name):
        yield Problem(mark_of(variable, "name"), _name_message(name))
    source = variable.mapping("valueFrom")
    if source is None:
        return
    value = variable.get("value")
    if isinstance(value, Scalar) and value.value not in (None, ""):
        message = f"{name} has both value and valueFrom; keep one"
        yield Problem(variable.key_mark("value"), message)
    yield from _one_of(source, _SOURCES, f"valueFrom of {name}")
    yield from _sources(source)


def _name_message(name: str) -> str:
    before, equals, value = name.partition("=")
    if before and equals:
        return f'"{name}" has a "=" in its name; write name: {before} and value: "{value}"'
    return f"{name!r} is no name for a variable; use printable ASCII without '='"


def _one_of(node: Mapping, known: tuple[str, ...], what: str) -> Iterator[Problem]:
    keys = [item.key for item in node if item.key in known]
    written = [key for key in keys if given(node, key) is not None]
    if len(written) > 1:
        message = f"{what} has {len(written)} sources ({', '.join(written)}); keep one"
        yield Problem(node.key_mark(written[1]), message)
    elif not written and not _others(node, known):
        yield Problem(node.mark, f"{what} has no source; write one of {', '.join(known)}")


def _others(node: Mapping, known: tuple[str, ...]) -> bool:
    """Whether there are keys that may be a source not known here, or a word misspelt."""
    return any(item.key not in (*known, "prefix") for item in node)


def _sources(source: Mapping) -> Iterator[Problem]:
    field = source.mapping("fieldRef")
    if field is not None:
        yield from _field(field)
    resource = source.mapping("resourceFieldRef")
    if resource is not None:
        yield from _resource(resource)
    for key in ("configMapKeyRef", "secretKeyRef"):
        reference = source.mapping(key)
        if reference is not None:
            yield from _reference(reference, key)
            yield from _key(reference, key)


def _field(field: Mapping) -> Iterator[Problem]:
    path = field.string("fieldPath")
    if path is None or path in _FIELDS or _SUBSCRIPT.fullmatch(path):
        return
    advice = did_you_mean(path, _FIELDS)
    if path.startswith(("metadata.labels", "metadata.annotations")):
        advice = f"; write {'.'.join(path.split('.')[:2]).split('[')[0]}['KEY']"
    message = f'a variable cannot hold the pod\'s field "{path}"{advice or "; " + _known(_FIELDS)}'
    yield Problem(mark_of(field, "fieldPath"), message)


def _resource(field: Mapping) -> Iterator[Problem]:
    name = field.string("resource")
    if name is None or name in _RESOURCES or name.startswith(_HUGE_PAGES):
        return
    advice = did_you_mean(name, _RESOURCES) or f"; {_known(_RESOURCES)}"
    message = f'a variable cannot hold the resource "{name}"{advice}'
    yield Problem(mark_of(field, "resource"), message)


def _known(words: tuple[str, ...]) -> str:
    return f"known are {', '.join(words)}"


def _reference(reference: Mapping, key: str) -> Iterator[Problem]:
    name = reference.string("name")
    if name == "" or given(reference, "name") is None:
        yield Problem(mark_of(reference, "name"), f"{key} names nothing; write its name")
    elif name and "$" not in name and (fault := subdomain_fault(name)) is not None:
        message = f'nothing can be called "{name}"; Kubernetes wants {fault}'
        yield Problem(mark_of(reference, "name"), message)


def _key(reference: Mapping, key: str) -> Iterator[Problem]:
    name = reference.string("key")
    if name == "":
        yield Problem(mark_of(reference, "key"), f"{key} says no key; write which one is read")
    elif name and "$" not in name and not _KEY.fullmatch(name):
        message = f'no key can be called "{name}"; letters, digits, "-", "_" and "." only'
        yield Problem(mark_of(reference, "key"), message)


def _env_from(source: Mapping) -> Iterator[Problem]:
    yield from _one_of(source, _ALL_SOURCES, "envFrom")
    prefix = source.string("prefix")
    if prefix and not _NAME.fullmatch(prefix):
        message = f"{prefix!r} begins no name of a variable; use printable ASCII without '='"
        yield Problem(mark_of(source, "prefix"), message)
    for key in _ALL_SOURCES:
        reference = source.mapping(key)
        if reference is not None:
            yield from _reference(reference, key)


def _alpha_lists(subject: Subject) -> Iterator[tuple[Node, ...]]:
    """Yield the lists of v1alpha1 services in which the schema lets a name stand twice."""
    if subject.document.version != V1ALPHA1:
        return
    for component in subject.graph.components:
        service = v1alpha1_extras.service(subject.graph, component)
        if service is not None:
            yield service.sequence("envs")
            sidecar = service.mapping("frontendSidecar")
            yield sidecar.sequence("envs") if sidecar is not None else ()


def _repeated(nodes: Iterable[Node]) -> Iterator[Problem]:
    seen: set[str] = set()
    for node in nodes:
        if not isinstance(node, Mapping):
            continue
        name = node.string("name") or ""
        if name and name in seen:
            message = f"{name} stands twice in this list and the last one wins; keep one"
            yield Problem(mark_of(node, "name"), message, severity=Severity.WARNING)
        seen.add(name)
