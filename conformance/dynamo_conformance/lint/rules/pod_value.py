"""A word that Kubernetes does not know, or a name that it refuses, and no pod ever starts.

The schema of a graph takes any text for `imagePullPolicy`, a toleration's `operator`, a
container's name or an image; the Deployment that the operator makes of it is refused, or the
kubelet cannot pull what is no image reference.

Fix: write the word as Kubernetes does, capital letters and all.

PASS:
    tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]
    containers: [{name: exporter, image: busybox:1.36, imagePullPolicy: IfNotPresent}]

FAIL:
    tolerations: [{key: nvidia.com/gpu, operator: Exists, value: present, effect: NoScheduling}]
    containers: [{name: Exporter, image: "https://busybox", imagePullPolicy: always}]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.api.name_rules import name_violations
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.image_reference import image_fault
from dynamo_conformance.lint.name_faults import label_fault, spelt_as_label, value_fault
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.lint.workload import Placed, containers, given, in_grove, unknown_word
from dynamo_conformance.manifest.fields import mark_of
from dynamo_conformance.manifest.node import Mapping, Scalar
from dynamo_conformance.rendering import v1alpha1_extras

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.graph import Component

SEVERITY = Severity.ERROR

_ALWAYS = "Always"
_RESTARTS = (_ALWAYS, "OnFailure", "Never")
_GRACE = "terminationGracePeriodSeconds"
_CONTAINER_WORDS = {
    "imagePullPolicy": (_ALWAYS, "IfNotPresent", "Never"),
    "terminationMessagePolicy": ("File", "FallbackToLogsOnError"),
}
_POD_WORDS = {
    "restartPolicy": _RESTARTS,
    "dnsPolicy": ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    "preemptionPolicy": ("PreemptLowerPriority", "Never"),
}
_GROUP_CHANGES = (_ALWAYS, "OnRootMismatch")
_PROFILES = ("RuntimeDefault", "Unconfined", "Localhost")
_SPREADS = ("DoNotSchedule", "ScheduleAnyway")
_EXISTS, _EQUAL = "Exists", "Equal"
_OPERATORS = (_EQUAL, _EXISTS)
_NEW_OPERATORS = ("Lt", "Gt")
"""Kubernetes 1.35 knows these too, behind a feature gate."""
_NO_EXECUTE = "NoExecute"
_EFFECTS = ("NoSchedule", "PreferNoSchedule", _NO_EXECUTE)


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each word, name and image that Kubernetes cannot take."""
    yield from _labels(subject.graph.root.mapping("spec"))
    for component in subject.graph.components:
        yield from _labels(_metadata(component))
        service = v1alpha1_extras.service(subject.graph, component)
        yield from _labels(service)
        if component.pod_spec is not None:
            yield from _pod(component.pod_spec, subject)
        yield from _names(component)
        for placed in containers(component):
            yield from _container(placed)


def _metadata(component: Component) -> Mapping | None:
    template = component.pod_template
    return template.mapping("metadata") if template is not None else None


def _labels(owner: Mapping | None) -> Iterator[Problem]:
    """Yield labels and annotations of `owner` that no pod can have."""
    if owner is None:
        return
    kept = {key: owner.entries[key] for key in ("labels", "annotations") if key in owner}
    for violation in name_violations(Mapping(kept, owner.mark), ()):
        if "$" not in violation.text:
            yield Problem(violation.mark, f"no pod can have this: {violation.message}")


def _pod(spec: Mapping, subject: Subject) -> Iterator[Problem]:
    for key, words in _POD_WORDS.items():
        yield from unknown_word(spec, key, words)
    restart = spec.string("restartPolicy")
    if restart in _RESTARTS and restart != _ALWAYS and not in_grove(subject):
        message = f"a Deployment restarts its pods always, not {restart}; take restartPolicy out"
        yield Problem(mark_of(spec, "restartPolicy"), message)
    grace = spec.integer(_GRACE)
    if grace is not None and grace < 0:
        message = f"{_GRACE}: {grace} is below zero and taken for 1; write how long a pod may take"
        yield Problem(mark_of(spec, _GRACE), message, severity=Severity.WARNING)
    yield from _security(spec.mapping("securityContext"))
    for spread in spec.mappings("topologySpreadConstraints"):
        yield from unknown_word(spread, "whenUnsatisfiable", _SPREADS)
    for toleration in spec.mappings("tolerations"):
        yield from _toleration(toleration)
    for entry in spec.mapping("nodeSelector") or ():
        value = entry.value.value if isinstance(entry.value, Scalar) else None
        if isinstance(value, str) and "$" not in value and (fault := value_fault(value)):
            yield Problem(entry.value.mark, f'no label of a node can be "{value}": {fault}')


def _security(context: Mapping | None) -> Iterator[Problem]:
    if context is None:
        return
    yield from unknown_word(context, "fsGroupChangePolicy", _GROUP_CHANGES)
    profile = context.mapping("seccompProfile")
    if profile is not None:
        yield from unknown_word(profile, "type", _PROFILES)


def _toleration(toleration: Mapping) -> Iterator[Problem]:
    operator = toleration.string("operator") or ""
    if operator not in _NEW_OPERATORS:
        yield from unknown_word(toleration, "operator", _OPERATORS)
    yield from unknown_word(toleration, "effect", _EFFECTS)
    if operator == _EXISTS and toleration.string("value"):
        message = f"operator {_EXISTS} asks for no value; take it out, or write operator: {_EQUAL}"
        yield Problem(mark_of(toleration, "value"), message)
    if operator in ("", _EQUAL) and not toleration.string("key"):
        message = f"a toleration of every key needs operator: {_EXISTS}; write it, or the key"
        yield Problem(toleration.mark, message)
    if given(toleration, "tolerationSeconds") is not None:
        effect = toleration.string("effect") or ""
        if effect != _NO_EXECUTE and (effect in _EFFECTS or not effect):
            message = f"tolerationSeconds only goes with effect: {_NO_EXECUTE}; take it out"
            yield Problem(mark_of(toleration, "tolerationSeconds"), message)


def _names(component: Component) -> Iterator[Problem]:
    """Yield names that no container can have, and those taken by one of the other list.

    Within one list the schema says that a name is taken.
    """
    taken: set[str] = set()
    for placed in containers(component):
        name = placed.node.string("name")
        if name is None:
            continue
        if (fault := label_fault(name)) is not None:
            spelt = spelt_as_label(name)
            advice = f'; write "{spelt}"' if spelt is not None else "; name it"
            message = f'no container can be called "{name}": {fault}{advice}'
            yield Problem(mark_of(placed.node, "name"), message)
        elif placed.is_init and name in taken:
            message = f'another container of this pod is called "{name}" already; rename one'
            yield Problem(mark_of(placed.node, "name"), message)
        if not placed.is_init:
            taken.add(name)


def _container(placed: Placed) -> Iterator[Problem]:
    node = placed.node
    for key, words in _CONTAINER_WORDS.items():
        yield from unknown_word(node, key, words)
    yield from unknown_word(node, "restartPolicy", _RESTARTS)
    yield from _security(node.mapping("securityContext"))
    image = node.string("image")
    # Whether the image of `main` is missing is admission's to say.
    is_without = image == "" or given(node, "image") is None
    if is_without and not placed.has_defaults:
        message = f'container "{placed.name}" has no image; write one'
        yield Problem(mark_of(node, "image"), message)
    elif image and (fault := image_fault(image)) is not None:
        yield Problem(mark_of(node, "image"), f'"{image}" is no image reference: {fault}')
