"""What of a graph another release than the installed one runs, and what that needs here."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from dynamo_conformance.runtimes import choice as releases
from dynamo_conformance.runtimes.environment import (
    RuntimeUnavailableError,
    environment,
    place,
)
from dynamo_conformance.runtimes.servers import servers, wait_listening
from dynamo_conformance.runtimes.surroundings import adaptations, lay_out, surroundings
from dynamo_conformance.targets import MOCK
from dynamo_conformance.targets.interface import Change, DeployFailure
from dynamo_conformance.targets.local.component_process import ProcessStart
from dynamo_conformance.targets.local.run_environment import MACHINE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from dynamo_conformance.engines.releases import Release
    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.runtimes.choice import Choice
    from dynamo_conformance.runtimes.environment import RuntimeEnvironment
    from dynamo_conformance.runtimes.servers import Server
    from dynamo_conformance.runtimes.surroundings import Surroundings
    from dynamo_conformance.targets.local.port_reservations import Ports

SERVERS: Final = "servers"
"""The folder of a run for what servers keep."""

_INSTEAD: Final = "--release installed runs it on the installed release instead"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnReleases:
    """The releases of a graph, and their environments.

    Attributes:
        choice: What runs each component.
        environments: The environment of each release that needs one.
        servers: What runs beside the graph.
    """

    choice: Choice
    environments: Mapping[Release, RuntimeEnvironment] = field(default_factory=dict)
    servers: tuple[Server, ...] = ()

    def beside(self, run: Path, ports: Ports) -> OwnReleases:
        """Return it with the servers that have to run beside the graph.

        Raises:
            DeployFailure: One is not installed.
        """
        used = (made.release for made in self.environments.values())
        with _as_failure():
            needed = servers(used, folder=run / SERVERS, port=lambda: ports.take(0))
        return replace(self, servers=needed)

    def starts(self, run: Path, base: Mapping[str, str]) -> tuple[ProcessStart, ...]:
        """Return the servers as processes of the graph."""
        return tuple(
            ProcessStart(name=server.program, argv=server.argv, env=dict(base), cwd=run)
            for server in self.servers
        )

    def wait(self, *, check: Callable[[], None]) -> None:
        """Return once all servers take connections.

        Raises:
            DeployFailure: One does not, or has ended.
        """
        with _as_failure():
            wait_listening(self.servers, check=check)

    def around(self, run: Path, base: Mapping[str, str]) -> dict[str, Surroundings]:
        """Return what is around each component that another release runs."""
        return {
            component: surroundings(
                self.environments[release], run=run, base=base, servers=self.servers
            )
            for component, release in self.choice.elsewhere.items()
        }

    def changes(self) -> Iterator[Change]:
        """Yield what is said of it once, for the whole graph."""
        for wanted, made in self.environments.items():
            chosen = self.choice.elsewhere.items()
            run = ", ".join(name for name, release in chosen if release == wanted)
            where = f"Dynamo {made.release}"
            yield Change(where, f"in an environment of its own it runs {run}")
            yield from (Change(where, what) for what in adaptations(made.release))
        if self.choice.ignored:
            names = ", ".join(map(str, self.choice.ignored))
            what = f"Dynamo {self.choice.installed}, which is installed, runs what names {names}"
            yield Change(MACHINE, what)


def own_releases(
    graph: Graph,
    *,
    wanted: str | None,
    engine: str,
    make: bool,
    progress: Callable[[str], None] = lambda _line: None,
) -> OwnReleases:
    """Return what runs a graph.

    Args:
        graph: The graph.
        wanted: As `runtimes.choice.choose` takes it.
        engine: The engine; only the mock engine plays on another release than the installed one.
        make: Whether environments are made that are not there.
        progress: Is called with what takes time.

    Raises:
        DeployFailure: A release cannot be run here.
    """
    if engine != MOCK:
        if wanted not in (None, releases.INSTALLED):
            raise DeployFailure(
                f"--engine={engine} runs the engine that is installed, on the release beside it",
                cause="leave out --release; environments of other releases hold no engine",
            )
        wanted = releases.INSTALLED
    with _as_failure():
        choice = releases.choose(graph, wanted)
        get = (lambda release: environment(release, progress=progress)) if make else place
        return OwnReleases(
            choice=choice, environments={release: get(release) for release in choice.releases}
        )


def prepare(run: Path) -> None:
    """Make what processes of other releases find in a run's folder."""
    lay_out(run)
    (run / SERVERS).mkdir(parents=True, exist_ok=True)


@contextmanager
def _as_failure() -> Iterator[None]:
    """Say of what cannot run here that the graph does not come up."""
    try:
        yield
    except RuntimeUnavailableError as error:
        cause = f"{error.cause}; {_INSTEAD}" if error.cause else _INSTEAD
        raise DeployFailure(str(error), cause=cause) from error
    except releases.ReleaseOptionError as error:
        raise DeployFailure(str(error)) from error
