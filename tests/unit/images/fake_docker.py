"""A container engine that only remembers what it was asked to build."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.images import Docker
from dynamo_conformance.images.docker import EngineImage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Order:
    """One build that was ordered: its tag, its base, and the files it was to be made from."""

    tag: str
    base: str
    files: dict[str, str]

    @property
    def name(self) -> str:
        return self.tag.partition(":")[0]


class FakeDocker(Docker):
    """A `docker` that has images without content."""

    def __init__(self) -> None:
        super().__init__("no-docker")
        self.images: dict[str, EngineImage] = {}
        self.orders: list[Order] = []
        self.have("base:1")

    def have(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """Have an image."""
        self.images[name] = EngineImage(
            id=f"id of {name}", architecture="amd64", labels=dict(labels or {})
        )

    def order(self, name: str) -> Order:
        """Return the one build of an image."""
        (found,) = (one for one in self.orders if one.name == f"dynamo-conformance/{name}")
        return found

    def check(self) -> None:
        pass

    def inspect(self, name: str) -> EngineImage | None:
        return self.images.get(name)

    def pull(self, name: str) -> str:  # noqa: ARG002 - as the engine has it
        return "no route to host"

    def run(self, *words: str) -> str:  # noqa: ARG002 - as the engine has it
        return json.dumps([[3, 11], "/usr/lib/site-packages", "2.36"])

    def build(self, folder: Path, *, tag: str, base: str, labels: Mapping[str, str]) -> None:
        files = [path for path in folder.rglob("*") if path.is_file()]
        content = {str(path.relative_to(folder)): path.read_text() for path in files}
        self.orders.append(Order(tag, base, content))
        self.have(tag, labels)
