"""A graph that is in a cluster already, asked by pytest; and options that do not go together."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.lint.check import check_bytes
from dynamo_conformance.lint.options import LintOptions
from dynamo_conformance.manifest.read import read_graphs
from dynamo_conformance.plugin import existing_session
from dynamo_conformance.targets.interface import DeployFailure, Unready
from right_server import MODEL, RightServer, on_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.targets.interface import Change, Worker

pytest_plugins = ["pytester"]

AGG = Path(__file__).parents[3] / "examples/llm/vllm_v1/launch/k8s/agg.yaml"
SERVED = Path("served.yaml")
PLUGINS = ("-p", "no:cacheprovider", "-p", "dynamo_conformance.plugin.hooks")
USAGE = pytest.ExitCode.USAGE_ERROR
CLUSTER = ("--dynamo-target=cluster", "--dynamo-kube-context=prod")
EXISTING = (*CLUSTER, "--dynamo-existing=vllm-agg")
KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: prod, context: {cluster: c, user: u}}]
"""


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """Import all that a run does: it is forgotten after it, and some of it cannot be twice."""
    for name in ("recorder", "report", "jobs"):
        import_module(f"dynamo_conformance.plugin.{name}")
    check_bytes(AGG.read_bytes(), file="any.yaml", options=LintOptions())


