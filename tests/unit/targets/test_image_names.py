"""The engine's image: which engine is in it, and under which names a node finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.images import ImageError
from dynamo_conformance.targets import CPU, MOCK, REAL, image_names
from dynamo_conformance.targets.image_names import engine_image, full_name
from dynamo_conformance.targets.interface import TargetUnavailableError

if TYPE_CHECKING:
    from dynamo_conformance.images import Recipe


class Nodes:
    """Nodes that keep what was done to them."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.names: dict[str, tuple[str, ...]] = {}

    def load(self, image: str) -> None:
        self.loaded.append(image)

    def rename(self, image: str, names: tuple[str, ...]) -> None:
        self.names[image] = names


class Built:
    """What was built."""

    name = "dynamo-conformance/x:1"


def ignored(_line: str) -> None:
    """Take a line."""


@pytest.mark.parametrize(("engine", "name"), [(MOCK, "mock-engine"), (CPU, "cpu-engine")])
def test_an_engine_has_its_image(engine: str, name: str) -> None:
    image = engine_image(engine)
    assert image is not None
    assert image.recipe.name == name


def test_the_published_images_are_the_real_engines() -> None:
    assert engine_image(REAL) is None


def test_it_answers_to_published_names(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Recipe] = []

    def build(recipe: Recipe, *, base: str) -> Built:
        assert base
        built.append(recipe)
        return Built()

    monkeypatch.setattr(image_names, "build", build)
    image, nodes = engine_image(CPU), Nodes()
    assert image is not None
    assert image.load(nodes, (), progress=ignored) == ()
    assert nodes.loaded == []
    changes = image.load(nodes, ["nvcr.io/a/b:1"], progress=ignored)
    assert nodes.names == {Built.name: ("nvcr.io/a/b:1",)}
    assert built == [image.recipe]
    assert str(changes[0]) == f"image nvcr.io/a/b:1: is vLLM for CPUs ({Built.name})"
    # What its pods are given is said, too.
    assert any("VLLM_CPU_KVCACHE_SPACE" in change.what for change in changes)


def test_where_torch_for_cpus_is_not_found_it_says_what_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def build(_recipe: Recipe, *, base: str) -> Built:
        raise ImageError(f"there is no torch for {base}")

    monkeypatch.setattr(image_names, "build", build)
    image = engine_image(CPU)
    assert image is not None
    with pytest.raises(TargetUnavailableError, match=r"no torch[^\0]*DYN_CONFORMANCE_WHEELS"):
        image.build("kind", progress=ignored)


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("nvcr.io/nvidia/x:1.6.1", "nvcr.io/nvidia/x:1.6.1"),
        ("team/x:1", "docker.io/team/x:1"),
        ("x", "docker.io/library/x:latest"),
        ("localhost:5000/x", "localhost:5000/x:latest"),
        ("nvcr.io/x:1@sha256:00", "nvcr.io/x:1"),
    ],
)
def test_images_by_their_full_names(name: str, full: str) -> None:
    assert full_name(name) == full
