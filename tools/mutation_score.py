"""Change the code a little, many times over, and count the changes that no test notices.

    python tools/mutation_score.py [--sample 12] [--seed 1] [--survivors] [--at-least 90] MODULE...

mutmut makes the mutants and runs the tests; `[tool.mutmut]` in pyproject.toml says of what and with
which. This draws a sample of the mutants of each MODULE (`dynamo_conformance.manifest.merge`, or
a pattern of such names), has mutmut test it, and prints a score for each. The same seed draws the
same ones. Exits with 1 where a module has a lower score than `--at-least`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from near_tests import MODULES

if TYPE_CHECKING:
    from collections.abc import Iterable

MUTANTS = Path("mutants")
SOURCES = Path("src")
PACKAGES = {"dynamo_conformance": "conformance", "dynamo_launch": "launch"}
"""The folder of each package."""

FIRST = "dynamo_conformance.manifest.quantity"
"""A small module."""

ALIVE = (0, 5, 33)
"""How mutmut notes that no test failed, or none was run; all else is a mutant that was killed."""

Codes = dict[str, int | None]
"""By the name of a mutant, the exit code of its tests; None before they ran."""


@dataclass(frozen=True, slots=True)
class Score:
    """What became of the mutants of a module that were tested."""

    module: str
    mutants: int
    killed: int
    survived: int

    @property
    def percent(self) -> float:
        """The part of those tested that was killed."""
        tested = self.killed + self.survived
        return 100 * self.killed / tested if tested else 100.0


def codes_of(folder: Path) -> dict[str, Codes]:
    """Return what mutmut wrote of each module below `folder`, where packages lie in folders."""
    return {
        ".".join(path.relative_to(folder).with_suffix("").with_suffix("").parts[1:]): json.loads(
            path.read_text(encoding="utf-8")
        )["exit_code_by_key"]
        for path in sorted(folder.rglob("*.py.meta"))
    }


def chosen(modules: dict[str, Codes], patterns: Iterable[str]) -> dict[str, Codes]:
    """Return those `modules` that have mutants and a name like one of the patterns."""
    wanted = list(patterns)
    return {
        name: codes
        for name, codes in modules.items()
        if codes and any(fnmatchcase(name, pattern) for pattern in wanted)
    }


def drawn(codes: Codes, *, sample: int, seed: int) -> list[str]:
    """Return the names of up to `sample` mutants, the same for the same seed."""
    names = sorted(codes)
    return sorted(random.Random(seed).sample(names, min(sample, len(names))))  # noqa: S311


def survivors(codes: Codes) -> list[str]:
    """Return the names of the mutants that no test has killed yet."""
    return sorted(name for name, code in codes.items() if code is None or code in ALIVE)


def score(module: str, codes: Codes, names: Iterable[str]) -> Score:
    """Count what became of the mutants `names`."""
    ended = [code for name in names if (code := codes.get(name)) is not None]
    survived = sum(code in ALIVE for code in ended)
    return Score(module, len(codes), len(ended) - survived, survived)


def table(scores: Iterable[Score]) -> str:
    """Return the scores, the lowest last."""
    rows = ["killed survived  score  mutants  module"]
    rows += [
        f"{row.killed:6} {row.survived:8} {row.percent:5.0f} % {row.mutants:8}  {row.module}"
        for row in sorted(scores, key=lambda row: (-row.percent, row.module))
    ]
    return "\n".join(rows)


def link_sources() -> None:
    """Have the packages in `src`, the only folder that mutmut leaves out of the names of modules.

    A name that is not the one of the module at run time is one of no mutant, and all would survive.
    """
    SOURCES.mkdir(exist_ok=True)
    for package, folder in PACKAGES.items():
        link = SOURCES / package
        if not link.is_symlink():
            link.symlink_to(Path("..") / folder / package)


def run(names: Iterable[str], modules: Iterable[str], *, children: int) -> None:
    """Have mutmut test mutants of `modules`, and make them if it has not yet."""
    link_sources()
    command = ["mutmut", "run", "--max-children", str(children), *names]
    subprocess.run(command, check=True, env={**os.environ, MODULES: " ".join(modules)})


def main() -> int:
    """Draw, test and count."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", default=["*"])
    parser.add_argument("--sample", type=int, default=12, help="mutants of each module")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--children", type=int, default=1, help="how many are tested at once")
    parser.add_argument("--survivors", action="store_true", help="test only those not killed yet")
    parser.add_argument("--no-run", action="store_true", help="only count what was tested before")
    parser.add_argument("--at-least", type=float, default=0.0, metavar="PERCENT")
    options = parser.parse_args()
    if not options.no_run and not codes_of(MUTANTS):
        # Names are known once mutmut has made the mutants, which it does before it tests one.
        run([f"{FIRST}.*__mutmut_1"], [FIRST], children=options.children)
    modules = chosen(codes_of(MUTANTS), options.modules)
    if not modules:
        print(f"no mutants in a module named like {' or '.join(options.modules)}", file=sys.stderr)
        return 2
    names = {
        module: drawn(codes, sample=options.sample, seed=options.seed)
        for module, codes in modules.items()
    }
    tested = [
        name
        for module, drawn_names in names.items()
        for name in drawn_names
        if not options.survivors or name in survivors(modules[module])
    ]
    if tested and not options.no_run:
        run(tested, modules, children=options.children)
    after = codes_of(MUTANTS)
    scores = [score(module, after[module], names[module]) for module in modules]
    print(table(scores))
    return int(any(row.percent < options.at_least for row in scores))


if __name__ == "__main__":
    sys.exit(main())
