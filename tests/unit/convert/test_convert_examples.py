"""The published examples: both versions are one graph, and each becomes the other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.convert.file_conversion import convert_text
from dynamo_conformance.manifest.document import V1ALPHA1, V1BETA1, read_documents
from dynamo_conformance.manifest.read import read_graph

if TYPE_CHECKING:
    from dynamo_conformance.manifest.graph import Graph

EXAMPLES = Path(__file__).parents[3] / "examples"
GATEWAY = EXAMPLES / "llm/vllm_v1/recipes/launch/k8s/qwen3_32b_gateway.yaml"
MANIFESTS = sorted(
    path
    for path in EXAMPLES.rglob("launch/k8s/**/*.yaml")
    # The legacy engine alone is in the form of its time, and a frontend beside a worker has more
    # than v1alpha1 says of it.
    if "vllm_v0" not in path.parts and path != GATEWAY
)
BETA = [path for path in MANIFESTS if "v1alpha1" not in path.parts]
TWINS = [
    path
    for path in BETA
    # What overlays make and recipes name newer images than the operators that know v1alpha1 alone:
    # who has such an operator converts them.
    if path.stem != "production" and "recipes" not in path.relative_to(EXAMPLES).parts
]


def name(path: Path) -> str:
    return path.relative_to(EXAMPLES / "llm").with_suffix("").as_posix()


def graph(text: str) -> Graph:
    (document,) = (one for one in read_documents(text, file="f.yaml") if one.version is not None)
    return read_graph(document)


def test_there_are_examples_of_both_versions() -> None:
    assert len(MANIFESTS) - len(BETA) == len(TWINS) > 0


@pytest.mark.parametrize("path", MANIFESTS, ids=name)
def test_an_example_is_the_same_graph_in_the_other_version(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    version = V1ALPHA1 if path in BETA else V1BETA1
    converted = convert_text(text, file=str(path), version=version)
    assert converted.losses == ()
    assert f"\napiVersion: nvidia.com/{version}\n" in converted.text
    assert graph(converted.text) == graph(text)


def test_what_v1alpha1_cannot_say_of_the_gateway_s_graph_is_said() -> None:
    text = GATEWAY.read_text(encoding="utf-8")
    (loss,) = convert_text(text, file=str(GATEWAY), version=V1ALPHA1).losses
    assert loss.path == "spec.components[1].frontendSidecar"


@pytest.mark.parametrize("path", MANIFESTS, ids=name)
def test_no_comment_of_an_example_is_lost(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    version = V1ALPHA1 if path in BETA else V1BETA1
    converted = convert_text(text, file=str(path), version=version).text
    assert comments(converted) == comments(text)


@pytest.mark.parametrize("beta", TWINS, ids=name)
def test_the_v1alpha1_example_converts_to_the_v1beta1_one(beta: Path) -> None:
    folder = next(parent for parent in beta.parents if parent.name == "k8s")
    alpha = folder / "v1alpha1" / beta.relative_to(folder)
    converted = convert_text(alpha.read_text(encoding="utf-8"), file="f.yaml", version=V1BETA1)
    published = beta.read_text(encoding="utf-8")
    assert graph(converted.text) == graph(published)
    # To the letter: all that differs is the line that tells for whom the other one is.
    lines = [line for line in converted.text.splitlines() if "newer ones:" not in line]
    assert lines == published.splitlines()


def comments(text: str) -> list[str]:
    return sorted(line.strip() for line in text.splitlines() if line.strip().startswith("#"))
