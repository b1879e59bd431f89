"""The Dockerfiles of the components, on the mock engine's image in place of the published one."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from dynamo_conformance.images import Docker, ImageError, base_image, build
from dynamo_conformance.mock_engine.mock_image import recipe
from sandbox import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCKERFILES = sorted((REPOSITORY / "examples" / "llm").glob("*/components/Dockerfile"))


@pytest.fixture(scope="module")
def base() -> str:
    try:
        Docker().check()
    except ImageError as error:
        pytest.skip(str(error))
    return build(recipe(), base=base_image()).name


@pytest.fixture(params=DOCKERFILES, ids=lambda path: path.parents[1].name)
def built(base: str, request: pytest.FixtureRequest) -> Iterator[tuple[Path, str]]:
    file: Path = request.param
    name = f"dynamo-conformance/components:{uuid4().hex[:8]}"
    docker = Docker()
    docker.build(file.parent, tag=name, base=base, labels={})
    try:
        yield file.parent, name
    finally:
        docker.untag(name)


def test_each_component_is_found_where_the_image_starts(built: tuple[Path, str]) -> None:
    folder, name = built
    components = sorted(one.stem for one in folder.glob("*.py") if one.stem != "__init__")
    runnable = [
        one for one in components if "__main__" in (folder / f"{one}.py").read_text("utf-8")
    ]
    assert {"worker", "encode_worker"} & set(runnable)
    for one in runnable:
        words = ("docker", "run", "--rm", "--network", "none", name)
        done = subprocess.run(
            [*words, "python3", "-m", f"components.{one}", "--help"],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert f"usage: components.{one}" in done.stdout
