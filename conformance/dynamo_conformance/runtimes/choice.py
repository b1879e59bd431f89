"""Which release of Dynamo each component of a graph runs on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from dynamo_conformance.engines.catalog import RELEASE
from dynamo_conformance.engines.image_release import Fit, release_of
from dynamo_conformance.engines.legacy import FIRST
from dynamo_conformance.engines.releases import Release
from dynamo_conformance.runtimes.environment import RuntimeUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynamo_conformance.manifest.graph import Graph

OWN: Final = "own"
INSTALLED: Final = "installed"

_TAG = re.compile(r"[vV]?(\d{1,6}\.\d{1,6}\.\d{1,6})(?![0-9])")


class ReleaseOptionError(ValueError):
    """What was asked for is no release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What runs a graph.

    Attributes:
        installed: The release that is installed beside us.
        elsewhere: By component, the release of those that run in an environment of their own.
        named: By component, the release that its image names, where it names one.
    """

    installed: Release
    elsewhere: Mapping[str, Release]
    named: Mapping[str, Release]

    @property
    def releases(self) -> tuple[Release, ...]:
        """The releases that need an environment, oldest first."""
        return tuple(sorted(set(self.elsewhere.values())))

    @property
    def ignored(self) -> tuple[Release, ...]:
        """Releases of other minors that images name, and that do not run: oldest first."""
        return tuple(
            sorted(
                {
                    release
                    for name, release in self.named.items()
                    if name not in self.elsewhere and release.line != self.installed.line
                }
            )
        )


def check_option(wanted: str | None) -> None:
    """Refuse what is neither a choice nor a release.

    Raises:
        ReleaseOptionError: It is neither.
    """
    if wanted in (None, OWN, INSTALLED) or Release.parse(str(wanted)) is not None:
        return
    raise ReleaseOptionError(
        f'"{wanted}" is neither {OWN}, {INSTALLED} nor a release such as 1.2.1'
    )


def installed_release() -> Release:
    """Return the release of the runtime beside us, or the one that we are made for."""
    try:
        match = _TAG.match(version("ai-dynamo-runtime"))
    except PackageNotFoundError:
        match = None
    release = Release.parse(match[1] if match is not None else RELEASE)
    assert release is not None, RELEASE  # noqa: S101 - the pattern is the parser's
    return release


def choose(graph: Graph, wanted: str | None = None) -> Choice:
    """Return what runs each component.

    Args:
        graph: The graph.
        wanted: `own` runs each on exactly the release that its image names, `installed` all on the
            installed one, a release all on that. None is `own`, but the installed release stands
            for others of its minor.

    Raises:
        ReleaseOptionError: It is none of these.
        RuntimeUnavailableError: A release is older than anything that can run here.
    """
    check_option(wanted)
    installed = installed_release()
    fixed = Release.parse(wanted or "")
    named: dict[str, Release] = {}
    elsewhere: dict[str, Release] = {}
    for component in graph.components:
        said = release_of(component)
        if said.said:
            named[component.name] = Release.parse(said.numbers or "") or said.known
        # The tag of somebody's own image may be a number of its own.
        is_certain = wanted == OWN or said.fit is not Fit.LIKELY
        release = fixed or (named.get(component.name) if is_certain else None)
        if release is None or wanted == INSTALLED or release == installed:
            continue
        if wanted is None and release.line == installed.line:
            continue
        elsewhere[component.name] = release
    _check_age(elsewhere)
    return Choice(installed=installed, elsewhere=elsewhere, named=named)


def _check_age(elsewhere: Mapping[str, Release]) -> None:
    for component, release in elsewhere.items():
        if release.line < FIRST:
            first = ".".join(map(str, FIRST))
            raise RuntimeUnavailableError(
                f"component {component} is to run on Dynamo {release}, whose components were "
                f"classes of an SDK that none has since {first}, the oldest that runs here"
            )
