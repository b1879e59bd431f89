r"""Make what is known of a new release of Dynamo, and print what changed.

    python tools/new_release.py 1.7.0 --cache FOLDER --date 2026-12-20 [--root CHECKOUT]

Wheels come from the package index into `--cache`. Run it where torch and an engine's packages are
installed (`images/cpu`), and uv: a new version of vLLM or SGLang is read (`tools/engine_read.py`).
The new release's catalogs, names and planner config are made whole; the former newest's become what
differs from them. Then this says what only an engine or a reader can tell, and has to be looked at.

When a module reads its words in another way than before, this stops and names it: the former way is
to be kept as a row of `OLDER` in `tools/flags_modules.py`, and the new way put into `MODULES`.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import engine_flags
from older_releases import names, names_file
from release_flags import TOOLS, delta, dumped, newest, run, runs, site, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flags_describe import Json
    from release_flags import Catalog, Row

_ENGINE = "engine"
_READ_BY_HAND = ("conflicts", "limits", "deprecated-values", "json-options")
_NEWEST = re.compile(r'^NEWEST = "(.+)"$', re.MULTILINE)
_RELEASES = re.compile(r'"(?=,\n\)  # fmt: skip\n"""The newest patch release)')


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """A new release in the making.

    Attributes:
        release: The new one.
        former: The newest of those that are kept.
        root: The checkout.
        cache: Where wheels are installed.
        date: The day, YYYY-MM-DD.
    """

    release: str
    former: str
    root: Path
    cache: Path
    date: str

    @property
    def data(self) -> Path:
        """Where the engines' data lie."""
        return self.root / "conformance/dynamo_conformance/engines/data"

    @property
    def folder(self) -> Path:
        """Where the catalogs lie."""
        return self.data / "flags"


def catalogs(making: Making, kept: dict[str, Catalog]) -> dict[str, Catalog]:
    """Return the whole catalogs of the new release, by module."""
    made = dumped(making.release, cache=making.cache, date=making.date)
    return {
        name: _with_engine(making, catalog, kept.get(name))
        for name, catalog in sorted(made.items())
    }


def _with_engine(making: Making, catalog: Catalog, kept: Catalog | None) -> Catalog:
    stages = cast("list[dict[str, Json]]", catalog["stages"])
    stage = next((at for at, stage in enumerate(stages) if stage["owner"] == _ENGINE), None)
    if stage is None:
        return catalog
    engine = cast("dict[str, str]", catalog["engine"])
    name, version = engine["name"], engine["version"]
    if kept is not None and kept["engine"] == engine:
        rows = engine_rows(kept)
    else:
        folder = engine_flags.installed(name, version, cache=making.cache)
        read = engine_flags.read(name, version, folder, others=[])
        rows = cast("list[Row]", read["flags"])
        if name == "sglang":
            rows = [engine_flags.widen(row, making.release) for row in rows]
    source = [*cast("list[Json]", catalog["source"]), f"{engine_flags.PACKAGES[name]} {version}"]
    flags = [*cast("list[Row]", catalog["flags"]), *(row | {"stage": stage} for row in rows)]
    return catalog | {"source": source, "flags": cast("Json", flags)}


def engine_rows(catalog: Catalog) -> list[Row]:
    """Return the flags that are the engine's."""
    return [row for row in cast("list[Row]", catalog["flags"]) if row["owner"] == _ENGINE]


def turn(making: Making, kept: dict[str, Catalog], made: dict[str, Catalog]) -> None:
    """Write the former newest release as what differs from the new one."""
    for name, catalog in kept.items():
        own = [row for row in cast("list[Row]", catalog["flags"]) if row["owner"] != _ENGINE]
        alone = catalog | {"flags": cast("Json", own)}
        base = made.get(name)
        write([delta(alone, base=base)], out=making.folder)
        if engine_rows(catalog) and base is not None and base["engine"] != catalog["engine"]:
            _turn_engine(making, catalog, base)


def _turn_engine(making: Making, catalog: Catalog, base: Catalog) -> None:
    engine, newer = (cast("dict[str, str]", one["engine"]) for one in (catalog, base))
    name, version = engine["name"], engine["version"]
    lists = json.loads((making.data / f"vocabulary-{making.former}.json").read_text("utf-8"))
    connectors = {key: lists[key] for key in ("kv_connectors", "ec_connectors")}
    head = {
        "engine": name,
        "version": version,
        "base": newer["version"],
        "source": catalog["source"],
        "date": catalog["date"],
        "style": next(
            stage["style"]
            for stage in cast("list[dict[str, Json]]", catalog["stages"])
            if stage["owner"] == _ENGINE
        ),
        **(connectors if name == "vllm" else {}),
    }
    newer_rows = engine_rows(base)
    # Where the parser stands, each release's catalog says for itself.
    stage = newer_rows[0]["stage"] if newer_rows else None
    rows = [row | {"stage": stage} for row in engine_rows(catalog)]
    flags = cast("Json", runs(rows, base=newer_rows))
    target = making.folder / "engines" / f"{name}-{version}.json"
    target.parent.mkdir(exist_ok=True)
    text = engine_flags.text({**head, "flags": flags}, "flags")
    target.write_text(text, encoding="utf-8")


