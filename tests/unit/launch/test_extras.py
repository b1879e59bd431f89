"""Commands that need more than the base install."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from launch import cli

if TYPE_CHECKING:
    import pytest

EXAMPLES = Path(__file__).parents[3] / "examples" / "llm" / "vllm_v1" / "launch" / "k8s"
MANIFEST = EXAMPLES / "agg.yaml"


def test_a_missing_extra_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "requests", None)
    for module in [name for name in sys.modules if name.startswith("conformance.targets")]:
        monkeypatch.delitem(sys.modules, module)
    code = cli.main(["up", str(MANIFEST)])
    said = capsys.readouterr().err
    assert (code, len(said.splitlines())) == (127, 1)
    assert "needs the Python module requests; install the extra local" in said
