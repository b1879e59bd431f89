"""Definitions: the CRD that the options ask for, read once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from conformance.api import crd
from conformance.api.operators import OPERATORS
from conformance.lint.problems import DefinitionError
from conformance.manifest.document import KIND

if TYPE_CHECKING:
    from conformance.api.crd import Crd
    from conformance.api.schema import JsonObject
    from conformance.lint.options import LintOptions


def load(options: LintOptions) -> Crd:
    """Return the CRD to judge with.

    Raises:
        DefinitionError: The file of the options holds none.
    """
    if options.crd is None:
        return crd.load(options.operator)
    return _from_file(options.crd, options.operator)


@cache
def _from_file(path: str, operator: str) -> Crd:
    import yaml

    try:
        text = Path(path).read_text(encoding="utf-8")
        documents = list(yaml.load_all(text, Loader=yaml.CSafeLoader))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DefinitionError(f"{path}: no CRD can be read from it: {error}") from error
    for raw in documents:
        if _defines_graphs(raw):
            made = crd.of(cast("JsonObject", raw), operator=OPERATORS[operator], source=path)
            if made.versions:
                return made
    kind = f"CustomResourceDefinition of {KIND}"
    raise DefinitionError(f"{path}: holds no {kind}; `kubectl get crd -o yaml` prints it")


def _defines_graphs(raw: object) -> bool:
    if not isinstance(raw, dict) or raw.get("kind") != "CustomResourceDefinition":
        return False
    spec = raw.get("spec")
    names = spec.get("names") if isinstance(spec, dict) else None
    return isinstance(names, dict) and names.get("kind") == KIND
