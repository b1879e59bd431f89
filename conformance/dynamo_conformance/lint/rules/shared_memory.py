"""Tensor parallel ranks talk through `/dev/shm`.

Without a volume there containers get 64 MiB, and NCCL ends with "no space left on device". The
operator mounts 8Gi unless the manifest says otherwise.

Fix: leave the size out, or give at least 1Gi.

PASS:
    sharedMemorySize: 16Gi

FAIL:
    sharedMemorySize: "0"
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.manifest.fields import is_true
from dynamo_conformance.manifest.node import Scalar
from dynamo_conformance.manifest.quantity import parse_quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.engine_settings import EngineSettings
    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.graph import Component

SEVERITY = Severity.WARNING

_LEAST = Decimal(1 << 30)
_MOUNT = "/dev/shm"  # noqa: S108 - the place that NCCL uses
_DESTS = ("tensor_parallel_size", "tp_size")


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each shared memory that is too small for tensor parallel ranks of one pod."""
    for settings in subject.settings:
        component = settings.part.component
        size = component.node.get("sharedMemorySize")
        if not isinstance(size, Scalar) or _has_its_own(component):
            continue
        given = parse_quantity(size.text)
        ranks = _ranks(settings)
        if given is not None and given < _LEAST and ranks > component.node_count:
            shown = "no shared memory" if given == 0 else f"{size.text} of shared memory"
            message = f"{shown} for {ranks} tensor parallel ranks: NCCL finds no space in {_MOUNT}"
            yield Problem(size.mark, f"{message}; leave it out for 8Gi, or give at least 1Gi")


def _ranks(settings: EngineSettings) -> int:
    values = (settings.number(dest) for dest in _DESTS)
    return next((value for value in values if value is not None), 1)


def _has_its_own(component: Component) -> bool:
    """Return whether the author brings shared memory by another way."""
    spec, main = component.pod_spec, component.main
    host = spec.get("hostIPC") if spec is not None else None
    mounts = main.node.mappings("volumeMounts") if main is not None else ()
    shared = is_true(host)
    return shared or any(mount.string("mountPath") == _MOUNT for mount in mounts)
