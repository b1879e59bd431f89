"""The plugin's collectors and items: files to graphs, graphs to checks."""

from __future__ import annotations

import shutil
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from dynamo_conformance.engines.legacy import legacy_release
from dynamo_conformance.engines.serving import serving
from dynamo_conformance.lint.check import check_file, is_other_json
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.output.text import findings as finding_texts
from dynamo_conformance.lint.pyproject import find_settings
from dynamo_conformance.manifest.config_maps import config_maps, usable_config_maps
from dynamo_conformance.manifest.document import read_documents, read_file, read_text
from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.masking import masked
from dynamo_conformance.manifest.read import read_graph
from dynamo_conformance.plugin.progress import progress_of
from dynamo_conformance.plugin.stash import SHOWN, Shown
from dynamo_conformance.plugin.table import Outcome
from dynamo_conformance.plugin.unsupported import MARK, NOT_RUN
from dynamo_conformance.probes.probe import (
    Endpoint,
    NotRun,
    Probe,
    ProbeFailure,
    Unsupported,
    load_probes,
)
from dynamo_conformance.rendering import backend
from dynamo_conformance.rendering.kubelet import resolved
from dynamo_conformance.targets.interface import DeployFailure
from dynamo_conformance.targets.readiness import wait_ready

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from dynamo_conformance.engines.serving import Serving
    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.plugin.schedule import Job
    from dynamo_conformance.targets.compose.deployment import ComposeDeployment
    from dynamo_conformance.targets.interface import Change, Deployment
    from dynamo_conformance.targets.local.local_script import ScriptDeployment

LINT, LOCAL, SCRIPT, COMPOSE = "lint", "local", "script", "compose"
READY = "ready"
EXIT_UNAVAILABLE = 3
"""pytest's own code for an error that is not the tests'."""

COMPOSE_IMAGE = pytest.StashKey[str | None]()
"""The image that stands for those which compose files name, or None for these themselves."""

CHANGE = "dynamo-change"
"""The user property that tells one thing that was different from the published file."""
WHERE = "dynamo-where"
"""The user property that tells where a graph ran, when that is not the same everywhere."""


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
        described = [one for one in documents if one.version is not None]
        if not described:
            return
        yield LintItem.from_parent(self, name=LINT)
        # What is wrong with one of them, the graph that is to be served says.
        beside = usable_config_maps(documents)
        level: str = self.config.getoption("--dynamo-target") or LOCAL
        kind = GraphOnTarget if level == LOCAL else GraphInCluster
        for index, document in enumerate(described):
            try:
                graph = replace(read_graph(document), config_maps=beside)
            except ManifestError:
                continue  # The lint item says what is wrong with it.
            name = level if len(described) == 1 else f"{level}-{graph.name or index}"
            reason = _out_of_reach(graph, self.config)
            if reason:
                yield OutOfReach.from_parent(self, name=name, reason=reason)
            else:
                yield kind.from_parent(self, name=name, graph=graph)


def _out_of_reach(graph: Graph, config: pytest.Config) -> str:
    """Return why no target here can run a graph, or nothing."""
    old = legacy_release(graph)
    if old is not None:
        return (
            f"Dynamo {old} alone runs it: its components were classes of an SDK, which no later "
            "release, operator or mock engine has"
        )
    target, engine = (config.getoption(f"--dynamo-{one}") for one in ("target", "engine"))
    if (target, engine) == ("kind", "mock"):
        spread = [one for one in graph.components if one.node_count > 1]
        if any(backend.detect(one) == backend.TRTLLM for one in spread):
            return (
                "TensorRT-LLM's leader starts the other nodes' ranks with mpirun over ssh, and the "
                "mock engine's image has neither"
            )
    return ""


class ScriptFile(pytest.File):
    """A script in launch/local; the manifest of the same name says what it must serve."""

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        """Yield the checks of the graph that the script starts."""
        yield ScriptOnTarget.from_parent(self, name=SCRIPT, promised=_promised(self.path))


class ComposeFile(pytest.File):
    """A file in launch/compose; the manifest of the same name says what it must serve."""

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        """Yield the checks of the graph that Docker Compose starts."""
        yield ComposeOnTarget.from_parent(self, name=COMPOSE, promised=_promised(self.path))


