"""Building images, with an engine that only remembers what it was asked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from fake_docker import FakeDocker

from dynamo_conformance.images import ImageError, ImageSource, Recipe, base_image, build
from dynamo_conformance.images.recipe import ROOT

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = Recipe(name="tool", environment={"A": 'b "c"'}, lines=("USER 65532",))


@pytest.fixture
def docker() -> FakeDocker:
    return FakeDocker()


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    (tmp_path / "ours.py").write_text("x = 1\n")
    (tmp_path / "settings").write_text("on\n")
    sources = (
        ImageSource(tmp_path / "ours.py", f"{ROOT}/project/ours.py"),
        ImageSource(tmp_path / "settings", "/etc/settings"),
    )
    return replace(RECIPE, sources=sources)


def test_an_image_is_built_once_for_its_content(docker: FakeDocker, recipe: Recipe) -> None:
    first = build(recipe, base="base:1", docker=docker)
    assert len(docker.orders) == 2
    again = build(recipe, base="base:1", docker=docker)
    assert len(docker.orders) == 2
    assert (first.is_new, again.is_new) == (True, False)
    assert first.name == again.name
    assert first.name.startswith("dynamo-conformance/tool:")
    assert len(first.name.partition(":")[2]) == 12


def test_the_image_holds_what_the_recipe_says(docker: FakeDocker, recipe: Recipe) -> None:
    build(recipe, base="base:1", docker=docker)
    packages, ours = docker.order("packages"), docker.order("tool")
    assert (packages.base, ours.base) == ("base:1", packages.tag)
    assert ours.files["root/project/ours.py"] == "x = 1\n"
    assert ours.files["1"] == "on\n"
    lines = ours.files["Dockerfile"].splitlines()
    assert lines[:5] == [
        "ARG BASE", "FROM ${BASE}", "USER 0", f"COPY root {ROOT}", "COPY 1 /etc/settings",
    ]  # fmt: skip
    assert lines[-2:] == [r'ENV A="b \"c\""', "USER 65532"]
    assert packages.files["ours.pth"] == f"{ROOT}/project\n{ROOT}/site-packages\n"
    pth = "COPY ours.pth /usr/lib/site-packages/dynamo-conformance.pth"
    assert pth in packages.files["Dockerfile"]


def test_a_changed_source_leaves_the_packages_alone(
    docker: FakeDocker, recipe: Recipe, tmp_path: Path
) -> None:
    build(recipe, base="base:1", docker=docker)
    (tmp_path / "ours.py").write_text("x = 2\n")
    build(recipe, base="base:1", docker=docker)
    names = [one.name for one in docker.orders]
    assert names == [
        "dynamo-conformance/packages", "dynamo-conformance/tool", "dynamo-conformance/tool",
    ]  # fmt: skip
    assert docker.orders[1].tag != docker.orders[2].tag


@pytest.mark.parametrize(
    "change",
    [
        {"lines": ("USER 1",)},
        {"environment": {"A": "c"}},
        {"start": "tool.start"},
        {"search_path": (f"{ROOT}/overlay",)},
        {"name": "other"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_tag_follows_the_recipe(
    docker: FakeDocker, recipe: Recipe, change: dict[str, object]
) -> None:
    before = build(recipe, base="base:1", docker=docker)
    after = build(replace(recipe, **change), base="base:1", docker=docker)  # type: ignore[arg-type]
    assert before.name != after.name


def test_the_tag_follows_the_base_image(docker: FakeDocker, recipe: Recipe) -> None:
    docker.have("base:2")
    before = build(recipe, base="base:1", docker=docker)
    assert build(recipe, base="base:2", docker=docker).name != before.name


def test_the_tag_follows_what_is_installed(docker: FakeDocker, recipe: Recipe) -> None:
    before = build(recipe, base="base:1", docker=docker)
    docker.have(docker.order("packages").tag, {"dynamo-conformance/packages": '["kopf==1"]'})
    after = build(recipe, base="base:1", docker=docker)
    assert after.packages == ("kopf==1",)
    assert after.name != before.name


def test_the_base_image_is_named_by_whoever_is_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DYN_CONFORMANCE_BASE_IMAGE", raising=False)
    assert base_image() == "python:3.11-slim"
    monkeypatch.setenv("DYN_CONFORMANCE_BASE_IMAGE", "mine:1")
    assert base_image() == "mine:1"
    assert base_image("given:1") == "given:1"


def test_a_base_image_that_cannot_be_fetched_is_said(docker: FakeDocker, recipe: Recipe) -> None:
    words = r"base image other:1 .* cannot be fetched \(no route to host\); .*BASE_IMAGE"
    with pytest.raises(ImageError, match=words):
        build(recipe, base="other:1", docker=docker)


def test_packages_that_do_not_exist_are_said(
    docker: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    recipe = Recipe(name="tool", requirements=("no-such-package-for-dynamo==9.9.9",))
    with pytest.raises(ImageError, match=r"(?s)image tool cannot be installed .*no-such-package"):
        build(recipe, base="base:1", docker=docker)
