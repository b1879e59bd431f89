"""The pytest plugin: every manifest and every local script is a collector, every check an item.

`agg.yaml::lint`, `agg.yaml::local::chat-stream`, `agg.sh::script::chat-stream`. A graph is deployed
once per file and target. In a repository that is not ours nothing happens unless paths are given,
and no script is run unless a target is asked for.
"""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from dynamo_conformance.plugin.collect import ConformanceItem

TARGETS = ("local", "compose", "kind", "cluster")
OPERATORS = ("auto", "reference", "real")
KUBECONFIG_VARIABLE = "DYN_CONFORMANCE_KUBECONFIG"
CONTEXT_VARIABLE = "DYN_CONFORMANCE_KUBE_CONTEXT"
NODE_IMAGE_VARIABLE = "DYN_CONFORMANCE_NODE_IMAGE"
COMPOSE = "compose"
SCRIPTS_INI = "dynamo_scripts"
K8S_FOLDER, LOCAL_FOLDER, COMPOSE_FOLDER, LAUNCH_FOLDER = "k8s", "local", "compose", "launch"
MANIFESTS, SCRIPT = (".yaml", ".yml", ".json"), ".sh"
GRAPH_KIND = b"DynamoGraphDeployment"
SHOWN_IN_REPORT = "dynamo_shown"
PASSED_OVER = pytest.StashKey[list[Path]]()
CHANGED = pytest.StashKey[frozenset[Path]]()
DEFAULT_TIMEOUT = 120.0
DEFAULT_ARTIFACTS = "build/conformance"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options; `pytest --help` shows them in a group of their own."""
    group = parser.getgroup("dynamo", "Dynamo conformance")
    group.addoption(
        "--dynamo-target",
        choices=TARGETS,
        help="where graphs are run (default: local)",
    )
    group.addoption(
        "--dynamo-engine",
        choices=("mock", "real"),
        default="mock",
        help="mock plays the engines without a GPU, real uses what is installed (default: mock)",
    )
    group.addoption(
        "--dynamo-timeout",
        type=float,
        default=DEFAULT_TIMEOUT,
        metavar="SECONDS",
        help=f"how long a graph may take to answer (default: {DEFAULT_TIMEOUT:.0f})",
    )
    group.addoption(
        "--dynamo-artifacts",
        type=Path,
        default=Path(DEFAULT_ARTIFACTS),
        metavar="DIR",
        help=f"where the logs of failed examples are kept (default: {DEFAULT_ARTIFACTS})",
    )
    group.addoption(
        "--dynamo-changed-since",
        metavar="REF",
        help="only examples that differ from a git revision: their manifest, scripts, components, "
        "and the files these name",
    )
    group.addoption(
        "--dynamo-ledger",
        type=Path,
        metavar="FILE",
        help="write what this run proves into FILE, the ledger in the folder of the examples",
    )
    group.addoption(
        "--dynamo-compare",
        type=Path,
        metavar="FILE",
        help="fail when this run shows less of an example than the ledger FILE says",
    )
    group.addoption(
        "--dynamo-report",
        type=Path,
        metavar="FILE",
        help="write what this run saw as one HTML page",
    )
    _add_cluster_options(parser.getgroup("dynamo-cluster", "Dynamo conformance in a cluster"))
    parser.addini(SCRIPTS_INI, "run launch/local/*.sh too", type="bool", default=False)


def _add_cluster_options(group: pytest.OptionGroup) -> None:
    """Declare what only the targets `kind` and `cluster` look at."""
    group.addoption(
        "--kubeconfig",
        type=Path,
        default=os.environ.get(KUBECONFIG_VARIABLE),
        metavar="FILE",
        help=f"the kubeconfig to use (default: ${KUBECONFIG_VARIABLE}, or kubectl's own)",
    )
    group.addoption(
        "--kube-context",
        default=os.environ.get(CONTEXT_VARIABLE),
        metavar="NAME",
        help="the context of the kubeconfig; the target `cluster` takes none that is not named "
        f"(default: ${CONTEXT_VARIABLE})",
    )
    group.addoption(
        "--dynamo-operator",
        choices=OPERATORS,
        default="auto",
        help="auto uses the Dynamo operator of the cluster, and in kind the reference operator "
        "where there is none; the others insist (default: auto)",
    )
    group.addoption(
        "--dynamo-namespace",
        metavar="NAME",
        help="an existing namespace to use, one example at a time (default: one made per example)",
    )
    group.addoption(
        "--dynamo-bring",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="manifests (a Secret, a PersistentVolumeClaim) to apply in the namespace of each "
        "example before it; can be given several times",
    )
    group.addoption(
        "--dynamo-pods",
        type=int,
        metavar="N",
        help="how many pods run at once, which decides how many examples do "
        "(default: what the nodes hold; 1 example at a time with --dynamo-namespace)",
    )
    group.addoption(
        "--dynamo-kind-cluster",
        default="dynamo-conformance",
        metavar="NAME",
        help="the kind cluster to use, made if there is none (default: dynamo-conformance)",
    )
    group.addoption(
        "--dynamo-kind-image",
        default=os.environ.get(NODE_IMAGE_VARIABLE),
        metavar="IMAGE",
        help=f"the node image of a new kind cluster (default: ${NODE_IMAGE_VARIABLE}, or kind's)",
    )
    group.addoption(
        "--dynamo-kubernetes-version",
        metavar="X.Y.Z",
        help="the Kubernetes version of a new kind cluster, by kind's public node images",
    )
    group.addoption(
        "--dynamo-kind-delete",
        action="store_true",
        help="delete the kind cluster after the run, unless somebody else made it",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and refuse options that contradict each other."""
    target: str | None = config.getoption("--dynamo-target")
    if target == "cluster" and not config.getoption("--kube-context"):
        raise pytest.UsageError(
            "--dynamo-target=cluster needs --kube-context NAME (or "
            f"{CONTEXT_VARIABLE}): a cluster is never used because it happens to be the current one"
        )
    if target in ("kind", "cluster"):
        # A request that its pod cuts short may leave a socket to the garbage collector: where
        # warnings are errors, whichever check runs at that moment would fail for it.
        for warning in ("ResourceWarning", "pytest.PytestUnraisableExceptionWarning"):
            config.addinivalue_line("filterwarnings", f"default::{warning}")
    _refuse_processes(config, target)
    config.addinivalue_line("markers", "lint: checks of a manifest that run nothing")
    config.addinivalue_line("markers", "e2e: checks of a graph that was started")
    config.pluginmanager.register(_Tally(config), "dynamo-tally")
    _record(config)


