"""The CustomResourceDefinition of the graph, kept as dated data (tools/crds.py, crd_history.py)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, cast

from dynamo_conformance.api import crd_history, metadata
from dynamo_conformance.api.operator_releases import OPERATORS, RECORDED_OPERATOR
from dynamo_conformance.api.schema import Schema

if TYPE_CHECKING:
    from dynamo_conformance.api.operator_releases import Operator
    from dynamo_conformance.manifest.jsonschema import JsonObject


@dataclass(frozen=True, slots=True)
class Crd:
    """The schemas that one operator version installs, and that operator.

    Attributes:
        operator: The operator.
        source: Where the schemas come from.
        date: The day of the schemas, YYYY-MM-DD; empty when nobody said.
        versions: Schema by API version (v1alpha1, v1beta1).
        deprecations: What the API server warns of when a version is used, by version.
    """

    operator: Operator
    source: str
    date: str
    versions: dict[str, Schema]
    deprecations: dict[str, str]


@cache
def load(operator: str = RECORDED_OPERATOR) -> Crd:
    """Return the CRD that an operator version is checked with.

    Raises:
        KeyError: Nothing is known of that version.
    """
    known = OPERATORS[operator]
    data = crd_history.read(known.crd)
    versions = crd_history.versions(known.crd).values()
    raw: JsonObject = {"spec": {"versions": list(versions)}}
    return of(raw, operator=known, source=str(data["source"]), date=str(data["date"]))


def of(raw: JsonObject, *, operator: Operator, source: str, date: str = "") -> Crd:
    """Return the CRD that `raw`, a CustomResourceDefinition, describes.

    Raises:
        KeyError: It is no CustomResourceDefinition with schemas.
    """
    spec = cast("dict[str, list[dict[str, JsonObject]]]", raw["spec"])
    versions = {}
    deprecations = {}
    for version in spec["versions"]:
        name = str(version["name"])
        versions[name] = _with_metadata(cast("JsonObject", version["schema"]["openAPIV3Schema"]))
        if version.get("deprecated"):
            deprecations[name] = str(version.get("deprecationWarning", ""))
    return Crd(operator, source, date, versions, deprecations)


def _with_metadata(raw: JsonObject) -> Schema:
    """Return the root schema with the fields of `metadata`, which a CRD leaves open."""
    properties = {**cast("JsonObject", raw["properties"]), "metadata": metadata.schema()}
    return Schema({**raw, "properties": properties})
