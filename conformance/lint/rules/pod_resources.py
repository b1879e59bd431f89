"""Resources that cannot be asked for leave a Deployment that is never made, or a smaller pod.

A request is at most the limit. GPUs and other resources with a domain are whole, and requested as
limited. v1alpha1 takes any text for a quantity, and the operator silently leaves out what is none:
the pod then runs with less, or without a GPU.

Mend: write quantities like `500m`, `4`, `16Gi`, and leave out the request of a GPU.

PASS:
    resources:
      requests: {cpu: 500m, memory: 16Gi}
      limits: {memory: 32Gi, nvidia.com/gpu: "1"}

FAIL:
    resources:
      requests: {memory: 64Gi, nvidia.com/gpu: "2"}
      limits: {memory: 32 Gi, nvidia.com/gpu: "0.5"}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.lint.finding import Severity
from conformance.lint.rule import Problem
from conformance.lint.workload import all_containers
from conformance.manifest.graph import GPU
from conformance.manifest.node import Mapping, Scalar
from conformance.manifest.quantity import parse_quantity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from conformance.lint.rule import Subject
    from conformance.manifest.node import Entry

ID = "pod-resources"
SEVERITY = Severity.ERROR

_STANDARD = ("cpu", "memory", "ephemeral-storage")
_HUGE_PAGES = "hugepages-"
_GPU_WORDS = ("gpu", "gpus", "GPU", "nvidia-gpu")


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each quantity that is none, or that Kubernetes refuses beside another."""
    for placed in all_containers(subject):
        resources = placed.node.mapping("resources")
        if resources is None:
            continue
        limits = resources.mapping("limits") or Mapping()
        requests = resources.mapping("requests") or Mapping()
        for entry in (*limits, *requests):
            yield from _one(entry)
        for entry in requests:
            yield from _beside(entry, limits)


def _one(entry: Entry) -> Iterator[Problem]:
    name, node = entry.key, entry.value
    if not isinstance(node, Scalar) or not isinstance(node.value, int | str):
        return  # The schema has its say on values of other types.
    number = _number(node)
    if "/" not in name and name not in _STANDARD and not name.startswith(_HUGE_PAGES):
        advice = f"; write {GPU}" if name in _GPU_WORDS else f"; known are {', '.join(_STANDARD)}"
        yield Problem(node.mark, f'Kubernetes knows no resource "{name}"{advice}')
    elif number is None and "$" not in str(node.value):
        text = f'{name}: "{node.value}" is no quantity; write it like 500m, 4 or 16Gi'
        yield Problem(node.mark, text)
    elif number is not None and number < 0:
        yield Problem(node.mark, f"{name}: {node.value} is below 0; write what is needed")
    elif number is not None and _is_extended(name) and number != int(number):
        text = f"{name}: {node.value} is no whole number; devices are not shared by halves"
        yield Problem(node.mark, text)


def _beside(entry: Entry, limits: Mapping) -> Iterator[Problem]:
    """Yield what is wrong with a request beside the limit of the same resource."""
    wanted, limit = _number(entry.value), _number(limits.get(entry.key))
    mark, name = entry.value.mark, entry.key
    if wanted is None:
        return
    if _is_extended(name) and name not in limits:
        yield Problem(mark, f"{name} is requested without a limit; write it below limits instead")
    elif limit is None:
        return
    elif _is_extended(name) and wanted != limit:
        yield Problem(mark, f"{name}: the request must equal the limit; leave the request out")
    elif wanted > limit:
        text = f"{name}: the request {_text(entry)} is above the limit; raise the limit"
        yield Problem(mark, f"{text}, or ask for less")


def _is_extended(name: str) -> bool:
    return "/" in name and not name.partition("/")[0].endswith("kubernetes.io")


def _number(node: object) -> Decimal | None:
    if not isinstance(node, Scalar) or not isinstance(node.value, int | str):
        return None
    return None if isinstance(node.value, bool) else parse_quantity(node.value)


def _text(entry: Entry) -> str:
    return str(entry.value.value) if isinstance(entry.value, Scalar) else ""
