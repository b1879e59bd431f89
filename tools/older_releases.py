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
import sys
from pathlib import Path

import vocabulary
from release_flags import TOOLS, delta, dumped, installed, newest, run, site, write

RELEASES = (
    "0.4.1", "0.5.1", "0.6.1", "0.7.1", "0.8.1", "0.9.1", "1.0.2", "1.1.1", "1.2.1", "1.3.1",
    "1.4.2", "1.5.1", "1.6.1",
)  # fmt: skip
"""The newest patch release of each minor release, oldest first."""

_FIRST_KVBM = (0, 7)
_BUILT_IN = "DYN_KVBM_"
"""Before it was a wheel of its own, KVBM was built into the images' runtime alone."""


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
        run([sys.executable, str(TOOLS / "planner_config.py"), *words])


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
