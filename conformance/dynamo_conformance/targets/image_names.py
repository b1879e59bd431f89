"""An engine's image under the names of the images that manifests and compose files use."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from dynamo_conformance.images import Docker, ImageError, base_image, build
from dynamo_conformance.images.build import IMAGE
from dynamo_conformance.images.wheels import WHEELS
from dynamo_conformance.mock_engine.mock_image import recipe
from dynamo_conformance.targets import CPU, MOCK
from dynamo_conformance.targets.interface import Change, DeployFailure, TargetUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dynamo_conformance.images import Recipe
    from dynamo_conformance.manifest.graph import Graph


class ImageNodes(Protocol):
    """Nodes that images are loaded into, and renamed in."""

    def load(self, image: str) -> None:
        """Load an image of this machine."""

    def rename(self, image: str, names: tuple[str, ...]) -> None:
        """Let an image answer to `names`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineImage:
    """The image of an engine that stands for the published ones.

    Attributes:
        what: Which engine is in it.
        recipe: What it is made of.
        changes: What is different in its pods.
        advice: What to do where it cannot be built.
    """

    what: str
    recipe: Recipe
    changes: tuple[Change, ...] = ()
    advice: str = ""

    def build(self, target: str, *, progress: Callable[[str], None]) -> str:
        """Return its name; it is built where it is not there yet.

        Raises:
            TargetUnavailableError: It cannot be built.
        """
        progress(f"{target}: the image of {self.what}")
        try:
            return build(self.recipe, base=base_image()).name
        except ImageError as error:
            text = f"the image of {self.what}: {error}{self.advice}"
            raise TargetUnavailableError(text) from error

    def load(
        self, nodes: ImageNodes, names: Iterable[str], *, progress: Callable[[str], None]
    ) -> tuple[Change, ...]:
        """Load it into the nodes of a cluster, and let it answer to `names` there.

        Raises:
            TargetUnavailableError: It cannot be built or loaded.
        """
        wanted = sorted(names)
        if not wanted:
            return ()
        image = self.build("kind", progress=progress)
        nodes.load(image)
        nodes.rename(image, tuple(full_name(name) for name in wanted))
        return (*_changes(image, self.what, wanted), *self.changes)


def engine_image(engine: str, graphs: Iterable[Graph] = ()) -> EngineImage | None:
    """Return the image of an engine that serves graphs, or None for the published ones."""
    if engine == MOCK:
        return EngineImage(what="the mock engine", recipe=recipe())
    if engine != CPU:
        return None
    from dynamo_conformance.cpu_engine import engine_image as cpu

    models = cpu.Models.of(graphs)
    return EngineImage(
        what="vLLM for CPUs",
        recipe=cpu.recipe(models),
        changes=tuple(Change(where, what) for where, what in cpu.changes(models)),
        advice=f"\n{WHEELS} says where torch for CPUs is: docs/real_engine.md",
    )


class TaggedMockImage:
    """The image on this machine, and the names that it answers to while graphs run with it."""

    def __init__(self, name: str, *, docker: Docker | None = None) -> None:
        self._name = name
        self._engine = docker or Docker()
        self._users: Counter[str] = Counter()
        self._lock = Lock()

    @contextmanager
    def tagged(self, names: Iterable[str]) -> Iterator[tuple[Change, ...]]:
        """Let the image answer to `names`; the last graph that leaves takes a name away again.

        Raises:
            DeployFailure: The container engine holds another image of that name, which stays as it
                is.
        """
        wanted = sorted(set(names))
        with ExitStack() as tags:
            with self._lock:
                for name in wanted:
                    _check_replaceable(self._engine, name)
                for name in wanted:
                    if not self._users[name]:
                        _run(self._engine.tag, self._name, name)
                    self._users[name] += 1
                    tags.callback(self._leave, name)
            yield _changes(self._name, "the mock engine", wanted)

    def _leave(self, name: str) -> None:
        with self._lock:
            self._users[name] -= 1
            if not self._users[name]:
                _run(self._engine.untag, name)


def _changes(image: str, what: str, names: Iterable[str]) -> tuple[Change, ...]:
    return tuple(Change(f"image {name}", f"is {what} ({image})") for name in names)


def _run(action: Callable[..., None], *words: str) -> None:
    try:
        action(*words)
    except ImageError as error:
        raise DeployFailure(str(error)) from error


def _check_replaceable(engine: Docker, name: str) -> None:
    existing = engine.inspect(name)
    if existing is not None and IMAGE not in existing.labels:
        raise DeployFailure(
            f"the image {name} is here, and the mock engine cannot have its name",
            cause=f"run it with --dynamo-engine=real, or give it another name: docker tag {name} "
            f"kept && docker image rm {name}",
        )


def full_name(name: str) -> str:
    """Return an image's name as the container runtime of a node knows it.

    A digest cannot be given to an image that has another, so it keeps the name alone.
    """
    plain = name.partition("@")[0]
    registry, _, rest = plain.partition("/")
    if rest and ("." in registry or ":" in registry or registry == "localhost"):
        full = plain
    else:
        full = f"docker.io/{plain}" if rest else f"docker.io/library/{plain}"
    last = full.rpartition("/")[2]
    return full if ":" in last else f"{full}:latest"
