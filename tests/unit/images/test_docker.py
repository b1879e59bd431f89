"""The docker program: what it is called with, and what its failures say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.images import Docker, ImageError, Recipe, build

if TYPE_CHECKING:
    from pathlib import Path


def docker(folder: Path, script: str) -> Docker:
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return Docker(str(program))


def test_nothing_is_fetched_while_building(tmp_path: Path) -> None:
    engine = docker(tmp_path, f'echo "$@" > {tmp_path}/said')
    engine.build(tmp_path, tag="t:1", base="b:1", labels={"a": "1 2"})
    expected = "build --network none --tag t:1 --build-arg BASE=b:1 --label a=1 2"
    assert (tmp_path / "said").read_text().split(f" {tmp_path}")[0] == expected


def test_a_failed_build_says_what_the_builder_said(tmp_path: Path) -> None:
    engine = docker(tmp_path, "echo COPY failed; echo no space left >&2; exit 1")
    with pytest.raises(ImageError, match=r"(?s)building t:1 failed:.COPY failed.*no space left"):
        engine.build(tmp_path, tag="t:1", base="b:1", labels={})


def test_an_image_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert docker(tmp_path, "exit 1").inspect("x:1") is None


def test_an_image_is_read_as_the_engine_describes_it(tmp_path: Path) -> None:
    said = '[{"Id":"sha256:1","Architecture":"arm64","Config":{"Labels":{"a":"b"}}}]'
    found = docker(tmp_path, f"echo '{said}'").inspect("x:1")
    assert found is not None
    assert (found.id, found.architecture, found.labels) == ("sha256:1", "arm64", {"a": "b"})


def test_without_docker_the_error_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="is not installed; install Docker"):
        build(Recipe(name="tool"), base="base:1", docker=Docker(str(tmp_path / "docker")))


def test_an_engine_that_does_not_answer_is_to_be_started(tmp_path: Path) -> None:
    engine = docker(tmp_path, "echo Is the docker daemon running? >&2; exit 1")
    with pytest.raises(ImageError, match=r"start it \(dockerd.*daemon running\?"):
        build(Recipe(name="tool"), base="base:1", docker=engine)
