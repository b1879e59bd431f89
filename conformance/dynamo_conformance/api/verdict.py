"""The verdict: everything the API server and the operator would refuse or warn about."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dynamo_conformance.api import admission, crd
from dynamo_conformance.api.admission.request import Request
from dynamo_conformance.api.admission.rule_rows import in_order, of_operator
from dynamo_conformance.api.cel import rule_violations
from dynamo_conformance.api.decoding import too_wide, unknown_fields, wrong_types
from dynamo_conformance.api.defaulting import complete
from dynamo_conformance.api.field_advice import translated
from dynamo_conformance.api.field_history import dated
from dynamo_conformance.api.metadata import metadata_violations, metadata_warnings
from dynamo_conformance.api.schema_validation import violations
from dynamo_conformance.api.violation import DEPRECATED, REQUIRED, Violation
from dynamo_conformance.manifest.document import V1ALPHA1
from dynamo_conformance.manifest.node import NOWHERE, Mapping
from dynamo_conformance.manifest.read import read_graph

if TYPE_CHECKING:
    from dynamo_conformance.api.cluster_parts import Cluster
    from dynamo_conformance.api.crd import Crd
    from dynamo_conformance.api.schema import Schema
    from dynamo_conformance.manifest.document import Document

METADATA, STATUS = "metadata", "status"
NUMBER_RANGE = "number-range"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the API server says: refused when there is any violation, rule or refusal.

    Attributes:
        violations: What strict decoding and the schema do not allow.
        rules: The CRD's own rules (CEL) that are broken.
        refusals: What the operator's webhooks refuse.
        conditional: What they refuse unless the cluster has something, when nobody said if it has.
        uncertain: What this operator may refuse: its release may or may not have the rule, or
            the field, and nothing that is known of it says which.
        warnings: What the API server and the operator warn of.
    """

    violations: tuple[Violation, ...] = ()
    rules: tuple[Violation, ...] = ()
    refusals: tuple[Violation, ...] = ()
    conditional: tuple[Violation, ...] = ()
    uncertain: tuple[Violation, ...] = ()
    warnings: tuple[Violation, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether the API server would take the document."""
        return not (self.violations or self.rules or self.refusals)


def judge(
    document: Document, *, definition: Crd | None = None, cluster: Cluster | None = None
) -> Verdict:
    """Return the verdict on creating a DynamoGraphDeployment of a version that the CRD serves.

    Like the API server, it looks at the CRD's rules and asks the operator only when the object is
    otherwise valid; fields that nobody knows are reported, and then as if they were not there.

    Args:
        document: The document.
        definition: The CRD, with the operator it belongs to; the default operator's when None.
        cluster: What the cluster has; None when nobody said.

    Raises:
        KeyError: The CRD does not serve the document's API version.
    """
    used = definition or crd.load()
    version = document.version or ""
    schema = used.versions[version]
    fields = [
        dated(translated(field, is_alpha=version == V1ALPHA1), used.operator, version)
        for field in unknown_fields(document.root, schema)
    ]
    unknown = tuple(field for field in fields if not field.unsure)
    unsure = [field for field in fields if field.unsure]
    root = complete(document.root, schema)
    assert isinstance(root, Mapping)  # noqa: S101 - completing keeps the kind of a node
    wrong = [*_schema_violations(root, schema), *_metadata_violations(root)]
    # An object that is created has no status: it is dropped before anybody looks at it.
    completed = replace(document, root=root.replaced(STATUS, None))
    warnings = [*_deprecation(document, used), *metadata_warnings(root)]
    if wrong:
        return Verdict(
            violations=_sorted(*unknown, *wrong),
            uncertain=_sorted(*unsure),
            warnings=tuple(warnings),
        )
    rules = tuple(rule_violations(completed.root, schema))
    request = Request(
        root=completed.root,
        graph=read_graph(completed),
        version=version,
        operator=used.operator,
        cluster=cluster,
    )
    numbers = [*too_wide(root, schema), *_status_types(root, schema)]
    decoded = (replace(item, rule=NUMBER_RANGE) for item in numbers)
    asked = [*of_operator(decoded, request), *admission.refusals(request)]
    refused = _sorted(*(item for item in asked if not item.unsure and _stands(item, cluster)))
    unsure += [item for item in asked if item.unsure and _stands(item, cluster)]
    return Verdict(
        violations=_sorted(*unknown),
        rules=rules,
        refusals=in_order(refused, used.operator),
        conditional=_sorted(
            *(violation for violation in asked if violation.unless and cluster is None)
        ),
        uncertain=_sorted(*unsure),
        warnings=(*warnings, *admission.warnings(request)),
    )


def _schema_violations(root: Mapping, schema: Schema) -> tuple[Violation, ...]:
    return tuple(violations(root.replaced(STATUS, None), schema))


def _status_types(root: Mapping, schema: Schema) -> tuple[Violation, ...]:
    """Return what the operator cannot decode of a status, which the API server itself drops."""
    status, child = root.get(STATUS), schema.properties.get(STATUS)
    if status is None or child is None:
        return ()
    return tuple(wrong_types(status, child, (STATUS,)))


def _metadata_violations(root: Mapping) -> list[Violation]:
    meta = root.get(METADATA)
    wrong = list(metadata_violations(meta, (METADATA,))) if isinstance(meta, Mapping) else []
    if not isinstance(meta, Mapping) or not (meta.string("name") or meta.string("generateName")):
        mark = meta.mark if meta is not None else root.mark
        wrong.append(
            Violation((METADATA, "name"), mark, REQUIRED, "name or generateName is needed")
        )
    return wrong


def _deprecation(document: Document, used: Crd) -> list[Violation]:
    warning = used.deprecations.get(document.version or "")
    if warning is None:
        return []
    node = document.root.get("apiVersion")
    mark = node.mark if node is not None else NOWHERE
    return [Violation(("apiVersion",), mark, DEPRECATED, warning)]


def _stands(violation: Violation, cluster: Cluster | None) -> bool:
    if violation.unless is None:
        return True
    return cluster is not None and not cluster.has(violation.unless)


def _sorted(*items: Violation) -> tuple[Violation, ...]:
    return tuple(sorted(items, key=lambda violation: violation.mark))