def _promised(path: Path) -> Serving | None:
    """Return what the manifest promises that has the name of another form of the graph."""
    manifest = path.parent.parent / "k8s" / f"{path.stem}.yaml"
    if not manifest.is_file():
        return None
    graphs = [read_graph(one) for one in read_file(manifest) if one.version is not None]
    return serving(graphs[0]) if graphs else None


class ConformanceItem(pytest.Item):
    """One check, with its line in the closing table."""

    level = LINT

    @property
    def shown(self) -> Shown:
        """What the closing table is to say of it; the report of the check carries it there."""
        return self.stash.setdefault(SHOWN, Shown(self.level, self.name, Outcome.FAIL))

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Say where the check is, for pytest's reports."""
        return self.path, None, self.nodeid.partition("::")[2]

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], *_args: object, **_kwargs: object
    ) -> str:
        """Show a check's own words; anything else is a fault of ours and keeps its traceback.

        The terminal, JUnit and the page of a run have it from here: no secret is in it.
        """
        if isinstance(excinfo.value, ProbeFailure | DeployFailure | LintFailure):
            return masked(str(excinfo.value))
        return masked(str(super().repr_failure(excinfo)))


class LintFailure(AssertionError):  # noqa: N818 - an outcome
    """A manifest with errors."""


class LintItem(ConformanceItem):
    """`FILE::lint`: the manifest has no error."""

    def __init__(self, *, name: str, parent: pytest.Collector) -> None:
        super().__init__(name, parent)
        self.add_marker(pytest.mark.lint)

    def runtest(self) -> None:
        """Fail on any finding that is an error; other findings are shown in the table."""
        # The very check of `dynamo lint FILE`, with the settings that hold where pytest runs.
        settings = find_settings(self.config.invocation_params.dir)
        documents = check_file(self.path, settings.options)
        findings = [one for document in documents for one in document.findings]
        errors = [one for one in findings if one.severity is Severity.ERROR]
        others = sorted({one.rule for one in findings if one.severity is not Severity.ERROR})
        self.shown.notes += others
        if errors:
            raise LintFailure("\n".join(finding_texts(errors)))
        self.shown.outcome = Outcome.PASS


class Example(pytest.Collector):
    """A graph that is served somewhere, and the checks of it."""

    level = LOCAL

    def __init__(self, *, name: str, parent: pytest.Collector, promised: Serving | None) -> None:
        super().__init__(name, parent)
        self.add_marker(pytest.mark.e2e)
        self.promised = promised
        self._told_by = ""

    def not_started(self, failure: BaseException, check: str) -> NoReturn:
        """Raise what kept the graph from coming up, for the first check that asks for it.

        Raises:
            NotRun: Another check has failed for it.
            BaseException: The failure.
        """
        if self._told_by and self._told_by != check:
            raise NotRun(f"the graph did not come up, see `{self._told_by}`")
        self._told_by = check
        raise failure

    @property
    def artifacts(self) -> Path:
        """Return the folder in which what is known of this example is kept when a check fails."""
        base: Path = self.config.getoption("--dynamo-artifacts")
        return base / self.nodeid.replace("::", "/").replace("..", "_")

    def collect(self) -> Iterator[pytest.Item]:
        """Yield `ready`, then every probe that applies to the graph."""
        yield ReadyItem.from_parent(self, name=READY)
        for probe in load_probes():
            if probe.applies(self.promised):
                yield ProbeItem.from_parent(self, name=probe.id, probe=probe)

    def check_ready(self) -> tuple[str, ...]:
        """Return when the graph answers, with what a reader should know about how it came up.

        Raises:
            DeployFailure: What kept it from answering.
        """
        raise NotImplementedError

    def check_probe(self, probe: Probe) -> None:
        """Return when a probe has passed."""
        raise NotImplementedError

    def properties(self, _check: str) -> list[tuple[str, object]]:
        """Return what JUnit is told about a check beside its outcome."""
        return []


class OutOfReach(Example):
    """A graph that no target here can run: one check, which says so."""

    def __init__(self, *, name: str, parent: pytest.Collector, reason: str) -> None:
        super().__init__(name=name, parent=parent, promised=None)
        self.reason = reason
        self.level = self.config.getoption("--dynamo-target") or LOCAL

    def collect(self) -> Iterator[pytest.Item]:
        """Yield `ready` alone."""
        yield ReadyItem.from_parent(self, name=READY)

    def check_ready(self) -> tuple[str, ...]:
        """Say why it is not served.

        Raises:
            Unsupported: Always.
        """
        raise Unsupported(self.reason)


