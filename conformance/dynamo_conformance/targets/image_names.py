"""The mock engine's image under the names of the images that manifests and compose files use."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from dynamo_conformance.images import Docker, ImageError, base_image, build
from dynamo_conformance.images.build import IMAGE
from dynamo_conformance.mock_engine.mock_image import recipe
from dynamo_conformance.targets.interface import Change, DeployFailure, TargetUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class ImageNodes(Protocol):
    """Nodes that images are loaded into, and renamed in."""

    def load(self, image: str) -> None:
        """Load an image of this machine."""

    def rename(self, image: str, names: tuple[str, ...]) -> None:
        """Let an image answer to `names`."""


def build_mock_image(target: str, *, progress: Callable[[str], None]) -> str:
    """Return the name of the mock engine's image, built where it is not there yet.

    Raises:
        TargetUnavailableError: It cannot be built.
    """
    progress(f"{target}: the mock engine's image")
    try:
        return build(recipe(), base=base_image()).name
    except ImageError as error:
        raise TargetUnavailableError(f"the mock engine's image: {error}") from error


def load_mock_image(
    nodes: ImageNodes, names: Iterable[str], *, progress: Callable[[str], None]
) -> tuple[Change, ...]:
    """Load the image into the nodes of a cluster, and let it answer to `names` there.

    Raises:
        TargetUnavailableError: It cannot be built or loaded.
    """
    wanted = sorted(names)
    if not wanted:
        return ()
    image = build_mock_image("kind", progress=progress)
    nodes.load(image)
    nodes.rename(image, tuple(full_name(name) for name in wanted))
    return _changes(image, wanted)


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
            yield _changes(self._name, wanted)

    def _leave(self, name: str) -> None:
        with self._lock:
            self._users[name] -= 1
            if not self._users[name]:
                _run(self._engine.untag, name)


def _changes(image: str, names: Iterable[str]) -> tuple[Change, ...]:
    return tuple(Change(f"image {name}", f"is the mock engine ({image})") for name in names)


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
