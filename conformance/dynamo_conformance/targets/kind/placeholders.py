"""Placeholders for what a graph expects to find in its namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.kube.labels import PART, WORLD
from dynamo_conformance.kube.resources import KubeObject
from dynamo_conformance.manifest.prerequisites import (
    CLAIM,
    CONFIG_MAP,
    PRIORITY_CLASS,
    SECRET,
    SERVICE_ACCOUNT,
    prerequisites,
)
from dynamo_conformance.targets.interface import Change

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamo_conformance.manifest.document import Document
    from dynamo_conformance.manifest.node import Plain
    from dynamo_conformance.manifest.prerequisites import Prerequisite

CLAIM_SIZE = "1Gi"
PRIORITY = 0
VALUE = "dummy"
DEFAULT_KEYS = {SECRET: "HF_TOKEN", CONFIG_MAP: "dummy"}
"""The entry of a placeholder that is only used completely."""


def placeholders(
    documents: Iterable[Document], *, present: frozenset[tuple[str, str]] = frozenset()
) -> tuple[dict[str, Plain], ...]:
    """Return placeholders for what the graphs among `documents` expect, in order of their names.

    Args:
        documents: All documents of a file.
        present: Kind and name of what is there already, which is left alone.
    """
    needed: dict[tuple[str, str], set[str]] = {}
    for prerequisite in prerequisites(documents):
        if not prerequisite.optional:
            needed.setdefault((prerequisite.kind, prerequisite.name), set()).add(prerequisite.key)
    made = (_placeholder(kind, name, keys) for (kind, name), keys in needed.items())
    return tuple(
        placeholder
        for placeholder in made
        if placeholder is not None and KubeObject(placeholder).key not in present
    )


def changes(made: Iterable[dict[str, Plain]]) -> tuple[Change, ...]:
    """Return what is reported of placeholders that were made."""
    return tuple(
        Change(
            f"{placeholder['kind']} {KubeObject(placeholder).name}", "a placeholder of this test"
        )
        for placeholder in made
    )


def _placeholder(kind: str, name: str, keys: set[str]) -> dict[str, Plain] | None:
    """Return a placeholder, or None for a kind that cannot be made up."""
    if kind == SECRET:
        return _made("v1", kind, name, type="Opaque", stringData=_data(kind, keys))
    if kind == CONFIG_MAP:
        return _made("v1", kind, name, data=_data(kind, keys))
    if kind == SERVICE_ACCOUNT:
        return _made("v1", kind, name)
    if kind == PRIORITY_CLASS:
        return _made("scheduling.k8s.io/v1", kind, name, value=PRIORITY)
    if kind == CLAIM:
        resources: dict[str, Plain] = {"requests": {"storage": CLAIM_SIZE}}
        spec: dict[str, Plain] = {"accessModes": ["ReadWriteOnce"], "resources": resources}
        return _made("v1", kind, name, spec=spec)
    return None


def _data(kind: str, keys: set[str]) -> dict[str, Plain]:
    named = sorted(key for key in keys if key) or [DEFAULT_KEYS[kind]]
    return dict.fromkeys(named, VALUE)


def _made(api_version: str, kind: str, name: str, **fields: Plain) -> dict[str, Plain]:
    metadata: dict[str, Plain] = {"name": name, "labels": {PART: WORLD}}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def missing(documents: Iterable[Document]) -> tuple[Prerequisite, ...]:
    """Return what the graphs expect and no placeholder can be made for."""
    return tuple(
        prerequisite
        for prerequisite in prerequisites(documents)
        if not prerequisite.optional
        and _placeholder(prerequisite.kind, prerequisite.name, {prerequisite.key}) is None
    )
