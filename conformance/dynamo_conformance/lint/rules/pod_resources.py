"""Resources that Kubernetes refuses leave a Deployment that is never made, or a worker without GPU.

A GPU and every other extended resource (`domain/name`) comes whole, and is requested as it is
limited: a request without a limit is refused. No request is above its limit. In v1alpha1 the
schema takes any text for a quantity, and the operator drops what it cannot read, silently: the pod
starts without its GPU.

Fix: write whole GPUs under `limits`, and quantities as Kubernetes does: 500m, 4, 16Gi.

PASS:
    resources:
      requests: {cpu: "2", memory: 8Gi}
      limits: {cpu: "4", memory: 16Gi, nvidia.com/gpu: "1"}

FAIL:
    resources:
      requests: {nvidia.com/gpu: "1"}
      limits: {gpu: "1", memory: 16GB}
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.name_faults import subdomain_fault, value_fault
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.lint.workload import all_containers, given
from dynamo_conformance.manifest.graph import GPU
from dynamo_conformance.manifest.node import Mapping, Scalar
from dynamo_conformance.manifest.quantity import parse_quantity
from dynamo_conformance.manifest.suggest import did_you_mean
from dynamo_conformance.rendering import v1alpha1_extras

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.lint.workload import Placed
    from dynamo_conformance.manifest.node import Mark

SEVERITY = Severity.ERROR

_HUGE_PAGES = "hugepages-"
_STANDARD = ("cpu", "memory", "ephemeral-storage")
_BYTES = ("memory", "ephemeral-storage")
_SIDES = ("requests", "limits")
_NATIVE = "kubernetes.io/"
_UNITS = re.compile(r"(?P<number>\d+(\.\d+)?) ?(?P<unit>[kKmMgGtT])(?P<binary>i?)[bB]?")


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each quantity that is refused or dropped."""
    for placed in all_containers(subject):
        resources = placed.node.mapping("resources")
        if resources is None:
            continue
        dropped = _dropped(placed, subject)
        for side in _SIDES:
            for entry in resources.mapping(side) or ():
                if isinstance(entry.value, Scalar):
                    yield from _quantity(entry.key, entry.value, entry.mark, dropped)
        yield from _pairs(resources, subject)


def _dropped(placed: Placed, subject: Subject) -> frozenset[Mark]:
    """Return where the quantities stand that the operator drops when it cannot read them."""
    service = v1alpha1_extras.service(subject.graph, placed.component) if placed.is_main else None
    resources = service.mapping("resources") if service is not None else None
    if resources is None:
        return frozenset()
    items = [item for side in _SIDES if (item := resources.mapping(side)) is not None]
    items += [custom for item in items if (custom := item.mapping("custom")) is not None]
    return frozenset(entry.value.mark for item in items for entry in item)


def _quantity(
    name: str, value: Scalar, key_mark: Mark, dropped: frozenset[Mark]
) -> Iterator[Problem]:
    text = _text(value)
    if text is None or "$" in text:
        return
    number = parse_quantity(text)
    if number is None:
        # Where Kubernetes has a quantity the schema says what is none.
        if value.mark in dropped and isinstance(value.value, str):
            message = f'{name}: "{text}" is no quantity; the operator drops it silently'
            yield Problem(value.mark, f"{message}; write {_better(text)}")
        return
    yield from _name(name, key_mark)
    if number < 0:
        yield Problem(value.mark, f"{name}: {text} is below zero; write how much you mean")
    elif _is_extended(name) and number != number.to_integral_value():
        message = f"{name}: {text} is a part of one; it comes whole, write a whole number"
        yield Problem(value.mark, message)
    elif name in _BYTES and number != number.to_integral_value():
        message = f"{name}: {text} is a part of a byte; write {_bytes(text)}"
        yield Problem(value.mark, message, severity=Severity.WARNING)


def _text(value: Scalar) -> str | None:
    if value.value is None or isinstance(value.value, bool):
        return None
    return value.value if isinstance(value.value, str) else value.text


def _better(text: str) -> str:
    match = _UNITS.fullmatch(text.strip())
    if match is None:
        return "a number such as 500m, 4 or 16Gi"
    return f"{match['number']}{match['unit'].upper()}i"


def _bytes(text: str) -> str:
    return f"{text[:-1]}Mi" if text.endswith("m") else "a whole number of bytes"


def _name(name: str, mark: Mark) -> Iterator[Problem]:
    if name in _STANDARD or name.startswith(_HUGE_PAGES):
        return
    if "/" not in name:
        known = (GPU, *_STANDARD)
        advice = f'; did you mean "{GPU}"?' if name.lower() in ("gpu", "gpus") else ""
        advice = advice or did_you_mean(name, known) or f"; known are {', '.join(known)}"
        yield Problem(mark, f'no resource is called "{name}"{advice}')
        return
    domain, _, rest = name.partition("/")
    if (fault := subdomain_fault(domain) or value_fault(rest)) is not None:
        yield Problem(mark, f'no resource can be called "{name}": {fault}')


def _is_extended(name: str) -> bool:
    """Whether a resource is a device, which comes whole and is never shared."""
    return "/" in name and _NATIVE not in name


def _pairs(resources: Mapping, subject: Subject) -> Iterator[Problem]:
    requests = resources.mapping("requests") or Mapping()
    limits = resources.mapping("limits") or Mapping()
    for entry in requests:
        wanted = _number(requests, entry.key)
        if wanted is None:
            continue
        mark, text = entry.value.mark, _shown(requests, entry.key)
        is_exact = _is_extended(entry.key) or entry.key.startswith(_HUGE_PAGES)
        if given(limits, entry.key) is None:
            if is_exact:
                path = subject.document.path_at(mark)
                name = subject.words.gpu_key(path) if entry.key == GPU else entry.key
                place = "limits.custom" if "custom" in path[-2:-1] else "limits"
                message = f"{name} is requested without a limit; write it under {place}"
                yield Problem(mark, message)
            continue
        limit = _number(limits, entry.key)
        if limit is None:
            continue
        shown = _shown(limits, entry.key)
        if is_exact and wanted != limit:
            message = f"{entry.key}: request {text} and limit {shown} differ; write one number"
            yield Problem(mark, message)
        elif wanted > limit:
            message = f"{entry.key}: request {text} is above its limit {shown}; raise the limit"
            yield Problem(mark, message)


def _number(items: Mapping, name: str) -> Decimal | None:
    value = items.get(name)
    text = _text(value) if isinstance(value, Scalar) else None
    return parse_quantity(text) if text is not None else None


def _shown(items: Mapping, name: str) -> str:
    value = items.get(name)
    return (_text(value) or "") if isinstance(value, Scalar) else ""