class OnTarget(Example):
    """A graph that is started when its first check runs, and ended after its last one."""

    def __init__(self, *, name: str, parent: pytest.Collector, promised: Serving | None) -> None:
        super().__init__(name=name, parent=parent, promised=promised)
        self.endpoint: Endpoint | None = None
        self.failure: DeployFailure | None = None
        self.failed_checks = 0
        self.ready_after = 0.0
        self.changes: tuple[Change, ...] = ()
        self._stack = ExitStack()

    def deploy(self) -> AbstractContextManager[Deployment]:
        """Start the graph."""
        raise NotImplementedError

    def setup(self) -> None:
        """Start the graph and wait until it answers; what goes wrong is told by `ready`."""
        try:
            deployment = self._stack.enter_context(self.deploy())
            ready = wait_ready(
                deployment,
                model=self.promised.model if self.promised is not None else None,
                timeout=self.config.getoption("--dynamo-timeout"),
                embeds=self.promised is not None and self.promised.embeds,
            )
        except DeployFailure as failure:
            self.failure = failure
            return
        self.ready_after = ready.ready_after
        self.changes = deployment.changes
        self.endpoint = Endpoint(
            url=deployment.url,
            model=ready.model,
            serving=self.promised,
            workers=deployment.workers,
        )

    def teardown(self) -> None:
        """End everything that was started."""
        self._stack.close()

    def check_ready(self) -> tuple[str, ...]:
        """Return when the graph answers."""
        self.reached(READY)
        return (f"ready in {self.ready_after:.1f} s",)

    def check_probe(self, probe: Probe) -> None:
        """Carry the probe out, now."""
        probe.run(self.reached(probe.id))

    def reached(self, check: str) -> Endpoint:
        """Return the graph's address, for a check that is to ask it.

        Raises:
            NotRun: The graph did not come up, as another check has said.
            DeployFailure: What kept it from coming up.
        """
        if self.endpoint is None:
            self.not_started(self.failure or DeployFailure("the graph was not started"), check)
        return self.endpoint

    def properties(self, check: str) -> list[tuple[str, object]]:
        """Return what was different from the published file."""
        return _properties(self.changes, check)

    def keep_logs(self, logs: Path) -> None:
        """Keep the logs when anything went wrong."""
        if self.failure is not None or self.failed_checks:
            shutil.copytree(logs, self.artifacts, dirs_exist_ok=True, copy_function=_copy_masked)


class GraphOnTarget(OnTarget):
    """`FILE::local`: a manifest's graph as processes of this machine."""

    def __init__(self, *, name: str, parent: pytest.Collector, graph: Graph) -> None:
        super().__init__(name=name, parent=parent, promised=serving(resolved(graph)))
        self.graph = graph

    def deploy(self) -> AbstractContextManager[Deployment]:
        """Start the graph's pods as processes.

        Raises:
            DeployFailure: A ConfigMap beside the graph is one that no cluster takes.
        """
        from dynamo_conformance.targets.local.deployment import LocalTarget

        try:
            config_maps(read_file(self.path))
        except ManifestError as error:
            raise DeployFailure(str(error)) from error
        engine: str = self.config.getoption("--dynamo-engine")
        target = LocalTarget(engine=engine, at_end=self.keep_logs)
        return target.deploy(self.graph)


class ScriptOnTarget(OnTarget):
    """`FILE.sh::script`: a script, run as published."""

    level = SCRIPT

    def __init__(self, *, name: str, parent: pytest.Collector, promised: Serving | None) -> None:
        super().__init__(name=name, parent=parent, promised=promised)
        self.script: ScriptDeployment | None = None

    def collect(self) -> Iterator[pytest.Item]:
        """Yield the checks of the graph, and last that Ctrl-C ends all of it."""
        yield from super().collect()
        yield InterruptItem.from_parent(self, name="ctrl-c")

    @contextmanager
    def deploy(self) -> Iterator[ScriptDeployment]:
        """Start the script."""
        from dynamo_conformance.targets.local.local_script import run_script

        engine: str = self.config.getoption("--dynamo-engine")
        with run_script(
            self.path, serving=self.promised, engine=engine, at_end=self.keep_logs
        ) as deployment:
            self.script = deployment
            yield deployment


