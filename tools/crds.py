"""Make the CRD data: a CustomResourceDefinition, as JSON without its descriptions.

The base install judges manifests in milliseconds, so it must not parse half a megabyte of YAML
first. Descriptions are most of that and decide nothing.

    python tools/crds.py CRD.yaml --operator 1.5.0-dev --date 2026-08-21 --out DIR
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import yaml

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


def without_descriptions(value: Json, *, names_are_data: bool = False) -> Json:
    """Return `value` without the descriptions of schemas.

    Under `properties` a key is a field's name, so one called `description` stays.
    """
    if isinstance(value, dict):
        return {
            key: without_descriptions(item, names_are_data=key == "properties")
            for key, item in value.items()
            if names_are_data or key != "description"
        }
    if isinstance(value, list):
        return [without_descriptions(item) for item in value]
    return value


def main() -> None:
    """Write `<plural>-<operator>.json` into the output folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("crd", type=Path)
    parser.add_argument("--operator", required=True, help="operator version the CRD belongs to")
    parser.add_argument("--date", required=True, help="date of that version, YYYY-MM-DD")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    crd = yaml.load(options.crd.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    plural = crd["spec"]["names"]["plural"]
    data = {
        "source": f"ai-dynamo/dynamo, deploy/operator/config/crd/bases/{options.crd.name}",
        "operator": options.operator,
        "date": options.date,
        "crd": without_descriptions(crd),
    }
    target = options.out / f"{plural}-{options.operator}.json"
    target.write_text(json.dumps(data, separators=(",", ":")) + "\n", encoding="utf-8")
    print(target, target.stat().st_size)


if __name__ == "__main__":
    main()
