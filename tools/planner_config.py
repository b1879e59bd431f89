r"""Make the schema of the planner's config, as JSON.

Run it where ai-dynamo is installed; what the planner computes with need not be:

    python tools/planner_config.py --date 2026-11-30 \
        --out conformance/dynamo_conformance/engines/data

The schema is the one of the planner's own model, without its texts. Other names that the model
takes for a field are below `aliases`. With `--site FOLDER` it is that of the release that is there
(`tools/older_releases.py` does so for all). With `--judge` it reads a JSON list of configs from
standard input, and prints for each why the model refuses it, or null.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING

from flags_stand_ins import PLANNER_NEEDS, enter, stand_in_for
from pydantic import AliasChoices

if TYPE_CHECKING:
    from pydantic import BaseModel

_TEXTS = ("title", "description")


def model() -> type[BaseModel]:
    """Return the planner's own model."""
    stand_in_for(*PLANNER_NEEDS)
    package = "utils" if metadata.version("ai-dynamo").startswith("1.0.") else "config"
    module = import_module(f"dynamo.planner.{package}.planner_config")
    planner: type[BaseModel] = module.PlannerConfig
    return planner


def refusals(configs: list[object]) -> list[str | None]:
    """Return why the planner refuses each config, or None where it does not."""
    judge = model()
    return [_refusal(judge, config) for config in configs]


def _refusal(judge: type[BaseModel], config: object) -> str | None:
    try:
        judge.model_validate(config)
    except ValueError as error:
        return str(error)
    return None


def schema() -> dict[str, object]:
    """Return the schema of the planner's config, and the other names of its fields."""
    planner = model()
    aliases = {
        str(alias): choices.choices[0]
        for field in planner.model_fields.values()
        if isinstance(choices := field.validation_alias, AliasChoices)
        for alias in choices.choices[1:]
    }
    return {"aliases": aliases, "schema": _without_texts(planner.model_json_schema())}


def _without_texts(value: object) -> object:
    if isinstance(value, dict):
        return {
            key: _without_texts(item)
            for key, item in value.items()
            if key not in _TEXTS or isinstance(item, dict)
        }
    if isinstance(value, list):
        return [_without_texts(item) for item in value]
    return value


def main() -> None:
    """Write `planner-config-<release>.json` into the output folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--date", help="the day of the dump, YYYY-MM-DD")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--judge", action="store_true", help="judge configs of standard input")
    parser.add_argument("--site", type=Path, help="where a release's two wheels are installed")
    options = parser.parse_args()
    if options.site is not None:
        enter(options.site)
    if options.judge:
        print(json.dumps(refusals(json.load(sys.stdin))))
        return
    if options.date is None or options.out is None:
        parser.error("--date and --out are required")
    release = metadata.version("ai-dynamo")
    head = {"release": release, "source": [f"ai-dynamo {release}"], "date": options.date}
    target = options.out / f"planner-config-{release}.json"
    target.write_text(json.dumps({**head, **schema()}, indent=1) + "\n", encoding="utf-8")
    print(target, target.stat().st_size)


if __name__ == "__main__":
    main()
