"""The pytest plugin: every manifest and every local script is a collector, every check an item.

`agg.yaml::lint`, `agg.yaml::local::streaming.chat-done`, `agg.sh::script::models.list`. A graph is
deployed once per file and target. In another repository nothing happens unless paths are given,
and no script is run unless a target is asked for. An address needs no file: `url::models.list`.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from dynamo_conformance.plugin.options import (
    CLUSTERS,
    CONTEXT_VARIABLE,
    SCRIPTS_INI,
    URL,
    add_options,
    check_options,
    engine_of,
    profile_of,
)
from dynamo_conformance.plugin.summary import Summary

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from dynamo_conformance.plugin.items import ConformanceItem

COMPOSE, CLUSTER = "compose", "cluster"
K8S_FOLDER, LOCAL_FOLDER, COMPOSE_FOLDER, LAUNCH_FOLDER = "k8s", "local", "compose", "launch"
MANIFESTS, SCRIPT = (".yaml", ".yml", ".json"), ".sh"
GRAPH_KIND = b"DynamoGraphDeployment"
PASSED_OVER = pytest.StashKey[list[Path]]()
CHANGED = pytest.StashKey[frozenset[Path]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and refuse options that contradict each other."""
    check_options(config)
    target: str | None = config.getoption("--dynamo-target")
    if target == CLUSTER and not config.getoption("--dynamo-kube-context"):
        raise pytest.UsageError(
            "--dynamo-target=cluster needs --dynamo-kube-context NAME (or "
            f"{CONTEXT_VARIABLE}): a cluster is never used because it happens to be the current one"
        )
    if target in CLUSTERS:
        # A request that its pod cuts short may leave a socket to the garbage collector: where
        # warnings are errors, whichever check runs at that moment would fail for it.
        for warning in ("ResourceWarning", "pytest.PytestUnraisableExceptionWarning"):
            config.addinivalue_line("filterwarnings", f"default::{warning}")
    _refuse_processes(config, target)
    config.addinivalue_line("markers", "lint: checks of a manifest that run nothing")
    config.addinivalue_line("markers", "e2e: checks of a graph that was started")
    config.addinivalue_line("markers", "life: checks that end parts of a graph while it answers")
    config.pluginmanager.register(Summary(), "dynamo-summary")
    _record(config)
    if _is_without_file(config):
        # Nothing on disk is asked for: neither `testpaths` nor what lies here is collected.
        config.args = []


def _is_without_file(config: pytest.Config) -> bool:
    """Whether a graph that is there already is to be asked, and no file was named."""
    is_named = config.args_source is pytest.Config.ArgsSource.ARGS
    is_there = config.getoption("--dynamo-target") == URL or config.getoption("--dynamo-existing")
    return bool(is_there) and not is_named


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Collect the checks of what needs no file, before anything is deselected."""
    if not _is_without_file(config):
        return
    from dynamo_conformance.plugin.collect import GraphCollector

    level: str = config.getoption("--dynamo-target")
    existing: str | None = config.getoption("--dynamo-existing")
    graph = GraphCollector.from_parent(
        session,
        name=level,
        level=level,
        promised=None,
        nodeid=f"{existing}::{level}" if existing else level,
    )
    items += session.genitems(graph)


def _refuse_processes(config: pytest.Config, target: str | None) -> None:
    """Refuse several processes (pytest-xdist) where all graphs share a single thing."""
    several = getattr(config.option, "dist", "no") != "no" and not hasattr(config, "workerinput")
    if several and target in (COMPOSE, *CLUSTERS):
        raise pytest.UsageError(
            f"--dynamo-target={target} runs several graphs at once by itself: leave out -n/--dist"
        )
    if several and target == URL:
        raise pytest.UsageError(
            f"--dynamo-target={URL} asks each question once, in one process: leave out -n/--dist"
        )


def _record(config: pytest.Config) -> None:
    """Have the run recorded, when a ledger or a page is named."""
    for option, writes in (("--dynamo-ledger", True), ("--dynamo-compare", False)):
        ledger: Path | None = config.getoption(option)
        if ledger is not None:
            from dynamo_conformance.plugin.recorder import Recorder

            recorder = Recorder(config, ledger, writes=writes)
            config.pluginmanager.register(recorder, f"dynamo{option}")
    report: Path | None = config.getoption("--dynamo-report")
    if report is not None and not hasattr(config, "workerinput"):
        from dynamo_conformance.plugin.report import RunReport

        config.pluginmanager.register(RunReport(report), "dynamo-report")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a manifest or a script, when the plugin is to collect it."""
    if not _paths_were_given(parent.config) or not _is_affected(file_path, parent.config):
        return None
    named = parent.session.isinitpath(file_path)
    is_manifest = file_path.suffix in MANIFESTS
    if parent.config.getoption("--dynamo-target") == COMPOSE:
        return _compose_file(file_path, parent) if is_manifest else None
    if is_manifest and (named or _below(file_path, K8S_FOLDER)):
        from dynamo_conformance.lint.partial_files import Fragments
        from dynamo_conformance.plugin.collect import ManifestFile

        if Fragments().part_of(file_path.resolve()) is not None:
            return None
        return ManifestFile.from_parent(parent, path=file_path)
    if is_manifest and any(map(parent.session.isinitpath, file_path.parents)):
        parent.config.stash.setdefault(PASSED_OVER, []).append(file_path)
    is_script = file_path.suffix == SCRIPT and _runs_scripts(parent.config)
    if is_script and (named or _below(file_path, LOCAL_FOLDER)):
        from dynamo_conformance.plugin.collect import LaunchFile

        return LaunchFile.from_parent(parent, path=file_path)
    return None


