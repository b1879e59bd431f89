"""The vocabulary of one Dynamo release: modules to start, variables it reads, vLLM's connectors.

The file in `data` is made by `tools/vocabulary.py` from the installed packages.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypedDict

from dynamo_conformance.engines.catalog import RELEASE

_DATA = Path(__file__).parent / "data"


class _Data(TypedDict):
    release: str
    modules: list[str]
    variables: list[str]
    prefixes: list[str]
    ragged: list[str]
    kv_connectors: list[str]
    ec_connectors: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseNames:
    """The names that a release knows.

    Attributes:
        release: The Dynamo release.
        modules: What `python3 -m` can start.
        variables: The `DYN_` variables that are read.
        prefixes: Beginnings of variables that the release completes by itself.
        ragged: Variables of which only the beginning is certain.
        kv_connectors: The KV connectors that the release's vLLM knows without a module path.
        ec_connectors: Its connectors for what an encoder makes of images.
    """

    release: str
    modules: frozenset[str]
    variables: frozenset[str]
    prefixes: tuple[str, ...]
    ragged: tuple[str, ...]
    kv_connectors: tuple[str, ...]
    ec_connectors: tuple[str, ...]

    def reads(self, variable: str) -> bool:
        """Return whether the release may read a `DYN_` variable; a doubt counts as yes."""
        return (
            variable in self.variables
            or variable.startswith(self.prefixes)
            or any(name.startswith(variable) for name in self.ragged)
        )


@cache
def load(*, release: str = RELEASE) -> ReleaseNames:
    """Return the vocabulary of a release."""
    path = _DATA / f"vocabulary-{release}.json"
    data: _Data = json.loads(path.read_text(encoding="utf-8"))
    return ReleaseNames(
        release=data["release"],
        modules=frozenset(data["modules"]),
        variables=frozenset(data["variables"]),
        prefixes=tuple(data["prefixes"]),
        ragged=tuple(data["ragged"]),
        kv_connectors=tuple(data["kv_connectors"]),
        ec_connectors=tuple(data["ec_connectors"]),
    )