@pytest.fixture
def run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., pytest.RunResult]:
    """Return what runs pytest, with our plugin alone."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("DYN_CONFORMANCE_KUBE_CONTEXT", raising=False)
    kubeconfig = pytester.path / "kubeconfig"
    kubeconfig.write_text(KUBECONFIG)

    def run(*words: str) -> pytest.RunResult:
        named = f"--dynamo-kubeconfig={kubeconfig}"
        return pytester.runpytest_inprocess(*PLUGINS, named, *words)

    return run


@dataclass
class Deployment:
    """What answers for a graph."""

    url: str
    failures: list[Exception] = field(default_factory=list)
    workers: tuple[Worker, ...] = ()
    changes: tuple[Change, ...] = ()
    settled_for: float | None = None
    is_held: bool = False

    def check(self) -> None:
        """It runs."""

    def unready(self) -> Unready:
        """Nothing is known."""
        return Unready()

    def close(self) -> None:
        """It stays."""


@dataclass(frozen=True)
class There:
    """A graph that is there."""

    graph: Graph
    url: str

    @contextmanager
    def served(self, *, artifacts: Path) -> Iterator[Deployment]:
        assert artifacts == Path("build/conformance/vllm-agg/cluster")
        yield Deployment(self.url)


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str | None]]]:
    """Return what is looked for; it is there, and its server is right."""
    looked: list[tuple[str, str | None]] = []
    with on_port(RightServer().reply) as url:

        def find(_connection: object, name: str, *, namespace: str | None) -> There:
            looked.append((name, namespace))
            (graph,) = read_graphs(SERVED if SERVED.is_file() else AGG)
            return There(graph, url)

        monkeypatch.setattr(existing_session, "find_existing", find)
        yield looked


def test_a_graph_in_a_cluster_needs_no_file_and_nothing_else_is_collected(
    run: Callable[..., pytest.RunResult],
    pytester: pytest.Pytester,
    there: list[tuple[str, str | None]],
) -> None:
    pytester.makeini("[pytest]\ntestpaths = .\n")
    pytester.makepyfile(test_other="def test_other(): assert False\n")
    pytester.makefile(".yaml", graph=AGG.read_text("utf-8"))
    words = ("--dynamo-namespace=team", "--dynamo-timeout=0.5", "--dynamo-probe=models")
    ended = run(*EXISTING, "-v", *words)
    assert there == [("vllm-agg", "team")]
    lines = [line for line in ended.outlines if "::" in line and " " in line]
    assert lines
    assert all(line.startswith("vllm-agg::cluster::") for line in lines if "PASSED" in line)
    assert not any("test_other" in line or "graph.yaml" in line for line in ended.outlines)
    # Its manifest is held against it: it promises another model than this server lists.
    ended.stdout.fnmatch_lines(["*vllm-agg::cluster::ready FAILED*"])
    ended.stdout.fnmatch_lines([f"*lists {MODEL}*but not Qwen/Qwen3-0.6B*"])


def test_what_it_promises_is_judged(
    run: Callable[..., pytest.RunResult],
    there: list[tuple[str, str | None]],
) -> None:
    text = AGG.read_text("utf-8").replace("Qwen/Qwen3-0.6B", MODEL)
    SERVED.write_text(text)
    ended = run(*EXISTING, "-v", "--dynamo-probe=models", "--dynamo-probe=graph.roles")
    assert there == [("vllm-agg", None)]
    ended.stdout.fnmatch_lines(
        ["vllm-agg::cluster::ready PASSED*", "vllm-agg::cluster::models*list PASSED*"]
    )
    # The manifest has one worker; this server lists two that prefill beside it.
    ended.stdout.fnmatch_lines(["vllm-agg::cluster::graph*roles FAILED*"])


def test_why_it_cannot_be_asked_is_one_failure(
    run: Callable[..., pytest.RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(_connection: object, name: str, *, namespace: str | None) -> None:
        raise DeployFailure(f"no graph {name} in {namespace}", cause="name another one")

    monkeypatch.setattr(existing_session, "find_existing", find)
    ended = run(*EXISTING, "--dynamo-probe=models")
    counts = ended.parseoutcomes()
    assert counts["failed"] == 1
    assert counts["skipped"] > 1
    ended.stdout.fnmatch_lines(["*no graph vllm-agg in None*", "*name another one*"])


@pytest.mark.parametrize("target", ["cluster", "kind"])
def test_a_cluster_that_does_not_answer_is_said(
    run: Callable[..., pytest.RunResult], monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    from dynamo_conformance.targets.kind import required_programs

    monkeypatch.setattr(required_programs, "require", lambda: None)
    monkeypatch.setattr(required_programs, "output", lambda *_words: "other\n")
    words = EXISTING if target == "cluster" else ("--dynamo-target=kind", "--dynamo-existing=a")
    ended = run(*words, "--dynamo-kind-cluster=mine", "--dynamo-probe=models.list")
    text = "\n".join((*ended.outlines, *ended.errlines))
    assert "Traceback" not in text
    expected = {"cluster": "127.0.0.1", "kind": "there is no kind cluster mine"}
    assert expected[target] in text
    assert ended.ret in (1, 3)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--dynamo-existing=a",), "--dynamo-existing needs --dynamo-target=cluster or kind"),
        (
            ("--dynamo-existing=a", "--dynamo-target=local"),
            "--dynamo-existing needs --dynamo-target=cluster or kind",
        ),
        ((*EXISTING, str(AGG)), "takes the manifest from the cluster: leave out */agg.yaml"),
        ((*EXISTING, "--dynamo-keep"), "deploys and changes nothing: leave out --dynamo-keep"),
        ((*EXISTING, "--dynamo-bring=a.yaml"), "leave out --dynamo-bring"),
        ((*EXISTING, "--dynamo-ledger=a.json"), "leave out --dynamo-ledger"),
        ((*EXISTING, "--dynamo-compare=a.json"), "leave out --dynamo-compare"),
        (
            ("--dynamo-existing=a", "--dynamo-target=kind", "--dynamo-kind-delete"),
            "leave out --dynamo-kind-delete",
        ),
        (("--dynamo-keep",), "--dynamo-keep needs --dynamo-target=kind or cluster*dynamo up FILE"),
        (("--dynamo-keep", "--dynamo-target=compose"), "--dynamo-keep needs --dynamo-target=kind"),
        (("--dynamo-engine=cpu", "--dynamo-target=compose"), "--dynamo-engine=cpu needs *kind"),
        (
            ("--dynamo-keep", "--dynamo-target=kind", "--dynamo-kind-delete"),
            "--dynamo-kind-delete deletes what --dynamo-keep is to leave",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    run: Callable[..., pytest.RunResult], words: tuple[str, ...], sentence: str
) -> None:
    ended = run(*words)
    assert ended.ret == USAGE
    ended.stderr.fnmatch_lines([f"ERROR: *{sentence}*"])