def _refuse_processes(config: pytest.Config, target: str | None) -> None:
    """Refuse several processes (pytest-xdist) where each of them would do the work of all."""
    if getattr(config.option, "dist", "no") == "no" or hasattr(config, "workerinput"):
        return
    if target in ("kind", "cluster"):
        raise pytest.UsageError(
            f"--dynamo-target={target} runs several graphs at once by itself: leave out -n/--dist"
        )
    for option in ("--dynamo-ledger", "--dynamo-compare", "--dynamo-report"):
        if config.getoption(option) is not None:
            raise pytest.UsageError(
                f"{option} needs one process that sees all: leave out -n/--dist"
            )


def _record(config: pytest.Config) -> None:
    """Have the run recorded, when a ledger or a page is named."""
    for option, writes in (("--dynamo-ledger", True), ("--dynamo-compare", False)):
        ledger: Path | None = config.getoption(option)
        if ledger is not None:
            from dynamo_conformance.plugin.recorder import Recorder

            recorder = Recorder(config, ledger=ledger, writes=writes)
            config.pluginmanager.register(recorder, f"dynamo{option}")
    page: Path | None = config.getoption("--dynamo-report")
    if page is not None:
        from dynamo_conformance.plugin.reporter import Reporter

        config.pluginmanager.register(Reporter(page), "dynamo-report")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a manifest or a script, when it is one of ours to collect."""
    if not _paths_were_given(parent.config) or not _is_affected(file_path, parent.config):
        return None
    named = parent.session.isinitpath(file_path)
    is_manifest = file_path.suffix in MANIFESTS
    if parent.config.getoption("--dynamo-target") == COMPOSE:
        return _compose_file(file_path, parent) if is_manifest else None
    if is_manifest and (named or _below(file_path, K8S_FOLDER)):
        from dynamo_conformance.lint.fragments import Fragments
        from dynamo_conformance.plugin.collect import ManifestFile

        if Fragments().part_of(file_path.resolve()) is not None:
            return None
        return ManifestFile.from_parent(parent, path=file_path)
    if is_manifest and any(map(parent.session.isinitpath, file_path.parents)):
        parent.config.stash.setdefault(PASSED_OVER, []).append(file_path)
    is_script = file_path.suffix == SCRIPT and _runs_scripts(parent.config)
    if is_script and (named or _below(file_path, LOCAL_FOLDER)):
        from dynamo_conformance.plugin.collect import ScriptFile

        return ScriptFile.from_parent(parent, path=file_path)
    return None


def _compose_file(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if not (parent.session.isinitpath(path) or _below(path, COMPOSE_FOLDER)):
        return None
    from dynamo_conformance.plugin.collect import ComposeFile

    return ComposeFile.from_parent(parent, path=path)


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Iterator[None]:
    """Around the tests: make ready what all examples of the target need.

    In a cluster that brings the examples up, several at once.
    """
    target: str | None = session.config.getoption("--dynamo-target")
    if session.config.option.collectonly or session.testsfailed or not session.items:
        return (yield)
    from dynamo_conformance.interrupts import guarded_interrupt

    with guarded_interrupt():
        if target == COMPOSE:
            _prepare_compose(session.config)
        if target not in ("kind", "cluster"):
            return (yield)
        from dynamo_conformance.plugin.fleet import launched

        with launched(session):
            return (yield)


def _prepare_compose(config: pytest.Config) -> None:
    """Make sure that compose files can be run, with the engine that was asked for."""
    from dynamo_conformance.plugin.collect import COMPOSE_IMAGE, EXIT_UNAVAILABLE
    from dynamo_conformance.plugin.progress import progress_of
    from dynamo_conformance.targets.compose.docker_compose import prepare
    from dynamo_conformance.targets.interface import TargetUnavailableError

    mock = config.getoption("--dynamo-engine") == "mock"
    try:
        config.stash[COMPOSE_IMAGE] = prepare(mock=mock, progress=progress_of(config))
    except TargetUnavailableError as error:
        pytest.exit(str(error), returncode=EXIT_UNAVAILABLE)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Have the report of a check say what the closing table needs, in whichever process it is."""
    report = yield
    collectors = sys.modules.get("dynamo_conformance.plugin.collect")
    is_check = collectors is not None and isinstance(item, collectors.ConformanceItem)
    if is_check and (call.when == "call" or report.failed):
        shown = cast("ConformanceItem", item).shown
        setattr(report, SHOWN_IN_REPORT, shown.plain())
    return report


