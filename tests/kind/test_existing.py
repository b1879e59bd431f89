"""Graphs that are in a cluster already, that are to stay there, and that have two frontends."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import requests
import yaml
from cluster_runs import READY_SECONDS, TOKEN, Targets, came_up, given_namespace, limited
from planted_faults import AGG, EXAMPLES, Body, applied, pod, spoilt, written

from dynamo_conformance.engines.serving import serving
from dynamo_conformance.kube.labels import KEPT, PROCESS
from dynamo_conformance.kube.resources import NAMESPACES
from dynamo_conformance.manifest.read import read_graphs
from dynamo_conformance.probes.areas import load_probes
from dynamo_conformance.probes.graph import served_graph
from dynamo_conformance.probes.probe import Feature, Outcome, Result
from dynamo_conformance.probes.recorder import Address, Recorder
from dynamo_conformance.probes.run import Judge
from dynamo_conformance.targets.cluster.existing import find_existing
from dynamo_conformance.targets.cluster.namespace import kept_namespaces, remove_orphans
from dynamo_conformance.targets.cluster.permissions import OWN_NAMESPACES, READING
from dynamo_conformance.targets.interface import DeployFailure
from dynamo_conformance.targets.readiness import wait_registered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dynamo_conformance.kube.connection import Connection
    from dynamo_conformance.targets.cluster.cluster_deployment import ClusterDeployment

OPERATOR_SECONDS = 30.0
QUIET_SECONDS = 2.0


def versions(connection: Connection, namespace: str) -> dict[str, str]:
    """Return the version of every object of a namespace; the cluster itself writes events."""
    kinds = connection.kubectl("api-resources", "--namespaced", "--verbs=list", "--output=name")
    listed = [kind for kind in kinds.stdout.split() if not kind.startswith("events")]
    shown = "custom-columns=K:.kind,N:.metadata.name,V:.metadata.resourceVersion"
    done = connection.kubectl(
        "get", ",".join(listed), f"--namespace={namespace}", f"--output={shown}", "--no-headers"
    )
    assert done.returncode == 0, done.stderr
    lines = (line.split() for line in done.stdout.splitlines())
    return {f"{kind}/{name}": version for kind, name, version in lines}


def quiet_versions(connection: Connection, namespace: str) -> dict[str, str]:
    """Return the versions once the operator and the workers have nothing more to write."""
    deadline = time.monotonic() + OPERATOR_SECONDS
    before: dict[str, str] = {}
    while before != (before := versions(connection, namespace)):
        assert time.monotonic() < deadline
        time.sleep(QUIET_SECONDS)
    return before


def judged(
    deployment: ClusterDeployment, ids: tuple[str, ...], *promised: Feature
) -> dict[str, Result]:
    """Return the results of the probes of some areas."""
    model = "Qwen/Qwen3-0.6B"
    with Recorder(Address(url=deployment.url, model=model)) as recorder:
        graph = served_graph(recorder, engine="mock", promised=frozenset({Feature.TEXT, *promised}))
        probes = [probe for probe in load_probes() if probe.area in ids]
        return {result.probe.id: result for result in Judge(recorder, graph).results(probes)}


def test_a_graph_that_is_there_is_asked_and_nothing_is_written(
    targets: Targets, kubeconfig_file: Path, tmp_path: Path
) -> None:
    (graph,) = read_graphs(AGG)
    with targets.target().deploy(graph) as deployed:
        came_up(deployed)
        await_ready(targets.connection, graph.name, deployed.namespace)
        place = deployed.namespace
        with limited(targets, kubeconfig_file, tmp_path, READING, namespace=place) as reader:
            before = quiet_versions(targets.connection, place)
            assert {"DynamoGraphDeployment/vllm-agg", "Secret/hf-token-secret"} <= before.keys()
            found = find_existing(reader, graph.name, namespace=place)
            assert [part.name for part in found.graph.components] == ["Frontend", "VllmWorker"]
            with found.served(artifacts=tmp_path / "kept") as there:
                came_up(there)
                assert [worker.name for worker in there.workers] == [
                    worker.name for worker in deployed.workers
                ]
                assert there.changes == ()  # That takes a right which is better to have.
                outcomes = {result.outcome for result in judged(there, ("models",)).values()}
                assert Outcome.PASS in outcomes
                assert Outcome.NOT_RUN not in outcomes
                there.failed(AssertionError("a probe fails"))
            shown = asked(
                reader, tmp_path, "--dynamo-existing=vllm-agg", f"--dynamo-namespace={place}"
            )
            changed = set(versions(targets.connection, place).items()) ^ set(before.items())
            assert changed == set()
        assert requests.get(f"{deployed.url}/v1/models", timeout=20).json()["data"]
    assert re.search(r"vllm-agg +cluster +PASS +PASS \d+", shown), shown
    page = (tmp_path / "kept" / "why.md").read_text(encoding="utf-8")
    assert "## To look at it" in page
    assert "kubectl apply" not in page
    assert "create namespace" not in page


def asked(account: Connection, folder: Path, *words: str) -> str:
    """Run pytest as an account does, and return what it prints; it finds nothing wrong."""
    (kubeconfig,) = folder.glob("*.kubeconfig")
    command = (
        sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--dynamo-target=cluster",
        f"--dynamo-kubeconfig={kubeconfig}", f"--dynamo-kube-context={account.context}",
        "--dynamo-probe=models", f"--dynamo-artifacts={folder}", *words,
    )  # fmt: skip
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=READY_SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def await_ready(connection: Connection, name: str, namespace: str) -> None:
    """Wait until the operator has noted that a graph is ready."""
    wait = f"--timeout={OPERATOR_SECONDS:.0f}s"
    done = connection.kubectl(
        "wait", "--for=condition=Ready", f"dgd/{name}", f"--namespace={namespace}", wait,
        timeout=OPERATOR_SECONDS + 10,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_without_a_right_the_sentence_names_it(
    targets: Targets, kubeconfig_file: Path, tmp_path: Path
) -> None:
    (graph,) = read_graphs(AGG)
    fewer = tuple(item for item in READING if item.resource != "pods/portforward")
    with targets.target().deploy(graph) as deployed:
        came_up(deployed)
        place = deployed.namespace
        await_ready(targets.connection, graph.name, place)
        with limited(targets, kubeconfig_file, tmp_path, fewer, namespace=place) as reader:
            words = f"no permission to get pods/portforward in namespace {place}: needed for req"
            with pytest.raises(DeployFailure, match=words):
                find_existing(reader, graph.name, namespace=place)
            with pytest.raises(DeployFailure, match="name one: --dynamo-namespace"):
                find_existing(reader, graph.name, namespace=None)
            with pytest.raises(DeployFailure, match=r"permissions\.md lists what asking a graph"):
                find_existing(reader, graph.name, namespace="default")


def test_what_is_not_there_or_not_ready_is_said(targets: Targets) -> None:
    def no_image(body: Body) -> None:
        pod(body)["containers"][0]["image"] = "localhost/nobody/has-this:1.6.1"

    with given_namespace(targets) as first, given_namespace(targets) as second:
        with pytest.raises(DeployFailure, match=f"no graph vllm-agg in namespace {first}; there"):
            find_existing(targets.connection, "vllm-agg", namespace=first)
        applied(targets.connection, first, spoilt(no_image))
        applied(targets.connection, second, spoilt(no_image))
        with pytest.raises(DeployFailure, match=f"no graph other .*{first}/vllm-agg"):
            find_existing(targets.connection, "other", namespace=first)
        with pytest.raises(DeployFailure, match=r"2 namespaces have a graph vllm-agg: dyn-given"):
            find_existing(targets.connection, "vllm-agg", namespace=None)
        with pytest.raises(DeployFailure, match=r"not ready|no operator has looked") as failed:
            find_existing(targets.connection, "vllm-agg", namespace=first)
        assert "wait --for=condition=Ready dgd/vllm-agg" in failed.value.cause


@contextmanager
def forwarded(line: str) -> Iterator[None]:
    """Run the line that reaches a graph."""
    with subprocess.Popen(shlex.split(line), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("Forwarding from")
            yield
        finally:
            process.kill()


def test_a_graph_that_is_kept_stays_until_its_line_removes_it(
    targets: Targets, tmp_path: Path
) -> None:
    (graph,) = read_graphs(AGG)
    connection, lines = targets.connection, list[str]()
    target = targets.target(keeps=True, kept=lines.append)
    with target.deploy(graph, artifacts=tmp_path) as deployed:
        came_up(deployed)
        deployed.failed(AssertionError("a probe fails"))
    assert kept_namespaces(connection)[deployed.namespace] == graph.name
    note = {"metadata": {"annotations": {PROCESS: "1 0"}}}
    patched = connection.kubectl(
        "patch", "namespace", deployed.namespace, "--type=merge", f"--patch={yaml.safe_dump(note)}"
    )
    assert patched.returncode == 0, patched.stderr
    removed = [removal.what for removal in remove_orphans(connection)]
    assert f"namespace {deployed.namespace}" not in removed
    head, reach, curl, remove = lines
    assert head == f"vllm-agg stays in namespace {deployed.namespace}"
    line = reach.partition(": ")[2].replace(" 8000:8000", " 18000:8000")
    with forwarded(line):
        url = shlex.split(curl)[1].replace(":8000", ":18000")
        answer = requests.get(url, timeout=20)
        assert answer.json()["data"][0]["id"] == "Qwen/Qwen3-0.6B"
    shown = subprocess.run(
        shlex.split(remove.partition(": ")[2]), capture_output=True, check=True, text=True
    )
    assert f'namespace "{deployed.namespace}" deleted' in shown.stdout
    assert deployed.namespace not in kept_namespaces(connection)


def test_what_was_never_made_is_not_kept(
    targets: Targets, kubeconfig_file: Path, tmp_path: Path
) -> None:
    (graph,) = read_graphs(AGG)
    lines: list[str] = []
    looking = next(item for item in OWN_NAMESPACES if item.resource == "namespaces")
    permissions = (replace(looking, verbs=("get",)),)
    with limited(targets, kubeconfig_file, tmp_path, permissions) as connection:
        target = targets.target(keeps=True, kept=lines.append)
        with (
            pytest.raises(DeployFailure, match="cannot be made"),
            replace(target, connection=connection).deploy(graph, artifacts=tmp_path),
        ):
            pass
    assert lines == []


def test_what_a_run_was_not_to_keep_is_an_orphan(targets: Targets) -> None:
    """The same namespace without the note goes: it is the note that keeps it."""
    (graph,) = read_graphs(AGG)
    connection = targets.connection
    with targets.target(keeps=True).deploy(graph) as deployed:
        pass
    notes = {"metadata": {"annotations": {PROCESS: "1 0", KEPT: None}}}
    connection.kubectl(
        "patch", "namespace", deployed.namespace, "--type=merge", f"--patch={yaml.safe_dump(notes)}"
    )
    removals = [
        item for item in remove_orphans(connection) if item.what.endswith(deployed.namespace)
    ]
    assert len(removals) == 1
    removals[0].wait()
    assert connection.get(NAMESPACES, deployed.namespace) is None


def test_what_is_kept_in_a_given_namespace_is_never_taken_over(targets: Targets) -> None:
    (graph,) = read_graphs(AGG)
    lines: list[str] = []
    with given_namespace(targets) as name:
        target = targets.target(namespace=name, keeps=True, kept=lines.append)
        with target.deploy(graph):
            pass
        with (
            pytest.raises(DeployFailure, match=r"vllm-agg already[^$]*kubectl .* delete -n"),
            target.deploy(graph),
        ):
            pass
        remove = shlex.split(lines[-1].partition(": ")[2])
        assert f"--filename={AGG}" in remove
        assert subprocess.run(remove, check=False).returncode == 0
        with target.deploy(graph):
            pass


@pytest.mark.parametrize(
    ("example", "features"),
    [
        ("agg_router", (Feature.KV_ROUTER,)),
        ("disagg_router", (Feature.KV_ROUTER, Feature.DISAGGREGATED)),
    ],
)
def test_two_frontends_route_alike(
    targets: Targets, tmp_path: Path, example: str, features: tuple[Feature, ...]
) -> None:
    body = yaml.safe_load((EXAMPLES / f"{example}.yaml").read_text(encoding="utf-8"))
    frontend = body["spec"]["components"][0]
    assert frontend["type"] == "frontend"
    frontend["replicas"] = 2
    graph, path = written(tmp_path, body)
    with targets.target(TOKEN).deploy(graph, file=path) as deployment:
        came_up(deployment)
        deadline = time.monotonic() + READY_SECONDS
        while deployment.settled_for is None:
            deployment.check()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        promised = serving(graph)
        assert promised is not None
        wait_registered(deployment.url, promised.registers)
        results = judged(deployment, ("routing",), *features)
    passed = [name for name, result in results.items() if result.outcome is Outcome.PASS]
    wrong = {
        name: (result.outcome, result.reason, result.expected, result.got)
        for name, result in results.items()
        if name not in passed
    }
    unpromised = set() if Feature.DISAGGREGATED in features else {"routing.disaggregated"}
    assert wrong.keys() == unpromised, wrong
