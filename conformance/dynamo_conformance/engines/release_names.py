"""The vocabulary of one Dynamo release: modules to start, variables it reads, vLLM's connectors.

The files in `data` are made by `tools/vocabulary.py` from the packages. The newest release's is
whole; an older one names its `base`, the next newer release, and says what it has more and less.
vLLM's connectors are those of the version that the release pins (`catalog_files.py`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypedDict, cast

from dynamo_conformance.engines import catalog_files
from dynamo_conformance.engines.catalog import RELEASE

_DATA = Path(__file__).parent / "data"


_LISTS = ("modules", "variables", "prefixes", "ragged")


class _Delta(TypedDict):
    """What a list has that its base has not, and what it lacks of it."""

    more: list[str]
    less: list[str]


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
        connectors_known: Whether the connectors of that vLLM are known.
    """

    release: str
    modules: frozenset[str]
    variables: frozenset[str]
    prefixes: tuple[str, ...]
    ragged: tuple[str, ...]
    kv_connectors: tuple[str, ...]
    ec_connectors: tuple[str, ...]
    connectors_known: bool = True

    def reads(self, variable: str) -> bool:
        """Return whether the release may read a `DYN_` variable; a doubt counts as yes."""
        return (
            variable in self.variables
            or variable.startswith(self.prefixes)
            or any(name.startswith(variable) for name in self.ragged)
        )


@cache
def load(*, release: str = RELEASE) -> ReleaseNames:
    """Return the vocabulary of a release.

    Raises:
        OSError: nothing is known of the release.
    """
    names = _lists(release)
    known = release == RELEASE
    if not known:
        engine = catalog_files.engine_of("dynamo.vllm", release)
        kept = catalog_files.engine_file(**engine) if engine is not None else None
        names["kv_connectors"] = kept.get("kv_connectors", []) if kept is not None else []
        names["ec_connectors"] = kept.get("ec_connectors", []) if kept is not None else []
        known = kept is not None and "kv_connectors" in kept
    return ReleaseNames(
        release=release,
        modules=frozenset(names["modules"]),
        variables=frozenset(names["variables"]),
        prefixes=tuple(names["prefixes"]),
        ragged=tuple(names["ragged"]),
        kv_connectors=tuple(names["kv_connectors"]),
        ec_connectors=tuple(names["ec_connectors"]),
        connectors_known=known,
    )


def _lists(release: str) -> dict[str, list[str]]:
    path = _DATA / f"vocabulary-{release}.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    if "base" not in data:
        return cast("dict[str, list[str]]", data)
    base = _lists(data["base"])
    return {key: _joined(data[key], base=base[key]) for key in _LISTS}


def _joined(delta: _Delta, *, base: list[str]) -> list[str]:
    return sorted({*base, *delta["more"]} - {*delta["less"]})