def turn_names(making: Making, vllm: dict[str, str]) -> Iterator[str]:
    """Write the new release's names whole and the former's as what differs; yield what changed."""
    kept_path = making.data / f"vocabulary-{making.former}.json"
    kept = json.loads(kept_path.read_text("utf-8"))
    lists = names(making.release, cache=making.cache)
    folder = engine_flags.installed("vllm", vllm["version"], cache=making.cache)
    packages = ("ai-dynamo", "ai-dynamo-runtime", "kvbm")
    source = [f"{package} {making.release}" for package in packages]
    head = {
        "release": making.release,
        "source": [*source, f"{engine_flags.PACKAGES['vllm']} {vllm['version']}"],
        "date": making.date,
    }
    whole = {**head, **lists, **engine_flags.connectors(folder)}
    _write_json(making.data / f"vocabulary-{making.release}.json", whole)
    base = making.release, lists
    older = {key: kept[key] for key in lists}
    text = names_file(making.former, older, base=base, date=kept["date"])
    kept_path.write_text(text, encoding="utf-8")
    for key in ("modules", "variables"):
        yield from _gone_and_new(key, {*kept[key]}, {*lists[key]})


def changes(kept: Catalog | None, made: Catalog | None) -> Iterator[str]:
    """Yield what changed of one module's flags, a line each."""
    before, after = (
        {str(row["names"]): row for row in cast("list[Row]", side["flags"])} if side else {}
        for side in (kept, made)
    )
    yield from _gone_and_new("flags", {*before}, {*after})
    for name in sorted(before.keys() & after.keys()):
        old, new = before[name], after[name]
        for key in sorted((old.keys() | new.keys()) - {"stage", "refusal"}):
            if old.get(key) != new.get(key):
                yield f"  {name} {key}: {old.get(key)!r} -> {new.get(key)!r}"


def _gone_and_new(what: str, before: set[str], after: set[str]) -> Iterator[str]:
    for sign, names_ in (("-", before - after), ("+", after - before)):
        if names_:
            yield f"  {sign} {what}: {', '.join(sorted(names_))}"


def make(making: Making) -> Iterator[str]:
    """Write all files of the new release; yield what changed and what is left to do."""
    kept = newest(making.folder, making.former)
    made = catalogs(making, kept)
    turn(making, kept, made)
    write(made.values(), out=making.folder)
    for name in sorted({*kept, *made}):
        lines = list(changes(kept.get(name), made.get(name)))
        yield f"{name}: {'as before' if not lines else ''}"
        yield from lines
    yield "names:"
    yield from turn_names(making, cast("dict[str, str]", made["dynamo.vllm"]["engine"]))
    place = site(making.release, cache=making.cache)
    words = ["--site", str(place), "--date", making.date, "--out", str(making.data)]
    run([sys.executable, str(TOOLS / "planner_config.py"), *words])
    for kind in _READ_BY_HAND:
        old = making.data / f"{kind}-{making.former}.json"
        shutil.copyfile(old, making.data / f"{kind}-{making.release}.json")
        yield f"as of {making.former} still, look at it: {kind}-{making.release}.json"
    _turn_code(making)
    yield f"{making.release} is the newest now: run tools/release_verdicts.py, then the tests"
    yield "by hand: tools/releases.py, the pins in pyproject.toml, removed.json and elsewhere.json"


def _turn_code(making: Making) -> None:
    """Name the new release where the code and the tools name the newest."""
    path = making.root / "conformance/dynamo_conformance/engines/catalog_files.py"
    code = path.read_text("utf-8")
    path.write_text(_NEWEST.sub(f'NEWEST = "{making.release}"', code), encoding="utf-8")
    path = making.root / "tools/older_releases.py"
    code = path.read_text("utf-8")
    path.write_text(_RELEASES.sub(f'", "{making.release}"', code), encoding="utf-8")


def _write_json(path: Path, data: object) -> None:
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Make a new release."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("release", help="X.Y.Z")
    parser.add_argument("--cache", type=Path, required=True, help="where wheels are installed")
    parser.add_argument("--date", required=True, help="the day of the dump, YYYY-MM-DD")
    parser.add_argument("--root", type=Path, default=TOOLS.parent, help="the checkout")
    options = parser.parse_args()
    code = options.root / "conformance/dynamo_conformance/engines/catalog_files.py"
    match = _NEWEST.search(code.read_text("utf-8"))
    if match is None or match[1] == options.release:
        parser.error(f"{options.release} is the newest already")
    making = Making(
        release=options.release,
        former=match[1],
        root=options.root,
        cache=options.cache,
        date=options.date,
    )
    for line in make(making):
        print(line, flush=True)


if __name__ == "__main__":
    main()
