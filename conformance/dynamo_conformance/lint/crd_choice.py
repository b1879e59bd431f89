"""Definitions: the CRD that the options ask for, read once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from dynamo_conformance.api import crd
from dynamo_conformance.api.crd_history import PLURAL
from dynamo_conformance.api.operator_releases import DEFAULT_OPERATOR, OPERATORS, minors
from dynamo_conformance.lint.options import DefinitionError
from dynamo_conformance.manifest.document import GROUP, KIND, read_text, sources
from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.node import path_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.api.crd import Crd
    from dynamo_conformance.lint.options import LintOptions
    from dynamo_conformance.manifest.jsonschema import JsonObject


def load(options: LintOptions, *, operator: str = DEFAULT_OPERATOR) -> Crd:
    """Return the CRD to check against, with the operator whose rules hold.

    Args:
        options: How to lint.
        operator: The operator, when the options name none.

    Raises:
        DefinitionError: The file of the options holds none.
    """
    wanted = options.operator or operator
    return crd.load(wanted) if options.crd is None else _from_file(options.crd, wanted)


@cache
def _from_file(path: str, operator: str) -> Crd:
    try:
        for raw in _objects(path):
            if _defines_graphs(raw):
                return _made(cast("JsonObject", raw), path, operator)
    except OSError as error:
        raise DefinitionError(f"{path}: no CRD can be read from it: {error.strerror}") from error
    except ManifestError as error:
        raise DefinitionError(f"{path}: no CRD can be read from it: {error}") from error
    kind = f"CustomResourceDefinition of {KIND}"
    name = f"{PLURAL}.{GROUP}"
    raise DefinitionError(f"{path}: holds no {kind}; `kubectl get crd {name} -o yaml` prints it")


def _made(raw: JsonObject, path: str, operator: str) -> Crd:
    """Return the CRD of `raw`, which says that it is one and may still be anything."""
    try:
        made = crd.of(raw, operator=OPERATORS[operator], source=path)
    except (AttributeError, KeyError, TypeError) as error:
        text = f"{path}: a version of the CRD has no schema with properties; apply the whole CRD"
        raise DefinitionError(text) from error
    if not made.versions:
        raise DefinitionError(f"{path}: the CRD has no versions")
    if unchecked := list(_unchecked(made)):
        more = f"; so are {len(unchecked) - 1} more" if len(unchecked) > 1 else ""
        raise DefinitionError(f"{path}: {unchecked[0]}{more}")
    return made


def _unchecked(made: Crd) -> Iterator[str]:
    """Yield the rules that would be passed over in silence."""
    from dynamo_conformance.api.cel import UNCHECKED, unchecked_rules

    for version, schema in made.versions.items():
        for unchecked in unchecked_rules(schema):
            rule = f"rule {unchecked.expression!r} at {path_text(unchecked.path)} of {version}"
            yield f"the {rule} is {UNCHECKED}: {unchecked.reason}; take it out of a copy of the CRD"


def _objects(path: str) -> Iterator[object]:
    """Yield the objects of a file, those that may be meant first: the others may be anything."""
    texts = sources(read_text(Path(path)), file=path)
    for source in sorted(texts, key=lambda source: KIND not in source.text):
        for document in source.documents():
            raw = document.root.plain()
            items = (
                raw.get("items") if isinstance(raw, dict) and raw.get("kind") == "List" else None
            )
            yield from items if isinstance(items, list) else (raw,)


def _defines_graphs(raw: object) -> bool:
    if not isinstance(raw, dict) or raw.get("kind") != "CustomResourceDefinition":
        return False
    spec = raw.get("spec")
    names = spec.get("names") if isinstance(spec, dict) else None
    return isinstance(names, dict) and names.get("kind") == KIND


def not_served(version: str, used: Crd, options: LintOptions) -> str:
    """Return that the CRD does not serve a version, and from which operator on it is served."""
    known = ", ".join(f"{GROUP}/{name}" for name in used.versions)
    if options.crd is not None or used.operator.version == DEFAULT_OPERATOR:
        return f"the CRD serves no {GROUP}/{version}; it has {known}"
    text = f"operator {used.operator.version} serves no {GROUP}/{version}, only {known}"
    for newer in minors():
        if version in crd.load(newer.version).versions:
            return f"{text}; operator {newer.name} and later do"
    return text
