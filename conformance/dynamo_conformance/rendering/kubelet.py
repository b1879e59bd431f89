"""A container's variables as the kubelet makes them: looked up in order, expanded as they come."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.config_maps import referenced_value, variables
from dynamo_conformance.manifest.fields import is_true
from dynamo_conformance.manifest.graph import MAIN, Container
from dynamo_conformance.manifest.node import Mapping, Scalar, Sequence
from dynamo_conformance.manifest.variable_expansion import expand
from dynamo_conformance.rendering.node_merge import made

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamo_conformance.manifest.config_maps import ConfigMaps
    from dynamo_conformance.manifest.graph import Component, EnvVar, Graph
    from dynamo_conformance.manifest.node import Node


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable before it is expanded.

    Attributes:
        name: Its name.
        value: Its value.
        expands: Whether `$(NAME)` in it stands for a variable before it: in written values alone.
    """

    name: str
    value: str
    expands: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where a container's variables come from beside the manifest's own values.

    Attributes:
        config_maps: The ConfigMaps that are known.
        secrets: Keys of secrets that are known, whatever the secret is called.
        fields: Fields of the pod by their paths.
    """

    config_maps: ConfigMaps = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContainerVariables:
    """What was looked up.

    Attributes:
        variables: The variables, in the kubelet's order; of two with one name the last holds.
        changes: What differs from a pod, in words.
    """

    variables: tuple[Variable, ...]
    changes: tuple[str, ...]


def look_up(container: Container, sources: Sources) -> ContainerVariables:
    """Return the variables of a container: those of `envFrom`, then those of `env`."""
    values: list[Variable] = []
    changes: list[str] = []
    for source in container.node.mappings("envFrom"):
        whole, missing = _whole(source, sources)
        values += whole
        changes += missing
    for variable in container.env:
        if variable.source is None or variable.value:
            values.append(Variable(variable.name, variable.value or "", expands=True))
        elif (value := _value(variable.source, sources)) is not None:
            values.append(Variable(variable.name, value))
        elif not _may_be_absent(variable, sources):
            changes.append(f"{variable.name} has no value here and is left out")
    return ContainerVariables(tuple(values), tuple(changes))


def expanded(values: Iterable[Variable]) -> dict[str, str]:
    """Return the values of variables, each expanded by those before it."""
    env: dict[str, str] = {}
    for value in values:
        env[value.name] = expand(value.value, env) if value.expands else value.value
    return env


def resolved(graph: Graph) -> Graph:
    """Return the graph as far as the kubelet's part is known: for readers of its command lines.

    Values from ConfigMaps stand in the environment, and `$(NAME)` of what the author gave a value
    is replaced in the words of `main`.
    """
    sources = Sources(config_maps=graph.config_maps)
    shared = {variable.name: variable.value for variable in graph.env if variable.value is not None}
    return replace(
        graph,
        components=tuple(_resolved(component, sources, shared) for component in graph.components),
    )


def _resolved(component: Component, sources: Sources, shared: dict[str, str]) -> Component:
    main, template, spec = component.main, component.pod_template, component.pod_spec
    if main is None or template is None or spec is None:
        return component
    looked = look_up(main, sources)
    env = expanded((*(Variable(name, value) for name, value in shared.items()), *looked.variables))
    node = main.node
    for key, words in (("command", main.command), ("args", main.args)):
        if words:
            texts = ((expand(word.text, env), word.mark) for word in words)
            items = tuple(Scalar(text, mark, text) for text, mark in texts)
            node = node.replaced(key, Sequence(items, node.key_mark(key)))
    own = {variable.name for variable in looked.variables}
    entries = (made(name=name, value=env[name]) for name in env if name in own)
    rest = (variable for variable in main.node.sequence("env") if _name(variable) not in own)
    node = node.replaced("env", Sequence((*entries, *rest), node.key_mark("env")))
    containers = tuple(
        node if isinstance(container, Mapping) and container.string("name") == MAIN else container
        for container in spec.sequence("containers")
    )
    spec = spec.replaced("containers", Sequence(containers, spec.key_mark("containers")))
    return replace(component, pod_template=template.replaced("spec", spec))


def _name(node: Node) -> str | None:
    return node.string("name") if isinstance(node, Mapping) else None


def _whole(source: Mapping, sources: Sources) -> tuple[list[Variable], list[str]]:
    """Return what an entry of `envFrom` gives, and what to report about it."""
    prefix = source.string("prefix") or ""
    reference = source.mapping("configMapRef")
    if reference is not None:
        name = reference.string("name") or "?"
        if (held := sources.config_maps.get(name)) is not None:
            return [Variable(*pair) for pair in variables(held, prefix=prefix)], []
        return [], [f"configMap {name} is of the cluster: left out"]
    reference = source.mapping("secretRef")
    if reference is None:
        return [], []
    what = f"secret {reference.string('name') or '?'} is of the cluster"
    values = [Variable(prefix + key, value) for key, value in sources.secrets.items()]
    here = ", ".join(sorted(sources.secrets))
    return values, [
        f"{what}: its keys {here} come from this shell" if here else f"{what}: left out"
    ]


def _value(source: Mapping, sources: Sources) -> str | None:
    """Return the value of a `valueFrom`, or None when nothing here can give it."""
    if (secret := source.mapping("secretKeyRef")) is not None:
        return sources.secrets.get(secret.string("key") or "")
    if "configMapKeyRef" in source:
        return referenced_value(source, sources.config_maps)
    reference = source.mapping("fieldRef")
    return sources.fields.get(reference.string("fieldPath") or "") if reference else None


def _may_be_absent(variable: EnvVar, sources: Sources) -> bool:
    """Whether the kubelet leaves a variable without a value out as well, or it is the pod's own."""
    source = variable.source or Mapping()
    if source.mapping("fieldRef") is not None:
        return True
    reference = source.mapping("configMapKeyRef")
    if reference is None:
        return False
    return reference.string("name") in sources.config_maps and is_true(reference.get("optional"))
