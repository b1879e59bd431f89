"""Stand-ins for what an engine imports: named one by one, and never in place of what is asked."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

TOOLS = Path(__file__).parents[3] / "tools"
ARGUMENTS = """
import absent_gpu.kernels
from wave import absent_name
from engine_here.layers import WIDTH

@absent_gpu.kernels.compiled
def width(): return 3

class Arguments(absent_gpu.Base): pass
DEFAULT = absent_gpu.DEFAULT
"""


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    monkeypatch.syspath_prepend(str(TOOLS))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    package = tmp_path / "engine_here"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "arguments.py").write_text(ARGUMENTS)
    (package / "layers.py").write_text("import absent_gpu\nWIDTH = len(absent_gpu.WIDTH)\n")
    return importlib.import_module("engine_stand_ins")


def missing(stand_ins: ModuleType, *known: str) -> str:
    with pytest.raises(stand_ins.Missing) as raised:
        stand_ins.imported("engine_here.arguments", known)
    # As in a new process.
    for name in [name for name in sys.modules if name.startswith(("engine_here", "wave"))]:
        del sys.modules[name]
    return str(raised.value.what)


def test_names_what_is_missing_one_by_one(stand_ins: ModuleType) -> None:
    assert missing(stand_ins) == "absent_gpu"
    assert missing(stand_ins, "absent_gpu") == "wave"
    # A module of the engine that cannot do with a stand-in is stood in for as a whole.
    assert missing(stand_ins, "absent_gpu", "wave") == "engine_here.layers"


def test_imports_with_stand_ins(stand_ins: ModuleType) -> None:
    known = ["absent_gpu", "wave", "engine_here.layers"]
    module = stand_ins.imported("engine_here.arguments", known)
    assert module.width() == 3
    assert isinstance(module.DEFAULT, stand_ins.StandIn)
    assert issubclass(module.Arguments, object)


def test_what_is_asked_for_is_never_stood_in_for(stand_ins: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "engine_here" / "arguments.py").write_text("raise ValueError('broken')")
    with pytest.raises(ValueError, match="broken"):
        stand_ins.imported("engine_here.arguments", [])
