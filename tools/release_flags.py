"""Flag catalogs as files: Dynamo's own flags of a release, and what differs from a newer one's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from difflib import SequenceMatcher
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

import flags
from flags_modules import runnable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flags_describe import Json

    Catalog = dict[str, Json]
    Row = dict[str, Json]

TOOLS = Path(__file__).parent
SECONDS = 600


def site(release: str, *, cache: Path) -> Path:
    """Return the folder in which the two wheels of `release` are installed, and nothing else."""
    return installed(cache / release, f"ai-dynamo=={release}", f"ai-dynamo-runtime=={release}")


def installed(folder: Path, *wheels: str) -> Path:
    """Return a folder with `wheels` from the package index, and nothing that they depend on."""
    if not folder.exists():
        partial = folder.with_name(f"{folder.name}.partial")
        run(["uv", "pip", "install", "-q", "--no-deps", "--target", str(partial), *wheels])
        partial.rename(folder)
    return folder


def dumped(release: str, *, cache: Path, date: str) -> dict[str, Catalog]:
    """Return Dynamo's own flags of each module of `release`, by module."""
    place = site(release, cache=cache)
    with TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        words = ["--site", str(place), "--date", date, "--out", folder]
        commands = [
            [sys.executable, str(TOOLS / "flags.py"), name, *words] for name in runnable(place)
        ]
        list(pool.map(run, commands))
        made = [json.loads(path.read_text(encoding="utf-8")) for path in Path(folder).iterdir()]
    return {catalog["module"]: catalog for catalog in made}


def own_flags(catalog: Catalog) -> list[Row]:
    """Return the flags that are not the engine's."""
    return [row for row in cast("list[Row]", catalog["flags"]) if row["owner"] != "engine"]


def delta(catalog: Catalog, *, base: Catalog | None) -> Catalog:
    """Return `catalog` as what differs from `base`, the next newer one; whole where there is none.

    A run of flags that the base has too, in that order, is `[first, last]`.
    """
    if base is None:
        return catalog
    head = {key: value for key, value in catalog.items() if key not in ("engine", "flags")}
    first = {"module": head.pop("module"), "release": head.pop("release"), "base": base["release"]}
    flags = runs(own_flags(catalog), base=own_flags(base))
    return {**first, "engine": catalog["engine"], **head, "flags": cast("Json", flags)}


def runs(rows: Sequence[Row], *, base: Sequence[Row]) -> list[Row | list[int]]:
    """Return the rows, with each run of the base's as its first and last place there."""
    ours, theirs = ([json.dumps(row) for row in side] for side in (rows, base))
    short: list[Row | list[int]] = []
    at = 0
    for match in SequenceMatcher(None, theirs, ours, autojunk=False).get_matching_blocks():
        short += rows[at : match.b]
        if match.size:
            short.append([match.a, match.a + match.size - 1])
        at = match.b + match.size
    return short


def write(catalogs: Iterable[Catalog], *, out: Path) -> None:
    """Write each catalog into its file."""
    for catalog in catalogs:
        short = str(catalog["module"]).removeprefix("dynamo.")
        target = out / f"{short}-{catalog['release']}.json"
        target.write_text(flags.text(catalog), encoding="utf-8")


def newest(out: Path, release: str) -> dict[str, Catalog]:
    """Return the kept whole catalogs of the newest release, by module."""
    kept = [json.loads(path.read_text("utf-8")) for path in sorted(out.glob(f"*-{release}.json"))]
    return {catalog["module"]: catalog for catalog in kept}


def run(command: Sequence[str]) -> None:
    """Run a command.

    Raises:
        SystemExit: it failed; with what it said last.
    """
    ended = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    if ended.returncode:
        said = ended.stderr.strip().splitlines()[-3:]
        raise SystemExit("\n".join([" ".join(command), *said]))
