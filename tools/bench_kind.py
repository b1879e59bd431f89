"""Measure the kind target, and print the figures of docs/performance.md as Markdown.

    tox run -e bench-kind [EXAMPLES]

Two questions. How long does the suite take, beside what its containers compute on all cores and
beside its longest example? And how much of a graph's way to its first good answer is ours, beside
the same Kubernetes objects under a bare `kubectl apply` and a poll?
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ET
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from dynamo_conformance.api.cluster_parts import Cluster
from dynamo_conformance.kube.errors import ApiError
from dynamo_conformance.kube.labels import PART, RUN
from dynamo_conformance.kube.resources import NAMESPACES, NODES, Owner, as_mapping
from dynamo_conformance.manifest.node import Mapping
from dynamo_conformance.manifest.read import read_graphs
from dynamo_conformance.operator.objects.graph_objects import RenderContext, graph_objects
from dynamo_conformance.rendering.names import frontend_service
from dynamo_conformance.targets.cluster.apply import Manifest
from dynamo_conformance.targets.cluster.cluster_target import ClusterTarget, new_run
from dynamo_conformance.targets.cluster.namespace import Namespace, new_name
from dynamo_conformance.targets.kind.base_setup import BaseSetupOptions, prepare
from dynamo_conformance.targets.kind.kind_cluster import KindOptions
from dynamo_conformance.targets.readiness import GOOD_ANSWERS, wait_ready

if TYPE_CHECKING:
    from dynamo_conformance.kube.connection import Connection
    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.manifest.node import Plain
    from dynamo_conformance.targets.kind.base_setup import BaseSetup

EXAMPLES = Path("examples/llm/vllm_v1/launch/k8s")
SAMPLE_SECONDS = 3.0
COUNT_SECONDS = 60.0
"""How long the kubelet may take to count again; it does every 10 to 20 seconds."""

ROUNDS = 5
POLL_SECONDS = 0.1
TIMEOUT_SECONDS = 180.0
SUITE_SECONDS = 3600.0
SUITE_GOAL, START_GOAL = 1.3, 1.15


@dataclass(frozen=True, slots=True)
class Computed:
    """What containers have computed since they began, by the kubelet's own counters.

    Attributes:
        nodes: CPU seconds of the nodes: in kind, of the containers that are the nodes.
        pods: CPU seconds of all pods, those that are deleted too.
        by_pod: CPU seconds of each pod that is there, by uid.
        at: When the first of these was read, in the node's own time.
    """

    nodes: float
    pods: float
    by_pod: dict[str, float]
    at: str


@dataclass(slots=True)
class Meter:
    """What the suite's own pods compute, and how many of them a liveness probe kills.

    What all pods computed, less what those did that were there before and after: the cluster's own.
    """

    connection: Connection
    kills: set[str] = field(default_factory=set)
    own: float = 0.0
    all: float = 0.0
    nodes: float = 0.0
    _before: Computed | None = None
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._before = self._computed()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join(timeout=30)

    def read(self) -> None:
        """Read the counters again, once the kubelet has counted what was just computed."""
        before = self._before
        if before is None:
            return
        began = self._computed().at
        deadline = time.monotonic() + COUNT_SECONDS
        while (after := self._computed()).at == began:
            if time.monotonic() > deadline:
                raise SystemExit("the kubelet counts no CPU any more")
            time.sleep(SAMPLE_SECONDS)
        stayed = sum(
            seconds - before.by_pod[uid]
            for uid, seconds in after.by_pod.items()
            if uid in before.by_pod
        )
        self.nodes = after.nodes - before.nodes
        self.all = after.pods - before.pods
        self.own = self.all - stayed

    def _run(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            try:
                for namespace in self.connection.list(NAMESPACES, labels=f"{PART}={RUN}"):
                    self._note_kills(namespace.name)
            except ApiError:
                continue

    def _computed(self) -> Computed:
        nodes, total, by_pod, at = 0.0, 0.0, {}, ""
        for node in self.connection.list(NODES):
            path = f"/api/v1/nodes/{node.name}/proxy/stats/summary"
            summary = as_mapping(self.connection.run(self.connection.client.json("GET", path)))
            whole = summary.mapping("node") or Mapping()
            nodes += _cpu_seconds(whole)
            parts = whole.mappings("systemContainers")
            (pods,) = (part for part in parts if part.string("name") == "pods")
            total += _cpu_seconds(pods)
            at += (pods.mapping("cpu") or Mapping()).string("time") or ""
            for pod in summary.mappings("pods"):
                uid = (pod.mapping("podRef") or Mapping()).string("uid") or ""
                by_pod[uid] = _cpu_seconds(pod)
        return Computed(nodes, total, by_pod, at)

    def _note_kills(self, namespace: str) -> None:
        path = f"/api/v1/namespaces/{namespace}/events"
        events = self.connection.run(self.connection.client.json("GET", path))
        for event in as_mapping(events).mappings("items"):
            message = event.string("message") or ""
            if event.string("reason") == "Killing" and "liveness" in message:
                self.kills.add(f"{namespace}: {message}")


def _cpu_seconds(counted: Mapping) -> float:
    cpu = counted.mapping("cpu") or Mapping()
    return (cpu.integer("usageCoreNanoSeconds") or 0) / 1e9


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("examples", nargs="*", type=Path, default=[EXAMPLES])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--cluster", default="dynamo-conformance")
    options = parser.parse_args()
    files = [path for each in options.examples for path in _manifests(each)]
    kind = KindOptions(name=options.cluster, image=os.environ.get("DYN_CONFORMANCE_NODE_IMAGE"))
    with prepare(
        BaseSetupOptions(kind=kind), [Manifest.read(file) for file in files], progress=_log
    ) as base_setup:
        suite = _suite(base_setup, options.examples, options.cluster)
        start = _start(base_setup, files[0], rounds=options.rounds)
    _print_suite(suite, removal=statistics.median(start.removals))
    _print_start(start, files[0].name)


@dataclass(frozen=True, slots=True)
class Suite:
    """One run over all examples.

    Attributes:
        code: pytest's exit code.
        took: Seconds from the start of pytest to its end.
        longest: Seconds of the longest example, from making its namespace to its last answer.
        meter: What the pods computed.
    """

    code: int
    took: float
    longest: float
    meter: Meter


def _suite(base_setup: BaseSetup, examples: list[Path], cluster: str) -> Suite:
    with tempfile.TemporaryDirectory() as folder, Meter(base_setup.connection) as meter:
        report = Path(folder) / "junit.xml"
        words = [
            sys.executable, "-m", "pytest", "-q", "-m", "e2e", "--dynamo-target=kind",
            f"--dynamo-kind-cluster={cluster}", f"--junitxml={report}", *map(str, examples),
        ]  # fmt: skip
        began = time.monotonic()
        done = subprocess.run(words, timeout=SUITE_SECONDS, check=False, stdout=sys.stderr)
        took = time.monotonic() - began
        longest = _longest(report)
        meter.read()
    return Suite(done.returncode, took, longest, meter)


def _print_suite(suite: Suite, *, removal: float) -> None:
    cores = os.cpu_count() or 1
    meter, whole = suite.meter, suite.longest + removal
    by_nodes, by_pods = (max(seconds / cores, whole) for seconds in (meter.nodes, meter.all))
    print("| the suite in kind | |\n|---|---|")
    print(f"| exit code of pytest | {suite.code} |")
    print(f"| wall clock | {suite.took:.1f} s |")
    print(f"| CPU of the node's container: kubelet, runtime, all pods | {meter.nodes:.1f} s |")
    print(f"| CPU of all pods, the cluster's own too | {meter.all:.1f} s |")
    print(f"| CPU of the examples' pods | {meter.own:.1f} s |")
    print(f"| its longest example, to its last answer | {suite.longest:.1f} s |")
    print(f"| ... and until its namespace is gone | {whole:.1f} s |")
    goal = f"goal {SUITE_GOAL}, {cores} cores"
    print(f"| ratio to the larger bound ({goal}) | {suite.took / by_nodes:.2f} |")
    print(f"| ... of the pods alone | {suite.took / by_pods:.2f} |")
    print(f"| pods that a liveness probe killed | {len(meter.kills)} |\n")


def _longest(report: Path) -> float:
    """Return the seconds of the longest example, as the plugin notes them."""
    notes = ET.parse(report).getroot().iter("property")  # noqa: S314 - pytest wrote it
    return max(float(note.get("value", "0")) for note in notes if note.get("name") == "seconds")


@dataclass(frozen=True, slots=True)
class Start:
    """Rounds of one graph, in seconds.

    Attributes:
        ours: From `kubectl apply` of the graph to its good answers.
        removals: From the end of that to the end of its namespace.
        bare: From `kubectl apply` of its objects to the good answers.
    """

    ours: list[float] = field(default_factory=list)
    removals: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)


def _start(base_setup: BaseSetup, file: Path, *, rounds: int) -> Start:
    (graph,) = read_graphs(file)
    start = Start()
    for number in range(rounds):
        took, removal = _with_operator(base_setup, file, graph)
        start.ours.append(took)
        start.removals.append(removal)
        start.bare.append(_with_deployments(base_setup, file, graph))
        _log(f"round {number + 1} of {rounds}: {took:.1f} s and {start.bare[-1]:.1f} s")
    return start


def _print_start(start: Start, name: str) -> None:
    print(f"| from apply to the first good answers, {name} | median | all |\n|---|---|---|")
    for what, seconds in (("the graph", start.ours), ("its objects, bare", start.bare)):
        each = ", ".join(f"{value:.1f}" for value in seconds)
        print(f"| {what} | {statistics.median(seconds):.1f} s | {each} |")
    ratio = statistics.median(start.ours) / statistics.median(start.bare)
    print(f"| ratio (goal {START_GOAL}) | {ratio:.2f} | |")


def _with_operator(base_setup: BaseSetup, file: Path, graph: Graph) -> tuple[float, float]:
    """Return the seconds from `kubectl apply` of the graph to its good answers, and to its end."""
    manifest = Manifest.read(file)
    began: list[float] = []
    target = ClusterTarget(
        connection=base_setup.connection,
        fill_namespace=lambda name: base_setup.add_placeholders(manifest, name),
        # Called once, right before the file is applied.
        progress=lambda _line: began.append(time.monotonic()),
    )
    with target.deploy(graph, file=file) as deployment:
        wait_ready(deployment, model=None, timeout=TIMEOUT_SECONDS)
        answered = time.monotonic()
    return answered - began[0], time.monotonic() - answered


def _with_deployments(base_setup: BaseSetup, file: Path, graph: Graph) -> float:
    """Return the seconds from `kubectl apply` of the graph's objects to their good answers."""
    connection = base_setup.connection
    namespace = Namespace(connection, new_name(f"bare-{graph.name}"), run=new_run())
    with ExitStack() as stack:
        stack.callback(lambda: namespace.remove().wait())
        namespace.create()
        base_setup.add_placeholders(Manifest.read(file), namespace.name)
        text = json.dumps(_objects(graph, namespace.name))
        began = time.monotonic()
        done = connection.kubectl("apply", "--namespace", namespace.name, "-f", "-", stdin=text)
        if done.returncode:
            raise SystemExit(done.stderr)
        _poll(connection, namespace.name, graph)
        return time.monotonic() - began


