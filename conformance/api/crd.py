"""The CustomResourceDefinition of the graph, kept as dated data (made by tools/crds.py)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, cast

from conformance.api import metadata
from conformance.api.schema import Schema

if TYPE_CHECKING:
    from conformance.api.schema import JsonObject

DEFAULT_OPERATOR = "1.5.0-dev"
PLURAL = "dynamographdeployments"


@dataclass(frozen=True, slots=True)
class Crd:
    """The schemas that one operator version installs.

    Attributes:
        operator: The operator's version.
        date: The day of that version, YYYY-MM-DD.
        versions: Schema by API version (v1alpha1, v1beta1).
        deprecations: What the API server warns of when a version is used, by version.
    """

    operator: str
    date: str
    versions: dict[str, Schema]
    deprecations: dict[str, str]


@cache
def load(operator: str = DEFAULT_OPERATOR) -> Crd:
    """Return the CRD of an operator version.

    Raises:
        FileNotFoundError: No data for that version is kept here.
    """
    path = files("conformance.api") / "data" / f"{PLURAL}-{operator}.json"
    data: dict[str, JsonObject] = json.loads(path.read_bytes())
    spec = cast("dict[str, list[dict[str, JsonObject]]]", data["crd"]["spec"])
    versions = {}
    deprecations = {}
    for version in spec["versions"]:
        name = str(version["name"])
        versions[name] = _with_metadata(cast("JsonObject", version["schema"]["openAPIV3Schema"]))
        if version.get("deprecated"):
            deprecations[name] = str(version.get("deprecationWarning", ""))
    return Crd(str(data["operator"]), str(data["date"]), versions, deprecations)


def _with_metadata(raw: JsonObject) -> Schema:
    """Return the root schema with the fields of `metadata`, which a CRD leaves open."""
    properties = {**cast("JsonObject", raw["properties"]), "metadata": metadata.schema()}
    return Schema({**raw, "properties": properties})
