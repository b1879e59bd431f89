"""What the tests of `dynamo deploy` share."""

from __future__ import annotations

from pathlib import Path

from dynamo_conformance.lint.check import check_file
from dynamo_launch.deploy.deploy_command import deploy

REPOSITORY = Path(__file__).parents[3]
ALTERNATIVES = {
    "two_files": ("-c", "config.yaml", "-f", "deployment.yaml"),
    "one_file": ("-f", "config.yaml"),
    "embedded": ("-f", "deployment.yaml"),
}
TARGETS = ("k8s", "compose", "slurm", "local")


def words_of(alternative: str) -> list[str]:
    """Return the words that name the files of an alternative."""
    folder = REPOSITORY / "examples" / "deploy" / alternative
    return [str(folder / word) if "." in word else word for word in ALTERNATIVES[alternative]]


def write(folder: Path, *words: str) -> dict[str, str]:
    """Run `dynamo deploy` into a folder, and return the files that it wrote."""
    assert deploy([*words, "--out-dir", str(folder)]) == 0
    found = sorted(one for one in folder.iterdir() if not one.name.startswith("."))
    return {one.name: one.read_text(encoding="utf-8") for one in found}


def findings(path: Path) -> list[str]:
    """Return what lint says of a manifest."""
    return [str(one) for document in check_file(path) for one in document.findings]