def _objects(graph: Graph, namespace: str) -> dict[str, Plain]:
    """Return what the operator makes of a graph, owned by nobody."""
    owner = Owner(name=graph.name, uid="")
    context = RenderContext(namespace=namespace, owner=owner, cluster=Cluster())
    made = graph_objects(graph, context).objects
    objects: list[Plain] = [_without_owner(item) for item in made]
    return {"apiVersion": "v1", "kind": "List", "items": objects}


def _without_owner(body: dict[str, Plain]) -> dict[str, Plain]:
    metadata = body["metadata"]
    kept = dict(metadata) if isinstance(metadata, dict) else {}
    kept.pop("ownerReferences", None)
    return {**body, "metadata": kept}


def _poll(connection: Connection, namespace: str, graph: Graph) -> None:
    """Ask through the API server's own proxy until the answers are good."""
    if graph.frontend is None:
        raise SystemExit(f"{graph.name} has no frontend")
    service = frontend_service(graph, graph.frontend)
    base = f"/api/v1/namespaces/{namespace}/services/{service}:http/proxy/v1"
    deadline = time.monotonic() + TIMEOUT_SECONDS
    good = 0
    while good < GOOD_ANSWERS:
        if time.monotonic() > deadline:
            raise SystemExit(f"{graph.name} does not answer without the operator")
        good = good + 1 if _answers(connection, base) else 0
        if not good:
            time.sleep(POLL_SECONDS)


def _answers(connection: Connection, base: str) -> bool:
    client = connection.client
    try:
        listed = as_mapping(connection.run(client.json("GET", f"{base}/models"))).mappings("data")
        if not listed:
            return False
        body: dict[str, Plain] = {
            "model": listed[0].string("id"),
            "messages": [{"role": "user", "content": "Are you there?"}],
            "max_tokens": 2,
        }
        answer = connection.run(client.json("POST", f"{base}/chat/completions", body=body))
    except ApiError:
        return False
    return bool(as_mapping(answer).mappings("choices"))


def _manifests(path: Path) -> list[Path]:
    return sorted(path.rglob("*.yaml")) if path.is_dir() else [path]


def _log(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    main()
