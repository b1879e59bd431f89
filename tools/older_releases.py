r"""Make what is known of older releases: flags, names and the planner's config.

    python tools/older_releases.py --cache FOLDER --date 2026-11-30 \
        --out conformance/dynamo_conformance/engines/data

Flags are Dynamo's own. Each release's wheels are installed from the package index into a folder of
their own below `--cache`; each of its modules then builds its parsers in a process of its own
(`tools/flags.py`). Every release of `--releases` but the newest is made anew, as what differs from
the next newer one; the newest's whole files are there already.
"""

from __future__ import annotations

import argparse
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
import vocabulary
from flags_modules import runnable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flags_describe import Json

    Catalog = dict[str, Json]
    Row = dict[str, Json]

RELEASES = (
    "0.4.1", "0.5.1", "0.6.1", "0.7.1", "0.8.1", "0.9.1", "1.0.2", "1.1.1", "1.2.1", "1.3.1",
    "1.4.2", "1.5.1", "1.6.1",
)  # fmt: skip
"""The newest patch release of each minor release, oldest first."""

TOOLS = Path(__file__).parent
SECONDS = 600
_FIRST_KVBM = (0, 7)
_BUILT_IN = "DYN_KVBM_"
"""Before it was a wheel of its own, KVBM was built into the images' runtime alone."""


def site(release: str, *, cache: Path) -> Path:
    """Return the folder in which the two wheels of `release` are installed, and nothing else."""
    return installed(cache / release, f"ai-dynamo=={release}", f"ai-dynamo-runtime=={release}")


def installed(folder: Path, *wheels: str) -> Path:
    """Return a folder with `wheels` from the package index, and nothing that they depend on."""
    if not folder.exists():
        partial = folder.with_name(f"{folder.name}.partial")
        _run(["uv", "pip", "install", "-q", "--no-deps", "--target", str(partial), *wheels])
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
        list(pool.map(_run, commands))
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


def names(release: str, *, cache: Path) -> dict[str, list[str]]:
    """Return the modules and variables of `release`, as `tools/vocabulary.py` lists them."""
    folders = [site(release, cache=cache)]
    has_kvbm = tuple(int(number) for number in release.split(".")[:2]) >= _FIRST_KVBM
    if has_kvbm:
        folders.append(installed(cache / f"{release}.kvbm", f"kvbm=={release}"))
    lists = vocabulary.of_folders(folders)
    if not has_kvbm:
        lists["prefixes"] = sorted({*lists["prefixes"], _BUILT_IN})
    return lists


def names_file(
    release: str, lists: dict[str, list[str]], *, base: tuple[str, dict[str, list[str]]], date: str
) -> str:
    """Return the file of a release's names, as what differs from those of `base`."""
    newer, others = base
    delta = {
        key: {"more": sorted({*own} - {*others[key]}), "less": sorted({*others[key]} - {*own})}
        for key, own in lists.items()
    }
    source = [f"{package} {release}" for package in ("ai-dynamo", "ai-dynamo-runtime")]
    if _BUILT_IN not in lists["prefixes"]:
        source.append(f"kvbm {release}")
    head = {"release": release, "base": newer, "source": source, "date": date}
    return json.dumps(head | delta, indent=1) + "\n"


def planner_config(release: str, *, cache: Path, date: str, out: Path) -> None:
    """Write the schema of the planner's config, where the release has one."""
    place = site(release, cache=cache)
    if (place / "dynamo" / "planner" / "__main__.py").exists():
        words = ["--site", str(place), "--date", date, "--out", str(out)]
        _run([sys.executable, str(TOOLS / "planner_config.py"), *words])


def _run(command: Sequence[str]) -> None:
    """Run a command.

    Raises:
        SystemExit: it failed; with what it said last.
    """
    ended = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    if ended.returncode:
        said = ended.stderr.strip().splitlines()[-3:]
        raise SystemExit("\n".join([" ".join(command), *said]))


def main() -> None:
    """Write the catalogs of the older releases into the output folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="where releases are installed")
    parser.add_argument("--date", required=True, help="the day of the dump, YYYY-MM-DD")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--releases", nargs="+", default=RELEASES, help="oldest first")
    options = parser.parse_args()
    *older, last = options.releases
    folder = options.out / "flags"
    bases = newest(folder, last)
    newer = last, json.loads((options.out / f"vocabulary-{last}.json").read_text("utf-8"))
    for release in reversed(older):
        catalogs = dumped(release, cache=options.cache, date=options.date)
        write((delta(it, base=bases.get(name)) for name, it in catalogs.items()), out=folder)
        bases |= catalogs
        lists = names(release, cache=options.cache)
        text = names_file(release, lists, base=newer, date=options.date)
        (options.out / f"vocabulary-{release}.json").write_text(text, encoding="utf-8")
        newer = release, lists
        planner_config(release, cache=options.cache, date=options.date, out=options.out)
        print(release, len(catalogs))


if __name__ == "__main__":
    main()
