"""Make a real kind cluster possible where no container registry can be reached.

    python3 .ci/airgap up [--env FILE] [--cache DIR]    build or load all, write FILE
    python3 .ci/airgap down [--cache DIR]               stop the engine that `up` started
    python3 .ci/airgap key                              what decides the images, as one word

Exit code 0: ready. 1: something could not be built or started. 2: a wrong command line.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import engine
import gobuild
import plan
from cache import Cache
from command import AirgapError, report, step
from work import Work, write_settings


def _cache_folder() -> Path:
    named = os.environ.get("DYN_CONFORMANCE_CACHE")
    return Path(named or Path.home() / ".cache" / "dynamo-conformance" / "airgap")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="airgap", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="up|down|key")
    up = commands.add_parser("up", help="build or load all that a cluster needs")
    up.add_argument("--env", type=Path, default=Path("build/airgap/env"), metavar="FILE")
    down = commands.add_parser("down", help="stop the engine that `up` started")
    for command in (up, down):
        command.add_argument("--cache", type=Path, default=_cache_folder(), metavar="DIR")
    commands.add_parser("key", help="print what decides the images")
    return parser


def _up(cache: Cache, env: Path) -> None:
    with step("all"):
        write_settings(env, Work(cache, plan.make(gobuild.find())).run())
        cache.sweep()


def main() -> int:
    """Run one command; the exit code."""
    given = _parser().parse_args()
    try:
        if given.command == "key":
            sys.stdout.write(f"{plan.make(gobuild.find()).key}\n")
            return 0
        cache = Cache(given.cache.resolve())
        with cache.locked():
            if given.command == "down":
                engine.stop(cache)
            else:
                _up(cache, given.env)
    except AirgapError as error:
        report(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
