"""Commands that need more than the base install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
MANIFEST = REPOSITORY / "examples" / "llm" / "vllm_v1" / "launch" / "k8s" / "agg.yaml"
WITHOUT = """\
import sys
sys.modules['requests'] = None
from dynamo_launch.cli import main
sys.exit(main())
"""


def test_a_missing_extra_is_told_in_one_line() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT, "up", str(MANIFEST)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, len(ended.stderr.splitlines())) == (127, 1), ended.stderr
    assert "needs the Python module requests; install the extra local" in ended.stderr
