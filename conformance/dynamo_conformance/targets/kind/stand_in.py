"""The mock engine's image, in the nodes of a kind cluster under the names that manifests use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.images import ImageError, base_image, build
from dynamo_conformance.mock_engine.image import recipe
from dynamo_conformance.targets.target import Change, TargetUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dynamo_conformance.targets.kind.cluster import KindCluster


def ensure_engine_image(
    cluster: KindCluster, names: Iterable[str], *, progress: Callable[[str], None]
) -> tuple[Change, ...]:
    """Make the mock engine's image once, load it, and let it answer to `names`.

    Raises:
        TargetUnavailableError: It cannot be built or loaded.
    """
    wanted = sorted(names)
    if not wanted:
        return ()
    progress("kind: the mock engine's image")
    try:
        built = build(recipe(), base=base_image())
    except ImageError as error:
        raise TargetUnavailableError(f"the mock engine's image: {error}") from error
    cluster.load(built.name)
    cluster.rename(built.name, tuple(_full(name) for name in wanted))
    return tuple(Change(f"image {name}", f"is the mock engine ({built.name})") for name in wanted)


def _full(name: str) -> str:
    """Return an image's name as the node's container runtime knows it.

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