class ComposeOnTarget(OnTarget):
    """`FILE.yaml::compose`: a compose file, run as published."""

    level = COMPOSE

    def deploy(self) -> AbstractContextManager[ComposeDeployment]:
        """Start the compose file."""
        from dynamo_conformance.targets.compose.deployment import run_compose

        image = self.config.stash[COMPOSE_IMAGE]
        return run_compose(self.path, serving=self.promised, image=image, at_end=self.keep_logs)


class GraphInCluster(Example):
    """`FILE::kind` or `FILE::cluster`: a manifest's graph, in a cluster.

    Its checks are carried out by a job, beside those of other examples; see `plugin.fleet`.
    """

    def __init__(self, *, name: str, parent: pytest.Collector, graph: Graph) -> None:
        super().__init__(name=name, parent=parent, promised=serving(graph))
        self.graph = graph
        self.level = self.config.getoption("--dynamo-target")
        self.job: Job | None = None
        self.remarks: list[str] = []
        self.sha256 = ""
        self.where = ""
        self.changes: tuple[Change, ...] = ()

    def check_ready(self) -> tuple[str, ...]:
        """Wait until the graph answers."""
        try:
            self._wait(READY)
        except DeployFailure as failure:
            self.not_started(failure, READY)
        return tuple(self.remarks)

    def check_probe(self, probe: Probe) -> None:
        """Wait until the probe has been carried out."""
        try:
            self._wait(READY)
        except DeployFailure as failure:
            self.not_started(failure, probe.id)
        self._wait(probe.id)

    def properties(self, check: str) -> list[tuple[str, object]]:
        """Return which bytes were applied, and after how many seconds the check had ended."""
        took = self.job.took.get(check, 0.0) if self.job is not None else 0.0
        found = [("manifest-sha256", self.sha256), ("seconds", round(took, 2))]
        where = [(WHERE, self.where)] if check == READY and self.where else []
        return [*found, *where, *_properties(self.changes, check)]

    def _wait(self, check: str) -> None:
        if self.job is None:
            raise ProbeFailure("not carried out: the run was ended before it")
        self.job.wait(check, meanwhile=progress_of(self.config).write)


def _copy_masked(source: str, target: str) -> None:
    """Copy a log line by line, without secrets; others may see what is kept of a failure."""
    with Path(source).open("rb") as log, Path(target).open("wb") as copy:
        for line in log:
            text = masked(line.decode(errors="surrogateescape"))
            copy.write(text.encode(errors="surrogateescape"))


def _properties(changes: tuple[Change, ...], check: str) -> list[tuple[str, object]]:
    return [(CHANGE, str(one)) for one in changes] if check == READY else []


class CheckOnTarget(ConformanceItem):
    """A check of a graph that is up; a failed one keeps what is known of the graph."""

    def __init__(self, *, name: str, parent: Example) -> None:
        super().__init__(name, parent)
        self.target = parent
        self.level = parent.level

    def runtest(self) -> None:
        """Carry out the check and note its outcome for the table."""
        try:
            self.check()
        except Unsupported as reason:
            self.shown.outcome = Outcome.UNSUPPORTED
            why = masked(str(reason))
            self.shown.notes.append(why)
            pytest.skip(f"{MARK}{why}")
        except NotRun as reason:
            self.shown.outcome = Outcome.NOT_RUN
            pytest.skip(f"{NOT_RUN}{masked(str(reason))}")
        except BaseException:
            if isinstance(self.target, OnTarget):
                self.target.failed_checks += 1
            raise
        finally:
            self.user_properties += self.target.properties(self.name)
        self.shown.outcome = Outcome.PASS

    def check(self) -> None:
        """Return when all is well."""
        raise NotImplementedError


class ReadyItem(CheckOnTarget):
    """The graph answers, several times in a row."""

    def check(self) -> None:
        """Raise what kept the graph from answering."""
        self.shown.notes += self.target.check_ready()


class ProbeItem(CheckOnTarget):
    """One probe of the endpoint."""

    def __init__(self, *, name: str, parent: Example, probe: Probe) -> None:
        super().__init__(name=name, parent=parent)
        self.probe = probe

    def check(self) -> None:
        """Run the probe."""
        self.target.check_probe(self.probe)


class InterruptItem(CheckOnTarget):
    """Ctrl-C ends a script and everything that it started."""

    def check(self) -> None:
        """Press Ctrl-C and look for what is left."""
        target = self.target
        assert isinstance(target, ScriptOnTarget)  # noqa: S101 - narrows for the type checker
        target.reached(self.name)
        if target.script is not None:
            target.script.interrupt()
