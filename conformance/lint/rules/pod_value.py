"""Words in a pod that only Kubernetes itself knows: the CRD takes any, the Deployment does not.

The operator then makes no pods, and says so in the graph's status only. An image that is no
reference goes further: the kubelet refuses it (`InvalidImageName`).

Mend: write the word that the message suggests. The operator's pods always have restartPolicy
Always, which a Deployment asks for.

PASS:
    restartPolicy: Always
    tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]
    containers: [{name: main, imagePullPolicy: IfNotPresent}]

FAIL:
    restartPolicy: Never
    tolerations: [{key: nvidia.com/gpu, operator: Exist, effect: NoSchedul}]
    containers: [{name: main, imagePullPolicy: ifnotpresent}]
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from conformance.lint.finding import Severity
from conformance.lint.label import label_fault, spelt_as_label, value_fault
from conformance.lint.rule import Problem
from conformance.lint.workload import containers, in_grove, mark_of, unknown_word
from conformance.manifest.document import V1ALPHA1
from conformance.manifest.node import Mapping, Scalar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.lint.rule import Subject
    from conformance.lint.workload import Placed
    from conformance.manifest.graph import Component

ID = "pod-value"
SEVERITY = Severity.ERROR

_OF_CONTAINER = {
    "imagePullPolicy": ("Always", "Never", "IfNotPresent"),
    "terminationMessagePolicy": ("File", "FallbackToLogsOnError"),
}
_OF_POD = {
    "dnsPolicy": ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    "preemptionPolicy": ("PreemptLowerPriority", "Never"),
}
_OF_TOLERATION = {
    "operator": ("Exists", "Equal"),
    "effect": ("NoSchedule", "PreferNoSchedule", "NoExecute"),
}
_FORBIDDEN = ("activeDeadlineSeconds", "ephemeralContainers")

_HOST = r"[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_IMAGE = re.compile(
    rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?"
    r"(?:@[A-Za-z][A-Za-z0-9]*:[0-9a-fA-F]+)?"
)


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each word that Kubernetes does not know where it stands."""
    for component in subject.graph.components:
        yield from _labels(component)
        if component.pod_spec is not None:
            yield from _pod(component.pod_spec)
            if not in_grove(subject):
                yield from _restart(component.pod_spec)
        yield from _names(component)
        for placed in containers(component):
            for key, words in _OF_CONTAINER.items():
                yield from unknown_word(placed.node, key, words)
            yield from _image(placed)
            if subject.document.version == V1ALPHA1:
                yield from _imageless(placed)


def _pod(pod: Mapping) -> Iterator[Problem]:
    for key, words in _OF_POD.items():
        yield from unknown_word(pod, key, words)
    for toleration in pod.mappings("tolerations"):
        yield from _toleration(toleration)
    seconds = pod.integer("terminationGracePeriodSeconds")
    if seconds is not None and seconds < 0:
        mark = mark_of(pod, "terminationGracePeriodSeconds")
        yield Problem(mark, f"terminationGracePeriodSeconds: {seconds} is below 0")
    for key in _FORBIDDEN:
        if pod.sequence(key) or pod.integer(key) is not None:
            yield Problem(pod.key_mark(key), f"a Deployment's pods cannot have {key}; remove it")
    for entry in pod.mapping("nodeSelector") or ():
        value = entry.value
        if isinstance(value, Scalar) and isinstance(value.value, str):
            fault = value_fault(value.value)
            if fault is not None and "$" not in value.value:
                yield Problem(value.mark, f'no label is "{value.value}": {fault}')


def _restart(pod: Mapping) -> Iterator[Problem]:
    policy = pod.string("restartPolicy")
    if policy and policy != "Always":
        text = f"restartPolicy: {policy}: a Deployment's pods are always restarted; write Always"
        yield Problem(mark_of(pod, "restartPolicy"), f"{text}, or leave it out")


def _toleration(toleration: Mapping) -> Iterator[Problem]:
    for key, words in _OF_TOLERATION.items():
        yield from unknown_word(toleration, key, words)
    operator = toleration.string("operator") or "Equal"
    if operator == "Exists" and toleration.string("value"):
        mark = mark_of(toleration, "value")
        yield Problem(mark, "operator Exists takes no value; remove the value, or write Equal")
    if not toleration.string("key") and operator == "Equal":
        text = "a toleration without a key tolerates everything only with operator: Exists"
        yield Problem(toleration.mark, f"{text}; write it, or a key")


def _names(component: Component) -> Iterator[Problem]:
    seen: set[str] = set()
    for placed in containers(component):
        name = placed.name
        if not name:
            continue
        mark = mark_of(placed.node, "name")
        if (fault := label_fault(name)) is not None:
            spelt = spelt_as_label(name)
            advice = f'; write "{spelt}"' if spelt else ""
            yield Problem(mark, f'no container can be called "{name}": {fault}{advice}')
        elif name in seen:
            text = f'two containers of this pod are called "{name}", init containers counted'
            yield Problem(mark, f"{text}; rename one")
        seen.add(name)


def _image(placed: Placed) -> Iterator[Problem]:
    image = placed.node.string("image")
    # A placeholder is another rule's business, and so is what a template fills in.
    if not image or "<" in image or "$" in image or "{" in image:
        return
    if "://" in image:
        advice = f'write "{image.partition("://")[2]}"'
    elif image != image.strip():
        advice = "remove the space around it"
    elif _IMAGE.fullmatch(image) is None:
        advice = "write [HOST/]NAME[:TAG], names in lower case"
    else:
        return
    yield Problem(mark_of(placed.node, "image"), f'"{image}" is no image reference; {advice}')


def _imageless(placed: Placed) -> Iterator[Problem]:
    """Yield a container without an image; in v1beta1 the CRD's own rule says so."""
    if not placed.has_defaults and not placed.node.string("image"):
        text = f'container "{placed.name}" has no image; write one'
        yield Problem(mark_of(placed.node, "image"), text)


def _labels(component: Component) -> Iterator[Problem]:
    template = component.pod_template
    metadata = template.mapping("metadata") if template is not None else None
    labels = metadata.mapping("labels") if metadata is not None else None
    for entry in labels or ():
        value = entry.value
        if isinstance(value, Scalar) and isinstance(value.value, str):
            fault = value_fault(value.value)
            if fault is not None:
                yield Problem(value.mark, f'no label can be "{value.value}": {fault}')
