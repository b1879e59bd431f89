"""What an installation puts on everybody's path."""

from __future__ import annotations

import zipfile
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]


def test_a_wheel_brings_no_name_that_another_project_may_have(tmp_path: Path) -> None:
    (path,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path))
    names = zipfile.ZipFile(path).namelist()
    packages = {"dynamo_conformance", "dynamo_launch"}
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == packages
    assert {"dynamo_conformance/py.typed", "dynamo_launch/py.typed"} <= set(names)
