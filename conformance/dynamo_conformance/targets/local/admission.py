"""What a cluster would refuse of a graph, or no process here can be given, before any start."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from dynamo_conformance.api import crd
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.operator_choice import choose
from dynamo_conformance.lint.rule import Problem, Subject, load_rules, rule_ids
from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.fields import is_true, mark_of
from dynamo_conformance.manifest.node import NOWHERE, Mapping, Mark, Scalar, walk
from dynamo_conformance.manifest.variable_expansion import expand
from dynamo_conformance.rendering.kubelet import Sources, expanded, look_up
from dynamo_conformance.targets.interface import DeployFailure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.manifest.config_maps import ConfigMaps
    from dynamo_conformance.manifest.graph import Component, Container, Graph

MAX_PROCESSES = 256
"""How many processes a graph may have here; a mock worker takes about 100 MB of memory."""

_RULES = ("api-schema", "api-rule", "api-admission", "name-length")
_POD_RULES = "pod-"
"""Rules whose errors are those of the API server and of the kubelet."""


class RefusedGraph(DeployFailure):
    """A graph that no cluster would take, or of which no process can be made here."""


def check(graph: Graph) -> None:
    """Return when a cluster would take `graph`.

    What is wrong with an image's name is no matter: no image is used here.

    Raises:
        RefusedGraph: It would not; the text has a line for each reason, with its place.
    """
    if graph.document is None:
        return
    images = {
        mark_of(container.node, "image")
        for part in graph.components
        for container in part.containers
    }
    problems = {
        (problem.mark, problem.message)
        for problem in (
            *_problems(graph),
            *_volume_problems(graph),
        )
        if problem.mark not in images
    }
    if problems:
        lines = (
            f"{graph.document.file}:{at.line}:{at.column}: {text}" for at, text in sorted(problems)
        )
        raise RefusedGraph("\n".join(lines))


def _problems(graph: Graph) -> Iterator[Problem]:
    """Yield the errors of the rules that check what the API server checks."""
    assert graph.document is not None  # noqa: S101 - narrows for the type checker
    definition = crd.load(choose(graph).operator)
    subject = Subject(graph.document, graph, definition=definition)
    wanted = (
        rule_id for rule_id in rule_ids() if rule_id in _RULES or rule_id.startswith(_POD_RULES)
    )
    for rule in load_rules(wanted):
        for problem in rule.check(subject):
            if (problem.severity or rule.SEVERITY) is Severity.ERROR:
                yield problem


def _volume_problems(graph: Graph) -> Iterator[Problem]:
    """Yield what the kubelet or the container runtime refuses of volumes, mounts and variables."""
    config_maps = graph.config_maps
    for component in graph.components:
        for container in component.containers:
            for mount in container.node.mappings("volumeMounts"):
                path = mount.string("mountPath") or ""
                if path and posixpath.normpath(f"/{path.lstrip('/')}") == "/":
                    message = f'nothing can be mounted at "{path}", where the container itself is'
                    yield Problem(mark_of(mount, "mountPath"), message)
                yield from _expression(mount, container, config_maps)
            for variable in container.node.mappings("env"):
                source = variable.mapping("valueFrom")
                reference = source.mapping("configMapKeyRef") if source is not None else None
                if reference is not None:
                    yield from _missing_key(reference, reference, config_maps)
        yield from _items(component, config_maps)


def _expression(mount: Mapping, container: Container, config_maps: ConfigMaps) -> Iterator[Problem]:
    """Yield when what `subPathExpr` becomes leads out of the volume."""
    written = mount.string("subPathExpr") or ""
    if "$(" not in written:
        return
    env = expanded(look_up(container, Sources(config_maps=config_maps)).variables)
    path = expand(written, env)
    if path.startswith("/") or ".." in path.split("/"):
        message = f'subPathExpr "{written}" becomes "{path}", which leads out of the volume'
        yield Problem(mark_of(mount, "subPathExpr"), message)


def _items(component: Component, config_maps: ConfigMaps) -> Iterator[Problem]:
    spec = component.pod_spec
    for volume in spec.mappings("volumes") if spec is not None else ():
        source = volume.mapping("configMap")
        for item in source.mappings("items") if source is not None else ():
            assert source is not None  # noqa: S101 - narrows for the type checker
            yield from _missing_key(item, source, config_maps)


def _missing_key(reference: Mapping, source: Mapping, config_maps: ConfigMaps) -> Iterator[Problem]:
    """Yield when a key is wanted that a ConfigMap of the same file does not have."""
    name, key = source.string("name") or "", reference.string("key")
    keys = config_maps.get(name)
    if keys is None or key is None or key in keys or is_true(source.get("optional")):
        return
    known = ", ".join(sorted(keys)) or "none"
    message = f'ConfigMap {name} of this file has no key "{key}"; it has {known}'
    yield Problem(mark_of(reference, "key"), message)


def check_startable(graph: Graph) -> None:
    """Refuse a graph that cannot be processes of this machine.

    Raises:
        ManifestError: Says what, where, and what to do about it.
    """
    file = graph.document.file if graph.document is not None else graph.name
    for mark, reason in (_too_many(graph), _unfit_name(graph), _unfit_text(graph)):
        if reason:
            raise ManifestError(file, mark, reason)


def _too_many(graph: Graph) -> tuple[Mark, str]:
    count = 0
    for component in graph.components:
        nodes = max(component.node_count, 1)
        count += max(component.replicas, 0) * nodes
        if count > MAX_PROCESSES:
            spread = component.node.mapping("multinode")
            is_wide = spread is not None and nodes > component.replicas
            mark = _mark(spread, "nodeCount") if is_wide else _mark(component.node, "replicas")
            key = "nodeCount" if is_wide else "replicas"
            most = f"more than {MAX_PROCESSES} processes, the most that are started on one machine"
            return mark or component.mark, (
                f"with component {component.name} the graph has {most}; lower {key}, or use a "
                "cluster"
            )
    return NOWHERE, ""


def _mark(node: Mapping | None, key: str) -> Mark | None:
    value = node.get(key) if node is not None else None
    return value.mark if value is not None else None


def _unfit_name(graph: Graph) -> tuple[Mark, str]:
    mains = [component.main for component in graph.components if component.main is not None]
    for var in (*graph.env, *(var for main in mains for var in main.env)):
        if not var.name or "=" in var.name:
            reason = "it has =" if var.name else "it is empty"
            return var.mark, f"{var.name!a} cannot name an environment variable: {reason}"
    return NOWHERE, ""


def _unfit_text(graph: Graph) -> tuple[Mark, str]:
    """Return the first text below `spec` that the kernel does not take as a word or a value."""
    spec = graph.root.mapping("spec") or Mapping()
    for _path, node in walk(spec):
        if isinstance(node, Scalar) and isinstance(node.value, str) and _is_unfit(node.value):
            return node.mark, _unfit(node.value)
        if isinstance(node, Mapping):
            for entry in node:
                if _is_unfit(entry.key):
                    return entry.mark, _unfit(entry.key)
    return NOWHERE, ""


def _is_unfit(text: str) -> bool:
    return "\0" in text or any("\ud800" <= char <= "\udfff" for char in text)


def _unfit(text: str) -> str:
    what = "a NUL character" if "\0" in text else "half of a surrogate pair"
    return f"{text[:60]!a} holds {what}, which no process can be given"
