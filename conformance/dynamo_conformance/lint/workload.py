"""What a component's pods are written as: pod spec, containers, and the values in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.lint.finding import Fix
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.manifest.fields import is_null
from dynamo_conformance.manifest.graph import MAIN
from dynamo_conformance.manifest.node import Mapping, Scalar
from dynamo_conformance.manifest.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.lint.finding import Severity
    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.graph import Component
    from dynamo_conformance.manifest.node import Node

RUNTIME = "runtime"
"""The init container that newer operators give the Dynamo defaults of `main`."""


def runs_alone(component: Component) -> bool:
    """Whether no container runs beside `main` in a pod: no other one, and no sidecar."""
    spec = component.pod_spec
    inits = spec.mappings("initContainers") if spec is not None else ()
    return len(component.containers) == 1 and not any(
        init.string("restartPolicy") for init in inits
    )


@dataclass(frozen=True, slots=True)
class Placed:
    """A container and where in the pod it stands.

    Attributes:
        node: The container as written.
        component: The component whose pods it is in.
        is_init: Whether it runs before the others.
    """

    node: Mapping
    component: Component
    is_init: bool = False

    @property
    def name(self) -> str:
        """The container's name, or an empty string."""
        return self.node.string("name") or ""

    @property
    def is_main(self) -> bool:
        """Whether the operator puts its defaults beneath it because it is `main`."""
        return not self.is_init and self.name == MAIN

    @property
    def is_frontend_sidecar(self) -> bool:
        """Whether the operator makes a frontend of it."""
        wanted = self.component.node.string("frontendSidecar")
        return not self.is_init and bool(wanted) and self.name == wanted

    @property
    def has_defaults(self) -> bool:
        """Whether the operator puts values of its own beneath what is written."""
        is_runtime = self.is_init and self.name == RUNTIME
        return self.is_main or self.is_frontend_sidecar or is_runtime


def containers(component: Component) -> Iterator[Placed]:
    """Yield the containers of a component's pods as written, init containers last."""
    spec = component.pod_spec
    if spec is None:
        return
    for node in spec.mappings("containers"):
        yield Placed(node, component)
    for node in spec.mappings("initContainers"):
        yield Placed(node, component, is_init=True)


def all_containers(subject: Subject) -> Iterator[Placed]:
    """Yield the containers of every component."""
    for component in subject.graph.components:
        yield from containers(component)


def given(node: Mapping, key: str) -> Node | None:
    """Return what stands under `key`, or None for nothing and for `null`."""
    value = node.get(key)
    return None if is_null(value) else value


def in_grove(subject: Subject) -> bool:
    """Whether Grove is known to run the graph, which makes other objects of it."""
    cluster = subject.cluster
    return cluster is not None and cluster.grove and not subject.graph.declines_grove


def unknown_word(
    node: Mapping, key: str, known: Iterable[str], *, severity: Severity | None = None
) -> Iterator[Problem]:
    """Yield a problem when the word under `key` is none of those that Kubernetes knows."""
    value = node.get(key)
    word = node.string(key)
    words = tuple(known)
    if not word or not isinstance(value, Scalar) or word in words or "$" in word:
        return
    advice = did_you_mean(word, words) or f"; known are {', '.join(words)}"
    right = next((known for known in words if known.lower() == word.lower()), None)
    fix = Fix(*value.mark, word, right) if right is not None else None
    text = f'{key}: Kubernetes knows no "{word}"{advice}'
    yield Problem(value.mark, text, severity=severity, fix=fix)
