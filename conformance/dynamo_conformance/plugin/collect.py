"""The plugin's collectors: files to graphs, graphs to checks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NoReturn

import pytest

from dynamo_conformance.engines.legacy import legacy_release
from dynamo_conformance.engines.serving import serving
from dynamo_conformance.lint.check import is_other_json
from dynamo_conformance.manifest.config_maps import usable_config_maps
from dynamo_conformance.manifest.document import read_documents, read_file, read_text
from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.graph import EPP
from dynamo_conformance.manifest.read import read_graph
from dynamo_conformance.plugin.items import (
    CHANGE,
    LINT,
    READY,
    WHERE,
    CheckFailure,
    InterruptItem,
    LintItem,
    ProbeItem,
    ReadyItem,
)
from dynamo_conformance.plugin.options import SCRIPT, engine_of, profile_of, release_of
from dynamo_conformance.plugin.progress import progress_of
from dynamo_conformance.probes.areas import ProbeSourceError, load_probes
from dynamo_conformance.probes.exchange import CannotShow, Unjudged
from dynamo_conformance.probes.run import chosen
from dynamo_conformance.rendering import backend
from dynamo_conformance.rendering.kubelet import resolved
from dynamo_conformance.targets import CPU, MOCK
from dynamo_conformance.targets.interface import DeployFailure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from dynamo_conformance.engines.releases import Release
    from dynamo_conformance.engines.serving import Serving
    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.plugin.items import Judged
    from dynamo_conformance.plugin.jobs import GraphRun
    from dynamo_conformance.probes.exchange import JsonObject
    from dynamo_conformance.probes.probe import Probe

CTRL_C = "ctrl-c"
LOCAL, COMPOSE = "local", "compose"


class ManifestFile(pytest.File):
    """A YAML file that holds graphs; other YAML files collect to nothing."""

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        """Yield the lint item, then the checks of each graph on the target."""
        try:
            text = read_text(self.path)
            named = self.session.isinitpath(self.path)
            if not named and is_other_json(text, file=self.path.name):
                return
            documents = tuple(read_documents(text, file=str(self.path)))
        except ManifestError:
            yield LintItem.from_parent(self, name=LINT)
            return
        described = [document for document in documents if document.version is not None]
        if not described:
            return
        yield LintItem.from_parent(self, name=LINT)
        # The graph that is to be served reports what is wrong with one of them.
        beside = usable_config_maps(documents)
        level: str = self.config.getoption("--dynamo-target") or LOCAL
        for index, document in enumerate(described):
            try:
                graph = replace(read_graph(document), config_maps=beside)
            except ManifestError:
                continue  # The lint item reports what is wrong with it.
            if _is_left_out(graph, self):
                continue
            name = level if len(described) == 1 else f"{level}-{graph.name or index}"
            yield GraphCollector.from_parent(
                self,
                name=name,
                level=level,
                promised=serving(resolved(graph) if level == LOCAL else graph),
                graph=graph,
                engine=backend.known_backend(graph),
                out_of_reach=_out_of_reach(graph, self.config),
            )


def _out_of_reach(graph: Graph, config: pytest.Config) -> str:
    """Return why no target here can run a graph, or nothing."""
    if why := _of_the_sdk(graph) or _beyond_release(graph, config):
        return why
    target, engine = config.getoption("--dynamo-target"), engine_of(config)
    if why := _beyond_cpus(graph, config):
        return why
    if target in ("kind", "cluster") and any(part.type == EPP for part in graph.components):
        return (
            "an endpoint picker is asked by a gateway, which is no part of the graph: give "
            "--dynamo-url the gateway's address"
        )
    if (target, engine) == ("kind", MOCK):
        spread = [component for component in graph.components if component.node_count > 1]
        if any(backend.detect(component) == backend.TRTLLM for component in spread):
            return (
                "TensorRT-LLM's leader starts the other nodes' ranks with mpirun over ssh, and the "
                "mock engine's image has neither"
            )
    return ""


def _of_the_sdk(graph: Graph) -> str:
    """Return why none but its own release runs a graph, where that is so; else nothing."""
    old = legacy_release(graph)
    if old is None:
        return ""
    return (
        f"Dynamo {old} alone runs it: its components were classes of an SDK, which no later "
        "release, operator or mock engine has"
    )


def runs_on(graph: Graph | None, config: pytest.Config) -> Mapping[str, Release]:
    """Return the release of each component that does not run on the installed one.

    Raises:
        RuntimeUnavailableError: One is older than anything that runs here.
    """
    is_local = config.getoption("--dynamo-target") in (None, LOCAL)
    if graph is None or not is_local or engine_of(config) != MOCK:
        return {}
    from dynamo_conformance.runtimes.choice import choose

    return choose(graph, release_of(config)).elsewhere


def _beyond_release(graph: Graph, config: pytest.Config) -> str:
    """Return why the release that is to run a graph does not, or nothing.

    What an image's own release refuses is the manifest's fault, and fails.
    """
    from dynamo_conformance.runtimes.choice import OWN
    from dynamo_conformance.runtimes.environment import RuntimeUnavailableError
    from dynamo_conformance.runtimes.refusal import refusal
    from dynamo_conformance.runtimes.servers import missing

    try:
        elsewhere = runs_on(graph, config)
    except RuntimeUnavailableError as error:
        return str(error)
    if why := next(filter(None, map(missing, sorted(set(elsewhere.values())))), ""):
        return why
    named = release_of(config) not in (None, OWN)
    return refusal(graph, elsewhere) if named else ""


def _is_left_out(graph: Graph, file: pytest.File) -> bool:
    """Whether the engine of a graph is to serve on a CPU, and is not here; it is counted."""
    if engine_of(file.config) != CPU:
        return False
    from dynamo_conformance.cpu_engine.limits import is_here

    engine = backend.known_backend(graph)
    if is_here(engine, in_image=file.config.getoption("--dynamo-target") == "kind"):
        return False
    file.config.stash.setdefault(LEFT_OUT, {})[file.nodeid] = str(engine)
    return True


LEFT_OUT = pytest.StashKey[dict[str, str]]()
"""Files whose engine is not in this environment, with its name."""


def _beyond_cpus(graph: Graph, config: pytest.Config) -> str:
    """Return why no CPU serves a graph, where one is to; else nothing."""
    if engine_of(config) != CPU:
        return ""
    from dynamo_conformance.cpu_engine.limits import out_of_reach

    return out_of_reach(graph)


class LaunchFile(pytest.File):
    """A file in launch/local or launch/compose.

    The manifest of the same name promises what it must serve.
    """

    level = SCRIPT

    def collect(self) -> Iterator[pytest.Collector]:
        """Yield the checks of the graph that is started with the file."""
        manifest = self.path.parent.parent / "k8s" / f"{self.path.stem}.yaml"
        documents = read_file(manifest) if manifest.is_file() else ()
        graphs = [read_graph(document) for document in documents if document.version is not None]
        if graphs and _is_left_out(graphs[0], self):
            return
        yield GraphCollector.from_parent(
            self,
            name=self.level,
            level=self.level,
            promised=serving(graphs[0]) if graphs else None,
            engine=backend.known_backend(graphs[0]) if graphs else None,
            out_of_reach=_of_the_sdk(graphs[0]) or _beyond_cpus(graphs[0], self.config)
            if graphs
            else "",
        )


def probes_of(config: pytest.Config, level: str) -> tuple[Probe, ...]:
    """Return the probes that a run asks of each graph at a level.

    Raises:
        pytest.Collector.CollectError: Another package adds some that cannot be used.
    """
    kept = config.stash.setdefault(PROBES, {})
    if level not in kept:
        ids = tuple(config.getoption("--dynamo-probe"))
        try:
            probes = chosen(
                load_probes(),
                profile=profile_of(config, level),
                ids=ids,
                disturbing=LIFE in config.getoption("markexpr"),
            )
        except ProbeSourceError as error:
            raise pytest.Collector.CollectError(str(error)) from error
        is_start_alone = level == SCRIPT and not (ids or config.getoption("--dynamo-profile"))
        areas = SCRIPT_AREAS if is_start_alone else {probe.area for probe in probes}
        kept[level] = tuple(probe for probe in probes if probe.area in areas)
    return kept[level]


LIFE: Final = "life"
"""The marker of probes that disturb a graph: they are asked where `-m` names it."""

SCRIPT_AREAS: Final = frozenset({"models", "chat", "graph"})
"""What is asked of a script: it starts what a manifest starts, which is asked everything."""

PROBES = pytest.StashKey[dict[str, tuple["Probe", ...]]]()


class ComposeFile(LaunchFile):
    """A file in launch/compose, which Docker Compose starts."""

    level = COMPOSE


class GraphCollector(pytest.Collector):
    """`FILE::local`, `FILE.sh::script`, `FILE::kind`, ...: a graph that is served somewhere.

    Its checks are carried out by a job, beside those of other graphs; see `plugin.jobs`.

    Attributes:
        level: The level of its checks.
        promised: What it must serve, where that is known.
        graph: The graph; None when a script or a compose file decides what is started.
        engine: The engine that its manifest names.
        out_of_reach: Why no target here can run it: then there is one check, which reports that.
        run: What serves it, as soon as something does.
    """

    def __init__(
        self,
        *,
        name: str,
        parent: pytest.Collector,
        level: str,
        promised: Serving | None,
        graph: Graph | None = None,
        engine: str | None = None,
        out_of_reach: str = "",
        nodeid: str | None = None,
    ) -> None:
        super().__init__(name, parent, nodeid=nodeid)
        self.add_marker(pytest.mark.e2e)
        self.level = level
        self.promised = promised
        self.graph = graph
        self.engine = engine
        self.out_of_reach = out_of_reach
        self.run: GraphRun | None = None
        self._reported_by = ""

    @property
    def release(self) -> str:
        """The release that runs it, where that is one other than the installed one, else empty.

        Of a graph on several releases it is the newest.
        """
        if self.out_of_reach:
            return release_of(self.config) or ""
        releases = runs_on(self.graph, self.config).values()
        return str(max(releases)) if releases else ""

    def describe(self, graph: Graph) -> None:
        """Note the graph, and so what it promises, where that is found out by the run."""
        self.graph, self.promised, self.engine = graph, serving(graph), backend.known_backend(graph)

    @property
    def artifacts(self) -> Path:
        """Return the folder in which what is known of this graph is kept when a check fails."""
        base: Path = self.config.getoption("--dynamo-artifacts")
        return base / self.nodeid.replace("::", "/").replace("..", "_")

    def collect(self) -> Iterator[pytest.Item]:
        """Yield `ready`, every probe, and for a script that Ctrl-C ends all of it."""
        yield ReadyItem.from_parent(self, name=READY)
        if self.out_of_reach:
            return
        for probe in probes_of(self.config, self.level):
            yield ProbeItem.from_parent(self, name=probe.id, probe=probe)
        if self.level == SCRIPT:
            yield InterruptItem.from_parent(self, name=CTRL_C)

    @property
    def checks(self) -> tuple[str, ...]:
        """The names of all checks, without making items of them."""
        if self.out_of_reach:
            return (READY,)
        probes = (probe.id for probe in probes_of(self.config, self.level))
        return (READY, *probes, *((CTRL_C,) if self.level == SCRIPT else ()))

    def check_ready(self) -> tuple[str, ...]:
        """Wait until the graph answers; return what a reader should know about how it came up.

        Raises:
            CannotShow: No target here can run it.
            DeployFailure: What kept it from answering.
        """
        if self.out_of_reach:
            raise CannotShow(self.out_of_reach)
        run = self._wait_ready(READY)
        first = run.graphs[0]
        served = () if first is self else (f"served once, as {first.nodeid}",)
        return (*run.remarks, *served)

    def wait(self, check: str) -> Judged | None:
        """Wait until the check has been carried out; return the result of a probe."""
        run = self._wait_ready(check)
        return run.job.wait(check, meanwhile=progress_of(self.config).write)

    @property
    def served(self) -> JsonObject:
        """What was found out of the graph that answers."""
        return self.run.served if self.run is not None else {}

    def properties(self, check: str) -> list[tuple[str, object]]:
        """Return the digest of what was deployed, and when the check had ended.

        With `ready` also where that was, and what was different from the published file.
        """
        if self.run is None:
            return []
        properties: list[tuple[str, object]] = [
            *self.run.proof.items(),
            ("seconds", round(self.run.job.took.get(check, 0.0), 2)),
        ]
        if check == READY:
            where = self.run.session.where
            properties += [(WHERE, where)] if where else []
            properties += [(CHANGE, str(change)) for change in self.run.changes]
        return properties

    def _wait_ready(self, check: str) -> GraphRun:
        if self.run is None:
            raise CheckFailure("not carried out: the run was ended before it")
        try:
            self.run.job.wait(READY, meanwhile=progress_of(self.config).write)
        except (DeployFailure, OSError) as failure:
            self._not_started(failure, check)
        return self.run

    def _not_started(self, failure: BaseException, check: str) -> NoReturn:
        """Raise what kept the graph from coming up, for the first check that asks for it.

        Raises:
            Unjudged: Another check has failed for it.
            BaseException: The failure.
        """
        if self._reported_by and self._reported_by != check:
            raise Unjudged(f"the graph did not come up, see `{self._reported_by}`")
        self._reported_by = check
        raise failure
