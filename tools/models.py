r"""Make the configurations of models, as JSON, from published `config.json` files.

    python tools/models.py FOLDER --source WHERE --date YYYY-MM-DD \
        --out conformance/dynamo_conformance/engines/data/models.json

FOLDER holds `OWNER/NAME/config.json` as a hub's clone does, or `OWNER--NAME_config.json`, each with
its `hf_quant_config.json` or `OWNER--NAME_hf_quant_config.json` beside it where there is one. A
model that has a row gets it anew; another gets one. Families that nothing is known of are named and
passed over. With `--check` nothing is written, and rows that differ are named. Ids of models with
the very same configuration may be added to a row's `ids` by hand: they stay.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.engines.memory import Model
from dynamo_conformance.engines.model_config import ModelConfigError, read_config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.memory import ModelRow, RowFields

_CONFIG, _QUANTIZATION = "config.json", "hf_quant_config.json"


def configs(folder: Path) -> Iterator[tuple[str, Path, Path]]:
    """Yield each model's hub id, its configuration, and where its quantization would be."""
    for path in sorted(folder.rglob(f"*{_CONFIG}")):
        if path.name == _CONFIG:
            yield "/".join(path.parent.parts[-2:]), path, path.with_name(_QUANTIZATION)
        elif path.name.endswith(f"_{_CONFIG}") and not path.name.endswith(_QUANTIZATION):
            name = path.name.removesuffix(f"_{_CONFIG}")
            yield name.replace("--", "/", 1), path, path.with_name(f"{name}_{_QUANTIZATION}")


def row_of(name: str, path: Path, quantization: Path, *, source: str, date: str) -> ModelRow:
    """Return the row of one model.

    Raises:
        ModelConfigError: Its configuration cannot be read.
    """
    beside = json.loads(quantization.read_text("utf-8")) if quantization.is_file() else None
    model = read_config(json.loads(path.read_text("utf-8")), beside)
    return {"ids": [name], "model": _given(model), "source": source, "date": date}


def _given(model: Model) -> RowFields:
    """Return what differs from a field's default."""
    values = {field.name: (getattr(model, field.name), field.default) for field in fields(Model)}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, (value, default) in values.items()
        if value != default
    }


def merged(old: list[ModelRow], new: ModelRow) -> list[ModelRow]:
    """Return the rows with a new one: in place of that of the same model, or joined to its equal.

    An id leaves a row whose configuration is no longer its own.
    """
    (name,) = new["ids"]
    rows = [row.copy() for row in old]
    for row, before in zip(rows, old, strict=True):
        row["ids"] = [known for known in before["ids"] if known != name]
    for row, before in zip(rows, old, strict=True):
        alike = row["model"] == new["model"]
        if alike and (row["source"] == new["source"] or name in before["ids"]):
            row["ids"] = sorted([*row["ids"], name])
            row["source"], row["date"] = new["source"], new["date"]
            break
    else:
        rows.append(new)
    return sorted((row for row in rows if row["ids"]), key=lambda row: row["ids"][0].lower())


def text_of(rows: list[ModelRow]) -> str:
    """Return rows as JSON, a line for each."""
    lines = ",\n".join(json.dumps(row) for row in rows)
    return f'{{"models": [\n{lines}\n]}}\n'


def main() -> None:
    """Write, or check, the rows of the models of a folder."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--source", required=True, help="where the files were published")
    parser.add_argument("--date", required=True, help="when they were read, YYYY-MM-DD")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing, name what differs")
    given = parser.parse_args()
    rows: list[ModelRow] = []
    if given.out.is_file():
        rows = json.loads(given.out.read_text("utf-8"))["models"]
    wrong = 0
    for name, path, quantization in configs(given.folder):
        try:
            row = row_of(name, path, quantization, source=given.source, date=given.date)
        except ModelConfigError as error:
            print(f"{name}: passed over: {error}", file=sys.stderr)
            continue
        known = next((other for other in rows if name in other["ids"]), None)
        if given.check and (known is None or known["model"] != row["model"]):
            print(f"{name}: {'no row' if known is None else 'differs'}")
            wrong += 1
        rows = merged(rows, row)
    if not given.check:
        given.out.write_text(text_of(rows), "utf-8")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
