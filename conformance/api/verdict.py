"""The verdict: everything the API server would refuse or warn about in one document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.api import crd
from conformance.api.names import name_violations
from conformance.api.structural import REQUIRED, Violation, violations
from conformance.manifest.node import NOWHERE, Mapping

if TYPE_CHECKING:
    from conformance.manifest.document import Document


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the API server says: refused when there is any violation."""

    violations: tuple[Violation, ...]
    warnings: tuple[Violation, ...]

    @property
    def accepted(self) -> bool:
        """Whether the API server would take the document."""
        return not self.violations


def judge(document: Document, *, operator: str = crd.DEFAULT_OPERATOR) -> Verdict:
    """Return the verdict on a DynamoGraphDeployment of a version that the CRD serves.

    Raises:
        KeyError: The CRD does not serve the document's API version.
    """
    definition = crd.load(operator)
    version = document.version or ""
    schema = definition.versions[version]
    found = list(violations(document.root, schema))
    meta = document.root.get("metadata")
    if isinstance(meta, Mapping):
        found += name_violations(meta, ("metadata",))
    if not isinstance(meta, Mapping) or not ("name" in meta or "generateName" in meta):
        mark = meta.mark if meta is not None else document.root.mark
        found.append(Violation(("metadata", "name"), mark, REQUIRED, "is missing"))
    warnings = []
    if (warning := definition.deprecations.get(version)) is not None:
        node = document.root.get("apiVersion")
        mark = node.mark if node is not None else NOWHERE
        warnings.append(Violation(("apiVersion",), mark, "deprecated", warning))
    return Verdict(tuple(sorted(found, key=lambda one: one.mark)), tuple(warnings))