class _Tally:
    """Gathers the closing table from the reports, of other processes too."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what a check shows."""
        shown = getattr(report, SHOWN_IN_REPORT, None)
        if shown is None:
            return
        from dynamo_conformance.plugin.stash import TABLE, Shown
        from dynamo_conformance.plugin.table import Outcome, Table

        said = Shown(**shown)
        row = self._config.stash.setdefault(TABLE, Table()).row(
            report.nodeid.partition("::")[0], said.level
        )
        row.checks[said.check] = Outcome.FAIL if report.failed else Outcome(said.outcome)
        row.notes += (one for one in said.notes if one not in row.notes)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Close the run with the table of what was proven."""
        from dynamo_conformance.plugin.stash import TABLE

        table = self._config.stash.get(TABLE, None)
        lines = table.lines() if table is not None else []
        if lines:
            terminalreporter.section("proven")
            for line in lines:
                terminalreporter.write_line(line)


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """Say how graphs are collected, when none was and there are some."""
    passed_over = [] if items else config.stash.get(PASSED_OVER, [])
    graphs = [path for path in passed_over if _holds_graph(path)]
    if not graphs:
        return []
    name = os.path.relpath(graphs[0], config.invocation_params.dir)
    said = (
        f"dynamo: {len(graphs)} files with a DynamoGraphDeployment were passed over: of a folder, "
        f"only manifests below {LAUNCH_FOLDER}/{K8S_FOLDER} are collected. Name the files "
        f"themselves, such as: pytest {name}"
    )
    return [said]


def _holds_graph(path: Path) -> bool:
    from dynamo_conformance.manifest.document import MAX_BYTES
    from dynamo_conformance.manifest.files import read_file

    try:
        return GRAPH_KIND in read_file(path, most=MAX_BYTES)
    except OSError:
        return False


def _paths_were_given(config: pytest.Config) -> bool:
    return config.args_source is not pytest.Config.ArgsSource.INVOCATION_DIR


def _is_affected(path: Path, config: pytest.Config) -> bool:
    revision: str | None = config.getoption("--dynamo-changed-since")
    if revision is None or path.suffix not in (*MANIFESTS, SCRIPT):
        return True
    from dynamo_conformance.lint.changed import changed_since
    from dynamo_conformance.lint.options import GitError
    from dynamo_conformance.plugin.affected import is_affected

    if CHANGED not in config.stash:
        try:
            config.stash[CHANGED] = changed_since(revision, folder=config.invocation_params.dir)
        except GitError as error:
            raise pytest.UsageError(f"--dynamo-changed-since: {error}") from error
    changed: frozenset[Path] = config.stash[CHANGED]
    return is_affected(path, changed)


def _runs_scripts(config: pytest.Config) -> bool:
    """Whether scripts are run: on this machine only, and in other repositories when asked."""
    target: str | None = config.getoption("--dynamo-target")
    return target == "local" or (target is None and bool(config.getini(SCRIPTS_INI)))


def _below(path: Path, folder: str) -> bool:
    """Whether `path` lies in `launch/FOLDER` at any depth."""
    parts = path.parts[:-1]
    return any(pair == (LAUNCH_FOLDER, folder) for pair in itertools.pairwise(parts))
