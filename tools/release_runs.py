"""Serves examples on the releases before today's, and writes what that shows into the ledger.

    python tools/release_runs.py [X.Y.Z ...]

On each release first the examples as they are, where it takes their words, then the manifests in
`tests/data/releases` that state them in its own words. Each release is a run of pytest, and has an
environment of its own, which is made at first. Without releases: all that are known.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from dynamo_conformance.engines.releases import Release, known

ROOT: Final = Path(__file__).resolve().parents[1]
LEDGER: Final = "examples/ledger.json"
ENGINES: Final = ("vllm_v1", "sglang", "tensorrt_llm")
GRAPHS: Final = ("agg", "agg_router", "disagg", "disagg_router")
EXAMPLES: Final = tuple(
    f"examples/llm/{engine}/launch/k8s/{graph}.yaml" for engine in ENGINES for graph in GRAPHS
)
"""Of every engine what each release has been for: more would be run for a few words more."""


def main(words: list[str]) -> int:
    """Run the releases that are named; return 1 when any failed, 2 for what is no release."""
    chosen = [Release.parse(word) for word in words] if words else list(known()[:-1])
    if None in chosen:
        print("give releases as X.Y.Z, such as 1.2.1", file=sys.stderr)
        return 2
    codes = [_run(release) for release in chosen if release is not None]
    return int(any(codes))


def _run(release: Release) -> int:
    folder = Path("tests/data/releases") / f"{release.major}.{release.minor}"
    own = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / folder).glob("*.yaml"))
    print(f"Dynamo {release}", flush=True)
    # Two runs, as one release is imposed on the examples, and the others name it.
    return max(_pytest(f"--dynamo-release={release}", *EXAMPLES), _pytest(*own) if own else 0)


def _pytest(*words: str) -> int:
    start = (sys.executable, "-m", "pytest", "-q", "-m", "e2e", "--dynamo-profile=core")
    return subprocess.run(
        [*start, f"--dynamo-ledger={LEDGER}", *words], cwd=ROOT, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
