"""Where packages are looked for that are in no index."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.images import Recipe, wheels
from dynamo_conformance.images.base import Python

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = Python(version="3.11", site="/usr/lib/site-packages", platform="x86_64-manylinux_2_36")
UV = """\
#!/bin/sh
echo "find=$UV_FIND_LINKS override=$UV_OVERRIDE" > "{answer}"
"""


@pytest.mark.parametrize(
    ("env", "answer"),
    [
        ({"DYN_CONFORMANCE_WHEELS": "/wheels"}, "find=/wheels override="),
        ({"UV_FIND_LINKS": "/else", "UV_OVERRIDE": "o.txt"}, "find=/else override="),
        ({"DYN_CONFORMANCE_WHEELS": "", "UV_FIND_LINKS": "/else"}, "find=/else override="),
    ],
    ids=["ours", "uv's own", "empty"],
)
def test_packages_are_found_where_the_environment_says(
    env: dict[str, str], answer: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    uv, written = tmp_path / "uv", tmp_path / "answer"
    uv.write_text(UV.format(answer=written), encoding="utf-8")
    uv.chmod(0o755)
    monkeypatch.setattr(wheels, "_uv", lambda: str(uv))
    for name in ("DYN_CONFORMANCE_WHEELS", "UV_FIND_LINKS", "UV_OVERRIDE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "environ", os.environ | env)
    recipe = Recipe(name="x", requirements=("a==1",))
    wheels.install(recipe, PYTHON, folder=tmp_path / "folder", work=tmp_path)
    assert written.read_text(encoding="utf-8").strip() == answer
