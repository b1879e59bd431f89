"""Make the CRDs of older operators: what each has otherwise than the next newer one.

    python tools/crd_history.py FOLDER --out conformance/dynamo_conformance/api/data

FOLDER holds `dynamographdeployments-X.Y.json`, one for each operator: the CRD without descriptions
(as tools/crds.py makes it), its `operator`, `date` and `source`. The newest CRD stays as it is, in
the output folder. What is written is read by `dynamo_conformance.api.crd_history`.
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, cast

from dynamo_conformance.api.crd_history import PLURAL, joined, pointer, versions_of
from dynamo_conformance.api.operator_releases import RECORDED_OPERATOR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.manifest.jsonschema import JsonObject
    from dynamo_conformance.manifest.node import Plain

Path_ = tuple[str, ...]


def differences(
    newer: Plain, older: Plain, path: Path_ = ()
) -> Iterator[tuple[Path_, Plain, bool]]:
    """Yield path, value and whether it is there, of all that is otherwise in `older`."""
    if not (isinstance(newer, dict) and isinstance(older, dict)):
        if newer != older:
            yield path, older, True
        return
    for key in sorted({*newer, *older}):
        here = (*path, key)
        if key not in older:
            yield here, None, False
        elif key not in newer:
            yield here, older[key], True
        else:
            yield from differences(newer[key], older[key], here)


def delta(newer: JsonObject, older: JsonObject) -> JsonObject:
    """Return what makes the versions of the older CRD of those of the newer one."""
    found = list(differences(newer, older))
    return {
        "set": {pointer(path): value for path, value, there in found if there},
        "gone": [pointer(path) for path, _value, there in found if not there],
    }


def main() -> None:
    """Write a file for each CRD of the folder, and read it again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    files = sorted(options.folder.glob(f"{PLURAL}-*.json"), key=_release, reverse=True)
    newest = json.loads((options.out / f"{PLURAL}-{RECORDED_OPERATOR}.json").read_bytes())
    for newer, older in pairwise([newest, *(json.loads(path.read_bytes()) for path in files)]):
        known = versions_of(newer["crd"])
        wanted = versions_of(older["crd"])
        made = {
            **{key: older[key] for key in ("source", "operator", "date")},
            "newer": newer["operator"],
            **delta(known, wanted),
        }
        target = options.out / f"{PLURAL}-{older['operator']}.json"
        target.write_text(json.dumps(made, separators=(",", ":")) + "\n", encoding="utf-8")
        again = joined(known, cast("JsonObject", made))
        if again != wanted:
            raise SystemExit(f"{target}: does not lead back to {older['operator']}")
        print(target, target.stat().st_size)


def _release(path: Path) -> list[int]:
    return [int(part) for part in path.stem.rpartition("-")[2].split(".")]


if __name__ == "__main__":
    main()
