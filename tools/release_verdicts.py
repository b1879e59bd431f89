r"""Ask the parsers of each release about a hundred words of their own, and record what they say.

    python tools/release_verdicts.py --cache FOLDER --date 2026-11-30 \\
        --out tests/unit/engines/verdicts/releases [--releases 1.4.2]

The words are sampled, with a seed that is kept: flags of the release and of others, values that are
right and wrong, and variables. `--cache` is that of `tools/older_releases.py`. The unit tests hold
the catalogs against these verdicts. Engines are stand-ins, so nothing is asked that is theirs.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import flags
from flags_verdicts import Judge
from older_releases import RELEASES
from release_flags import SECONDS, site

from dynamo_conformance.engines import catalog, catalog_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dynamo_conformance.engines.flag import Flag

    Words = tuple[str, list[str]]

SEED = 20
LINES, VARIABLES = 70, 30
_MOST = 0.9
"""How often a flag that a module does not do without is there."""

_GOOD = {"int": "3", "float": "0.5", "object": "{}", "json": "{}", "positive-int": "2"}
_WRONG = ("~bad~", "-1", "", "None", "1.5", "true")
# What these say depends on files, or on an engine.
_ELSEWHERE = frozenset({
    "--ais-perf-config", "--chat-processor", "--config", "--dyn-chat-processor", "--model-path",
    "--model-name", "--router-conditional-disagg-config", "--router-policy-config",
})  # fmt: skip


class Sampler:
    """Words about the modules of one release."""

    def __init__(self, release: str) -> None:
        self._release = release
        self._chance = random.Random(f"{SEED} {release}")  # noqa: S311 - the same each time
        self._modules = catalog.modules(release=release)

    def lines(self) -> list[Words]:
        """Return command lines, with the module that each is for."""
        lines: list[Words] = []
        while len(lines) < LINES:
            module = self._chance.choice(self._modules)
            words = self._words(module)
            if words and (module, words) not in lines:
                lines.append((module, words))
        return lines

    def variables(self) -> list[tuple[str, str, str]]:
        """Return modules with a variable and its text; some are read in other releases alone."""
        pairs: list[tuple[str, str, str]] = []
        read = {
            release: [
                (module, flag)
                for module in self._modules
                if module in catalog.modules(release=release)
                for flag in own(module, release)
                if flag.env is not None
            ]
            for release in RELEASES
        }
        while len(pairs) < VARIABLES:
            release = self._chance.choice([*RELEASES, *[self._release] * len(RELEASES)])
            if not read[release]:
                continue
            module, flag = self._chance.choice(read[release])
            text = self._chance.choice([self._good(flag), *_WRONG])
            pair = (module, flag.env or "", text)
            if pair not in pairs:
                pairs.append(pair)
        return pairs

    def _words(self, module: str) -> list[str]:
        flag = self._flag(module)
        if flag is None:
            return []
        name = self._chance.choice(flag.names)
        good, wrong = self._good(flag), self._chance.choice(_WRONG)
        ways = [[name, good], [f"{name}={good}"], [name], [name, wrong], [f"{name}={wrong}"]]
        here = catalog.load(module, release=self._release)
        if here.stages[-1].owner != catalog_files.ENGINE:
            ways += [[name + "x", good], [name[:-2], good], ["word", name, good]]
        needed = [
            word
            for flag in here.flags
            if flag.required
            and flag.owner != catalog_files.ENGINE
            and self._chance.random() < _MOST
            for word in (flag.names[0], self._good(flag))
        ]
        return [*needed, *self._chance.choice(ways)]

    def _flag(self, module: str) -> Flag | None:
        """Return a flag of the module, or of another release's that this one does not have."""
        others = [release for release in RELEASES if module in catalog.modules(release=release)]
        release = self._chance.choice([self._release, self._release, *others])
        flag = self._chance.choice(own(module, release))
        here = catalog.load(module, release=self._release)
        engines = {
            name for flag in here.flags if flag.owner == catalog_files.ENGINE for name in flag.names
        }
        return flag if not flag.exits and engines.isdisjoint(flag.names) else None

    def _good(self, flag: Flag) -> str:
        if flag.choices:
            return str(self._chance.choice(flag.choices))
        return _GOOD.get(flag.type, "word") if flag.takes != "none" else "true"


def own(module: str, release: str) -> Sequence[Flag]:
    """Return the flags of Dynamo's own whose verdicts depend on nothing else."""
    known = catalog.load(module, release=release).flags
    return [
        flag
        for flag in known
        if flag.owner != catalog_files.ENGINE and _ELSEWHERE.isdisjoint(flag.names)
    ]


def judged(release: str) -> Iterator[str]:
    """Yield the verdicts of the release that is importable, as the lines of a file."""
    sampler = Sampler(release)
    judges = {name: Judge(name, site=True) for name in catalog.modules(release=release)}
    lines = [[name, words, judges[name].refusal(words)] for name, words in sampler.lines()]
    variables = [
        [name, variable, text, judges[name].defaults({variable: text})]
        for name, variable, text in sampler.variables()
    ]
    yield from (json.dumps(line) for line in lines)
    yield ""
    yield from (json.dumps(line) for line in variables)


def text(release: str, *, source: Sequence[str], date: str) -> str:
    """Return the file of verdicts of the release that is importable."""
    head = {"release": release, "source": source, "date": date, "seed": SEED}
    lines, variables = "\n".join(judged(release)).split("\n\n")
    body = [
        f' "{key}": [\n  ' + rows.strip().replace("\n", ",\n  ") + "\n ]"
        for key, rows in (("lines", lines), ("variables", variables))
    ]
    return json.dumps(head, indent=1)[:-2] + ",\n" + ",\n".join(body) + "\n}\n"


def main() -> None:
    """Write the verdicts of each release, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="where releases are installed")
    parser.add_argument("--date", required=True, help="the day of the verdicts, YYYY-MM-DD")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--releases", nargs="+", default=RELEASES)
    options = parser.parse_args()
    if len(options.releases) > 1:
        for release in options.releases:
            words = ["--cache", str(options.cache), "--date", options.date]
            command = [sys.executable, __file__, *words, "--out", str(options.out)]
            subprocess.run([*command, "--releases", release], timeout=SECONDS, check=True)
        return
    (release,) = options.releases
    source = flags.prepare_site(site(release, cache=options.cache))
    target = options.out / f"{release}.json"
    target.write_text(text(release, source=source, date=options.date), encoding="utf-8")
    print(target, target.stat().st_size)


if __name__ == "__main__":
    main()
