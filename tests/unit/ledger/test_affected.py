"""Which examples a change concerns."""

from __future__ import annotations

from pathlib import Path

import pytest

import dynamo_conformance
from dynamo_conformance.ledger.content import is_affected

FILES = {
    "launch/k8s/agg.yaml": "args: [--config, configs/engine.yaml]\n",
    "launch/k8s/v1alpha1/agg.yaml": "kind: x\n",
    "launch/k8s/disagg.yaml": "kind: x\n",
    "launch/local/agg.sh": "dynamo serve worker.py\n",
    "launch/local/disagg.sh": "true\n",
    "components/worker.py": "import helper\n",
    "configs/engine.yaml": "a: 1\n",
    "README.md": "about agg.yaml\n",
}


@pytest.fixture
def example(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("changed", "agg", "disagg"),
    [
        ("launch/k8s/agg.yaml", True, False),
        ("launch/k8s/v1alpha1/agg.yaml", True, False),
        ("launch/local/agg.sh", True, False),
        ("launch/local/disagg.sh", False, True),
        ("components/worker.py", True, True),
        ("configs/engine.yaml", True, False),
        ("README.md", False, False),
    ],
)
def test_an_example_is_its_manifest_script_components_and_what_they_name(
    example: Path,
    changed: str,
    agg: bool,  # noqa: FBT001
    disagg: bool,  # noqa: FBT001
) -> None:
    paths = {example / changed}
    assert is_affected(example / "launch/k8s/agg.yaml", paths) is agg
    assert is_affected(example / "launch/local/agg.sh", paths) is agg
    assert is_affected(example / "launch/k8s/disagg.yaml", paths) is disagg


def test_a_change_of_the_suite_concerns_every_example(example: Path) -> None:
    suite = {Path(dynamo_conformance.__file__).resolve()}
    assert is_affected(example / "launch/k8s/agg.yaml", suite)


def test_a_manifest_anywhere_is_affected_by_itself_and_what_it_names(tmp_path: Path) -> None:
    for name in ("graph.yaml", "engine.json", "other.json"):
        (tmp_path / name).write_text("args: [engine.json]\n", encoding="utf-8")
    assert is_affected(tmp_path / "graph.yaml", {tmp_path / "graph.yaml"})
    assert is_affected(tmp_path / "graph.yaml", {tmp_path / "engine.json"})
    assert not is_affected(tmp_path / "graph.yaml", {tmp_path / "other.json"})
