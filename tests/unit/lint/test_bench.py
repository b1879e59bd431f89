"""The benchmark runs, by itself; what it measures is in docs/performance.md."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "tools" / "bench_lint.py"
TINY = ["--files", "3", "--rounds", "1", "--grow", "2"]


def test_it_measures_without_the_other_tools() -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, *TINY],
        env={**os.environ, "PATH": str(Path(sys.executable).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "| dynamo lint --only api --no-cache | 2 |" in done.stdout
    assert "| dynamo lint, warm cache |" in done.stdout
    assert "kubeconform" not in done.stdout
