"""The mock engine's image under the names that a compose file publishes, for as long as it runs."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from dynamo_conformance.images import Docker, ImageError, base_image, build
from dynamo_conformance.images.build import IMAGE
from dynamo_conformance.mock_engine.image import recipe
from dynamo_conformance.targets.compose.program import ComposeError, check
from dynamo_conformance.targets.target import Change, DeployFailure, TargetUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


def prepare(*, mock: bool, progress: Callable[[str], None]) -> str | None:
    """Make sure that compose files can be run.

    Args:
        mock: Whether the mock engine is to play the engines.
        progress: Is told what takes long.

    Returns:
        The mock engine's image, or None when it is not to be used.

    Raises:
        TargetUnavailableError: Says what to install or to start.
    """
    try:
        check(os.environ)
    except ComposeError as error:
        raise TargetUnavailableError(str(error)) from error
    if not mock:
        return None
    progress("compose: the mock engine's image")
    try:
        return build(recipe(), base=base_image()).name
    except ImageError as error:
        raise TargetUnavailableError(f"the mock engine's image: {error}") from error


@contextmanager
def published(
    image: str, names: Iterable[str], *, docker: Docker | None = None
) -> Iterator[tuple[Change, ...]]:
    """Let an image of ours answer to `names`; leaving takes the names away again.

    Raises:
        DeployFailure: The container engine holds another image of that name, which stays as it is.
    """
    engine = docker or Docker()
    wanted = sorted(set(names))
    for name in wanted:
        _refuse_foreign(engine, name)
    with ExitStack() as given:
        for name in wanted:
            _in_words(engine.tag, image, name)
            given.callback(_in_words, engine.untag, name)
        yield tuple(Change(f"image {name}", f"is the mock engine ({image})") for name in wanted)


def _in_words(action: Callable[..., None], *words: str) -> None:
    try:
        action(*words)
    except ImageError as error:
        raise DeployFailure(str(error)) from error


def _refuse_foreign(engine: Docker, name: str) -> None:
    found = engine.inspect(name)
    if found is not None and IMAGE not in found.labels:
        raise DeployFailure(
            f"the image {name} is here, and the mock engine cannot have its name",
            cause=f"run it with --dynamo-engine=real, or give it another name: docker tag {name} "
            f"kept && docker image rm {name}",
        )
