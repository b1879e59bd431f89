"""Which operators know a field that the one in question does not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dynamo_conformance.api import crd
from dynamo_conformance.api.admission.rule_rows import field_row
from dynamo_conformance.api.operator_releases import minors

if TYPE_CHECKING:
    from dynamo_conformance.api.operator_releases import Operator
    from dynamo_conformance.api.schema import Schema
    from dynamo_conformance.api.violation import Violation
    from dynamo_conformance.manifest.node import Path


def dated(field: Violation, operator: Operator, version: str) -> Violation:
    """Return an unknown field with the operators that know it, if any do.

    Args:
        field: The violation.
        operator: The operator that does not know it.
        version: The API version of the object.
    """
    row = field_row(field.path)
    unsure = operator.version if row is not None and row.is_unsure(operator) else ""
    text = field.text
    if (name := first_with(field.path, operator, version)) is not None:
        text = f"operator {name} and later know it"
    elif row is not None and row.until is not None and operator.since(row.until) and not text:
        text = f"operators before {row.until} took it"
    return replace(field, text=text, unsure=unsure)


def first_with(path: Path, operator: Operator, version: str) -> str | None:
    """Return the first release after `operator` whose CRD has the field at `path`, or None."""
    for newer in minors():
        if operator < newer:
            schema = crd.load(newer.version).versions.get(version)
            if schema is not None and _has(schema, path):
                return newer.name
    return None


def _has(schema: Schema, path: Path) -> bool:
    for step in path:
        if isinstance(step, int):
            child = schema.items
        else:
            child = schema.properties.get(step) or schema.additional
        if child is None:
            return False
        schema = child
    return True
