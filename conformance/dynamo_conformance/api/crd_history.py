"""CRDs of older operators, joined of the newest one and of what each has otherwise.

A file holds the operator, its date and source, the `newer` operator whose CRD it starts from, and
by JSON pointer what is `set` and what is `gone` (made by tools/crd_history.py). The pointers begin
at the CRD's versions, by name.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from dynamo_conformance.api.operator_releases import RECORDED_OPERATOR

if TYPE_CHECKING:
    from dynamo_conformance.manifest.jsonschema import JsonObject
    from dynamo_conformance.manifest.node import Plain

PLURAL = "dynamographdeployments"

_DATA = Path(__file__).parent / "data"


def versions_of(crd: JsonObject) -> JsonObject:
    """Return the versions of a CustomResourceDefinition by name."""
    spec = cast("dict[str, list[JsonObject]]", crd["spec"])
    return {str(version["name"]): version for version in spec["versions"]}


def pointer(path: tuple[str, ...]) -> str:
    """Return a path as a JSON pointer."""
    return "".join(f"/{key.replace('~', '~0').replace('/', '~1')}" for key in path)


@cache
def read(operator: str) -> JsonObject:
    """Return the file of an operator: its CRD, or what it has otherwise than a newer one."""
    data: JsonObject = json.loads((_DATA / f"{PLURAL}-{operator}.json").read_bytes())
    return data


@cache
def versions(operator: str) -> JsonObject:
    """Return the versions of an operator's CRD by name; they are shared and not to be changed."""
    data = read(operator)
    if operator == RECORDED_OPERATOR:
        return versions_of(cast("JsonObject", data["crd"]))
    return joined(versions(str(data["newer"])), data)


def joined(newer: JsonObject, delta: JsonObject) -> JsonObject:
    """Return the older versions that `delta` makes of newer ones, which stay as they are."""
    made = newer
    for text in cast("list[str]", delta["gone"]):
        made = _changed(made, _steps(text))
    for text, value in cast("JsonObject", delta["set"]).items():
        made = _changed(made, _steps(text), value)
    return made


def _steps(text: str) -> list[str]:
    return [key.replace("~1", "/").replace("~0", "~") for key in text.split("/")[1:]]


def _changed(tree: JsonObject, steps: list[str], *values: Plain) -> JsonObject:
    """Return a tree with a value at the end of the steps, or nothing there; the rest is shared."""
    key, *rest = steps
    if rest:
        return {**tree, key: _changed(cast("JsonObject", tree[key]), rest, *values)}
    if values:
        return {**tree, key: values[0]}
    return {name: value for name, value in tree.items() if name != key}