def _compose_file(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if not (parent.session.isinitpath(path) or _below(path, COMPOSE_FOLDER)):
        return None
    from dynamo_conformance.plugin.collect import ComposeFile

    return ComposeFile.from_parent(parent, path=path)


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Iterator[None]:
    """Around the tests: serve the graphs that they ask, several at once."""
    if session.config.option.collectonly or session.testsfailed or not session.items:
        return (yield)
    from dynamo_conformance.interrupts import guarded_interrupt

    with guarded_interrupt():
        # Where no check is collected, nothing of what serves graphs is loaded.
        if "dynamo_conformance.plugin.collect" not in sys.modules:
            return (yield)
        from dynamo_conformance.plugin.jobs import scheduled

        with scheduled(session):
            return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Have the report of a check carry what the closing table needs, in whichever process it is."""
    report = yield
    items = sys.modules.get("dynamo_conformance.plugin.items")
    is_check = items is not None and isinstance(item, items.ConformanceItem)
    if is_check and (call.when == "call" or report.failed):
        cast("ConformanceItem", item).shown.attach(report)
    return report


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """Print what is asked of graphs, or how they are collected when there are some and none was."""
    if is_asked := _asked(config, items):
        return [is_asked, *_left_out(config)]
    passed_over = [] if items else config.stash.get(PASSED_OVER, [])
    graphs = [path for path in passed_over if _holds_graph(path)]
    if not graphs:
        return []
    name = os.path.relpath(graphs[0], config.invocation_params.dir)
    line = (
        f"dynamo: {len(graphs)} files with a DynamoGraphDeployment were passed over: of a folder, "
        f"only manifests below {LAUNCH_FOLDER}/{K8S_FOLDER} are collected. Name the files "
        f"themselves, such as: pytest {name}"
    )
    return [line]


def _asked(config: pytest.Config, items: list[pytest.Item]) -> str:
    """Return what is asked of graphs in a line, or nothing where none is."""
    known = sys.modules.get("dynamo_conformance.plugin.items")
    if known is None or not any(isinstance(item, known.ProbeItem) for item in items):
        return ""
    target = config.getoption("--dynamo-target") or "local"
    is_started = target != URL or config.getoption("--dynamo-engine")
    engine = engine_of(config) if is_started else "its own"
    return f"dynamo: target {target}, engine {engine}, profile {profile_of(config)}"


def _left_out(config: pytest.Config) -> list[str]:
    """Return a line about files whose engine is not here, if there are some."""
    from dynamo_conformance.plugin.collect import LEFT_OUT

    engines = Counter(config.stash.get(LEFT_OUT, {}).values())
    return [
        f"dynamo: {count} files are left out: {engine} is not in this environment"
        for engine, count in engines.items()
    ]


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
    from dynamo_conformance.ledger.content import is_affected
    from dynamo_conformance.lint.changed import changed_since
    from dynamo_conformance.lint.options import GitError

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
