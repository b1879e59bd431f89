"""Examples on a live cluster that has an operator, and what keeps them from coming up.

`DYN_CONFORMANCE_KUBECONFIG` names a cluster that is made ready for the examples: an operator, GPUs
(real ones or advertised), the mock engine under the published names; without it the fixture
`kubeconfig` makes a cluster.
"""

from __future__ import annotations

import hashlib
import secrets
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests
import yaml
from cluster_runs import READY_SECONDS, TOKEN, Targets, came_up, given_namespace, limited
from planted_faults import (
    AGG,
    EXAMPLES,
    KILL,
    Body,
    applied,
    mortal,
    pod,
    published,
    sleeps,
    slow,
    spoilt,
    wire,
    worker,
    written,
)

from dynamo_conformance.kube.connection import Connection
from dynamo_conformance.kube.labels import (
    OPERATOR,
    OPERATOR_NAME,
    OPERATOR_NAMESPACE,
    PART,
)
from dynamo_conformance.kube.resources import CONFIG_MAPS, PODS, SECRETS, graphs
from dynamo_conformance.manifest.read import read_graphs
from dynamo_conformance.rendering.labels import GRAPH
from dynamo_conformance.targets.cluster.apply import Manifest
from dynamo_conformance.targets.cluster.namespace import (
    Namespace,
    Removal,
    new_name,
    remove_orphans,
)
from dynamo_conformance.targets.cluster.permissions import needed
from dynamo_conformance.targets.cluster.preflight import PreflightOptions, preflight
from dynamo_conformance.targets.cluster.run_state import RunState
from dynamo_conformance.targets.cluster.watch import PULSE_SECONDS
from dynamo_conformance.targets.interface import DeployFailure
from dynamo_conformance.targets.readiness import wait_ready

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from planted_faults import Wire

    from dynamo_conformance.manifest.node import Plain
    from dynamo_conformance.targets.cluster.cluster_deployment import ClusterDeployment

FAIL_SECONDS = 45.0


def test_a_published_example_answers_with_its_own_bytes(targets: Targets) -> None:
    file = EXAMPLES / "disagg.yaml"
    (graph,) = read_graphs(file)
    with targets.target().deploy(graph, file=file) as deployment:
        came_up(deployment, "Qwen/Qwen3-0.6B")
        assert deployment.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
        stored = targets.connection.get(
            graphs("v1beta1"), graph.name, namespace=deployment.namespace
        )
        assert stored is not None
        by_role = {worker.name.split("worker")[0]: worker for worker in deployment.workers}
        assert by_role.keys() == {"vllm-disagg-vllmdecode", "vllm-disagg-vllmprefill"}
        for worker in deployment.workers:
            answer = requests.get(f"{worker.system_url}/metrics", timeout=30)
            assert "dynamo_component" in answer.text
        assert all(str(change).startswith(("V", "F")) for change in deployment.changes)
        assert deployment.settled_for is not None
    assert not deployment.logs.exists()
    with pytest.raises(DeployFailure, match="being removed"):
        _ = deployment.url


def test_the_address_survives_the_pod_behind_it(targets: Targets) -> None:
    (graph,) = read_graphs(AGG)
    with targets.target().deploy(graph) as deployment:
        came_up(deployment)
        url = deployment.url
        before = [name for name in pods_of(targets, deployment) if "frontend" in name]
        targets.connection.delete(PODS, before[0], namespace=deployment.namespace)
        deadline = time.monotonic() + READY_SECONDS
        while before[0] in pods_of(targets, deployment):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        came_up(deployment)
        assert deployment.url == url
        deployment.check()


def pods_of(targets: Targets, deployment: ClusterDeployment) -> list[str]:
    return [pod.name for pod in targets.connection.list(PODS, namespace=deployment.namespace)]


@dataclass(frozen=True)
class Fault:
    """Something wrong, and the words for it."""

    change: Callable[[Body], object]
    what: str
    cause: str = ""
    log: str = ""
    objects: tuple[Body, ...] = (TOKEN,)


def no_image(body: Body) -> None:
    worker(body)["image"] = "registry.invalid/ai-dynamo/vllm-runtime:1.6.1"


def no_such_flag(body: Body) -> None:
    worker(body)["args"].append("--is-prefill-worker")


def out_of_memory(body: Body) -> None:
    worker(body)["command"] = ["python3", "-c", "x = [bytearray(2**20) for _ in range(999)]"]
    worker(body).pop("args")
    worker(body)["resources"] = {"limits": {"memory": "64Mi"}}


def too_many_gpus(body: Body) -> None:
    worker(body)["resources"]["limits"]["nvidia.com/gpu"] = "4000"


def no_claim(body: Body) -> None:
    claim = {"name": "m", "persistentVolumeClaim": {"claimName": "never-made"}}
    pod(body)["volumes"] = [claim]
    worker(body)["volumeMounts"] = [{"name": "m", "mountPath": "/m"}]


def hangs(body: Body) -> None:
    worker(body)["command"] = sleeps()
    worker(body).pop("args")
    worker(body)["startupProbe"] = {"exec": {"command": ["true"]}}
    worker(body)["livenessProbe"]["periodSeconds"] = 1
    worker(body)["livenessProbe"]["failureThreshold"] = 2


def no_account(body: Body) -> None:
    pod(body)["serviceAccountName"] = "dynamo-runner"


def no_program(body: Body) -> None:
    worker(body)["command"] = ["dynamo run"]


QUOTA: Body = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "no-gpus"},
    "spec": {"hard": {"requests.nvidia.com/gpu": "0"}},
}

FAULTS = {
    "image": Fault(no_image, "image registry.invalid/.* cannot be pulled", "cannot reach the reg"),
    "crash": Fault(no_such_flag, "VllmWorker exited with code 2", "no such flag", "unrecognized"),
    # A busy node may report the end before it knows that the kernel ran out of memory.
    "memory": Fault(
        out_of_memory,
        "took more memory than its limit of 64Mi|was ended by SIGKILL",
        "memory",
    ),
    "secret": Fault(
        lambda _body: None,
        "needs the Secret hf-token-secret",
        "bring it along",
        objects=({**TOKEN, "metadata": {"name": "another"}},),
    ),
    "gpus": Fault(too_many_gpus, "no node has enough nvidia.com/gpu left", "ask for less"),
    "claim": Fault(no_claim, "PersistentVolumeClaim never-made is not in the namespace", "create"),
    "quota": Fault(
        lambda _body: None, "the quota no-gpus does not allow it", "raise", objects=(TOKEN, QUOTA)
    ),
    "probe": Fault(hangs, "VllmWorker was killed by its liveness probe", "more time"),
    "account": Fault(no_account, "service account dynamo-runner is not in the namespace", "create"),
    "program": Fault(no_program, "cannot be started .*dynamo run", "one word per item"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_what_is_wrong_is_diagnosed_in_seconds(
    targets: Targets, tmp_path: Path, fault: Fault
) -> None:
    graph, file = written(tmp_path, spoilt(fault.change))
    kept = tmp_path / "kept"
    began = time.monotonic()
    target = targets.target(*fault.objects)
    with (
        pytest.raises(DeployFailure, match=fault.what) as failed,
        target.deploy(graph, file=file, artifacts=kept) as deployment,
    ):
        came_up(deployment)
    assert time.monotonic() - began < FAIL_SECONDS
    assert fault.cause in failed.value.cause
    assert fault.log in "\n".join(failed.value.log)
    page = (kept / "why.md").read_text(encoding="utf-8")
    assert failed.value.what in page
    assert failed.value.cause in page
    assert (kept / file.name).read_bytes() == file.read_bytes()
    assert "DynamoGraphDeployment" in (kept / "objects" / "dynamographdeployments.yaml").read_text()
    assert (kept / "events.txt").read_text().strip()
    assert "stringData" not in (kept / "objects" / "secrets.yaml").read_text()
    assert "ZHVtbXk=" not in (kept / "objects" / "secrets.yaml").read_text()
    if fault.log:
        logs = [log.read_text() for log in (kept / "logs").rglob("main*.log")]
        assert any(fault.log in text for text in logs)


def test_a_claim_that_no_provisioner_takes_up_is_named(targets: Targets, tmp_path: Path) -> None:
    name = f"absent-{secrets.token_hex(3)}"
    claim: Body = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "never-made"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            "storageClassName": name,
        },
    }
    storage_class: Body = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": "example.com/absent",
    }
    graph, file = written(tmp_path, spoilt(no_claim))
    applied(targets.connection, "default", storage_class)
    try:
        with (
            pytest.raises(
                DeployFailure, match=r"the provisioner example\.com/absent has not"
            ) as failed,
            targets.target(TOKEN, claim).deploy(graph, file=file) as deployment,
        ):
            came_up(deployment)
    finally:
        targets.connection.kubectl("delete", "storageclass", name)
    assert f"never-made (storage class {name}), which VllmWorker needs, gets" in failed.value.what


def test_a_graph_waits_for_the_room_that_another_one_holds(
    targets: Targets, tmp_path: Path
) -> None:
    def large(body: Body) -> None:
        # More than half of what the node advertises.
        worker(body)["resources"]["limits"]["nvidia.com/gpu"] = "600"

    shared = RunState()
    graph, file = written(tmp_path, spoilt(large))
    with ExitStack() as first:
        earlier = first.enter_context(targets.target(shared=shared).deploy(graph, file=file))
        came_up(earlier)
        with targets.target(shared=shared).deploy(graph, file=file) as two:
            deadline = time.monotonic() + READY_SECONDS
            while not two.is_held and time.monotonic() < deadline:
                time.sleep(0.2)
            # Longer than a pod is given for which nobody will make room.
            time.sleep(8)
            two.check()
            first.close()
            came_up(two)


def test_an_operator_that_does_not_run_is_named_in_seconds(
    targets: Targets, tmp_path: Path
) -> None:
    operator = ("deployment", OPERATOR_NAME, "-n", OPERATOR_NAMESPACE)
    hooks = "mutatingwebhookconfigurations,validatingwebhookconfigurations"
    kubectl = targets.connection.kubectl
    kept = kubectl("get", hooks, "-l", f"{PART}={OPERATOR}", "-o", "yaml").stdout
    graph, file = written(tmp_path, published())
    try:
        # With its webhooks there, the API server says it at once.
        kubectl("delete", hooks, "-l", f"{PART}={OPERATOR}")
        kubectl("scale", *operator, "--replicas=0")
        kubectl("wait", "pod", "-n", OPERATOR_NAMESPACE, "--all", "--for=delete", "--timeout=60s")
        with (
            pytest.raises(DeployFailure, match=f"{OPERATOR_NAME} in namespace .* is scaled to 0"),
            targets.target().deploy(graph, file=file) as deployment,
        ):
            came_up(deployment)
    finally:
        kubectl("scale", *operator, "--replicas=1")
        kubectl("create", "-f", "-", stdin=kept)
        kubectl("rollout", "status", *operator, f"--timeout={READY_SECONDS:.0f}s")


def test_what_is_not_admitted_is_reported_at_once(targets: Targets, tmp_path: Path) -> None:
    def my_tag(body: Body) -> None:
        worker(body)["image"] = "my-registry/vllm-runtime:my-tag"

    graph, file = written(tmp_path, spoilt(my_tag))
    with (
        pytest.raises(DeployFailure, match=r"is not admitted: .*runtimeVersionOverride"),
        targets.target().deploy(graph, file=file, artifacts=tmp_path / "kept"),
    ):
        pass
    assert "runtimeVersionOverride" in (tmp_path / "kept" / "why.md").read_text()


def test_an_unknown_field_is_reported_at_once(targets: Targets, tmp_path: Path) -> None:
    body = published()
    body["spec"]["componentz"] = []
    graph, file = written(tmp_path, body)
    with (
        pytest.raises(DeployFailure, match=r"does not know a field.*componentz"),
        targets.target().deploy(graph, file=file, artifacts=tmp_path / "kept"),
    ):
        pass


def test_a_frontend_without_a_worker_is_said_before_the_time_is_up(
    targets: Targets, tmp_path: Path
) -> None:
    def mute(body: Body) -> None:
        worker(body)["command"] = sleeps()
        worker(body).pop("args")
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            worker(body)[probe] = {"exec": {"command": ["true"]}}

    graph, file = written(tmp_path, spoilt(mute))
    began = time.monotonic()
    with (
        pytest.raises(DeployFailure, match="no worker has registered"),
        targets.target().deploy(graph, file=file, artifacts=tmp_path / "kept") as deployment,
    ):
        came_up(deployment)
    assert time.monotonic() - began < READY_SECONDS / 2
    transcript = (tmp_path / "kept" / "transcript.txt").read_text()
    assert "GET /v1/models" in transcript


def test_what_never_becomes_ready_is_shown_with_its_log(targets: Targets, tmp_path: Path) -> None:
    def slow(body: Body) -> None:
        sleep, flag, code = sleeps()
        worker(body)["command"] = [sleep, flag, f"print('still loading', flush=True); {code}"]
        worker(body).pop("args")

    graph, file = written(tmp_path, spoilt(slow))
    with (
        pytest.raises(DeployFailure, match=r"1 of 2 pods are ready; VllmWorker: runs") as caught,
        targets.target().deploy(graph, file=file, artifacts=tmp_path / "kept") as deployment,
    ):
        wait_ready(deployment, model=None, timeout=40, unready=deployment.unready)
    assert caught.value.log == ("still loading",)
    assert not caught.value.cause


def test_a_worker_that_dies_under_way_is_the_verdict(targets: Targets, tmp_path: Path) -> None:
    graph, file = written(tmp_path, spoilt(mortal))
    with (
        pytest.raises(DeployFailure, match="VllmWorker was ended by SIGKILL"),
        targets.target().deploy(graph, file=file, artifacts=tmp_path / "kept") as deployment,
    ):
        killed_mid_stream(targets, deployment)


def killed_mid_stream(targets: Targets, deployment: ClusterDeployment) -> None:
    """Kill the worker while it answers, and raise what comes of it."""
    came_up(deployment)
    (pod_name,) = [name for name in pods_of(targets, deployment) if "worker" in name]
    body = {"model": "Qwen/Qwen3-0.6B", "prompt": "x", "max_tokens": 4000, "stream": True}
    address = f"{deployment.url}/v1/completions"
    with requests.post(address, json=body, stream=True, timeout=30) as answer:
        lines = answer.iter_lines()
        assert next(lines)
        words = ("exec", "-n", deployment.namespace, pod_name, "--", "python3", "-c", KILL)
        targets.connection.kubectl(*words)
        rest: list[bytes] = []
        with suppress(requests.RequestException):
            rest += lines
        # The frontend (1.6.1) says it in the stream, whose status was 200 already.
        assert any(line.startswith(b'data: {"error"') for line in rest)
    noticed(deployment)


def noticed(deployment: ClusterDeployment) -> None:
    """Raise what a deployment has noticed, as soon as it has."""
    deadline = time.monotonic() + FAIL_SECONDS
    while time.monotonic() < deadline:
        deployment.check()
        time.sleep(0.1)


def test_a_frontend_that_is_deleted_under_load_ends_requests_and_nothing_else(
    targets: Targets, tmp_path: Path
) -> None:
    graph, file = written(tmp_path, spoilt(slow))
    with targets.target().deploy(graph, file=file) as deployment:
        came_up(deployment)
        body = {"model": "Qwen/Qwen3-0.6B", "prompt": "x", "max_tokens": 4000, "stream": True}
        (pod_name,) = [name for name in pods_of(targets, deployment) if "frontend" in name]
        address = f"{deployment.url}/v1/completions"
        with requests.post(address, json=body, stream=True, timeout=30) as answer:
            lines = answer.iter_lines()
            assert next(lines)
            now: dict[str, Plain] = {"gracePeriodSeconds": 0}
            targets.connection.delete(PODS, pod_name, namespace=deployment.namespace, options=now)
            with pytest.raises(requests.RequestException):
                for _ in lines:
                    pass
        came_up(deployment)
        deployment.check()


@contextmanager
def through_a_wire(kubeconfig: Path, folder: Path) -> Iterator[tuple[Connection, Wire]]:
    """Return a connection to the cluster that can be cut."""
    config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    (cluster,) = config["clusters"]
    server = urlsplit(cluster["cluster"]["server"])
    with wire(server.hostname or "", server.port or 443) as opened:
        cluster["cluster"]["server"] = f"https://127.0.0.1:{opened.port}"
        path = folder / "kubeconfig"
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        with Connection(path) as connection:
            yield connection, opened


def test_a_dropped_connection_is_made_again(
    targets: Targets, kubeconfig_file: Path, tmp_path: Path
) -> None:
    (graph,) = read_graphs(AGG)
    with through_a_wire(kubeconfig_file, tmp_path) as (connection, line):
        target = replace(targets.target(), connection=connection, removed=Removal.wait)
        with target.deploy(graph) as deployment:
            came_up(deployment)
            url = deployment.url
            line.cut()
            with pytest.raises(requests.RequestException):
                # Shorter than the API may be away before that is the failure.
                requests.get(f"{url}/v1/models", timeout=5)
            time.sleep(PULSE_SECONDS * 2)
            line.repair()
            came_up(deployment)
            # What happens after the break is seen: the watches are back too.
            (pod_name,) = [name for name in pods_of(targets, deployment) if "frontend" in name]
            targets.connection.delete(PODS, pod_name, namespace=deployment.namespace)
            deadline = time.monotonic() + READY_SECONDS
            while any(pod.name == pod_name for pod in deployment.watch.snapshot.pods):
                assert time.monotonic() < deadline
                time.sleep(0.2)


def test_an_api_that_stays_away_is_the_verdict(
    targets: Targets, kubeconfig_file: Path, tmp_path: Path
) -> None:
    (graph,) = read_graphs(AGG)
    with through_a_wire(kubeconfig_file, tmp_path) as (connection, line):
        removals: list[Removal] = []
        target = replace(targets.target(), connection=connection, removed=removals.append)
        with (
            pytest.raises(DeployFailure, match="API has not answered for"),
            target.deploy(graph, artifacts=tmp_path / "kept") as deployment,
        ):
            cut(line, deployment)
        assert "API has not answered" in (tmp_path / "kept" / "why.md").read_text()
        line.repair()
        for removal in removals:
            removal.wait()


def cut(line: Wire, deployment: ClusterDeployment) -> None:
    """Cut the way to the API, and raise what comes of it."""
    line.cut()
    noticed(deployment)


HANG_SECONDS = 120.0
"""How long after its start a run has ended, or says in which lines its threads are."""

DEPLOY = """
import faulthandler
import sys
from pathlib import Path
from dynamo_conformance.interrupts import guarded_interrupt
from dynamo_conformance.manifest.read import read_graphs
from dynamo_conformance.kube.connection import Connection
from dynamo_conformance.targets.cluster.run_state import RunState
from dynamo_conformance.targets.cluster.cluster_target import ClusterTarget
from dynamo_conformance.targets.readiness import wait_ready

kubeconfig, run, file, seconds = sys.argv[1:]
faulthandler.dump_traceback_later(float(seconds), exit=True)

def say(line):
    print(line, flush=True)

with guarded_interrupt(), Connection(Path(kubeconfig)) as connection:
    (graph,) = read_graphs(Path(file))
    say("connected")
    target = ClusterTarget(connection=connection, run=run, fill_namespace=lambda _: say("made"),
                           progress=say)
    with target.deploy(graph) as deployment:
        say("applied")
        deployment.url
        say("listening")
        wait_ready(deployment, model=None, timeout=300)
"""

STAGES = ("connected", "made", "applying", "applied", "listening")


@contextmanager
def another_run(kubeconfig: Path, run: str) -> Iterator[subprocess.Popen[str]]:
    """Start a run of its own that deploys agg.yaml."""
    process = subprocess.Popen(
        # A run that was started in the background ignores Ctrl-C otherwise.
        [
            "env",
            "--default-signal=INT",
            sys.executable,
            "-c",
            DEPLOY,
            str(kubeconfig),
            run,
            str(AGG),
            str(HANG_SECONDS),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def reached(process: subprocess.Popen[str], stage: str) -> None:
    """Return when a run has come to a stage."""
    for line in process.stdout or ():
        if line.startswith(stage):
            return
    raise AssertionError((process.stderr or sys.stdin).read())


@pytest.mark.parametrize("pause", [0.0, 0.02, 0.3])
@pytest.mark.parametrize("stage", STAGES)
def test_an_interrupt_leaves_nothing(
    targets: Targets, kubeconfig_file: Path, stage: str, pause: float
) -> None:
    with another_run(kubeconfig_file, targets.run) as process:
        reached(process, stage)
        time.sleep(pause)
        process.send_signal(signal.SIGINT)
        _, output = process.communicate(timeout=HANG_SECONDS * 1.5)
        assert process.returncode == -signal.SIGINT, output
        assert "KeyboardInterrupt" in output
        assert targets.left() == []


@pytest.mark.parametrize("stage", ["made", "applied"])
def test_what_a_killed_run_left_is_found_and_removed(
    targets: Targets, kubeconfig_file: Path, stage: str
) -> None:
    mine = Namespace(targets.connection, new_name("alive"), run=targets.run)
    mine.create()
    try:
        with another_run(kubeconfig_file, targets.run) as process:
            reached(process, stage)
            process.kill()
            process.communicate()
        (left,) = set(targets.left()) - {mine.name}
        removals = remove_orphans(targets.connection)
        assert [removal.what for removal in removals] == [f"namespace {left}"]
        for removal in removals:
            removal.wait()
        assert targets.left() == [mine.name]
    finally:
        targets.removals.append(mine.remove())


def test_a_given_namespace_keeps_all_that_was_there(targets: Targets, tmp_path: Path) -> None:
    (graph,) = read_graphs(AGG)
    brought = tmp_path / "brought.yaml"
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "brought"}}
    brought.write_text(yaml.safe_dump(config), encoding="utf-8")
    with given_namespace(targets) as name:
        target = targets.target(namespace=name, bring=(brought,))
        with replace(target, removed=Removal.wait).deploy(graph) as deployment:
            came_up(deployment)
            assert deployment.namespace == name
            assert targets.connection.get(CONFIG_MAPS, "brought", namespace=name) is not None
        assert targets.connection.get(CONFIG_MAPS, "brought", namespace=name) is None
        assert targets.connection.list(graphs("v1beta1"), namespace=name) == []
        assert targets.connection.list(PODS, namespace=name, labels=f"{GRAPH}={graph.name}") == []
        assert targets.connection.get(SECRETS, "hf-token-secret", namespace=name) is not None


def test_what_is_in_a_given_namespace_is_never_taken_over(targets: Targets) -> None:
    (graph,) = read_graphs(AGG)
    with given_namespace(targets) as name:
        done = targets.connection.kubectl("apply", "-n", name, "-f", str(AGG))
        assert done.returncode == 0
        with (
            pytest.raises(DeployFailure, match="vllm-agg already, not made by this run"),
            targets.target(namespace=name).deploy(graph),
        ):
            pass
        assert targets.connection.get(graphs("v1beta1"), graph.name, namespace=name) is not None


def test_the_listed_permissions_are_enough(
    targets: Targets, kubeconfig_file: Path, tmp_path: Path
) -> None:
    (graph,) = read_graphs(AGG)
    with limited(targets, kubeconfig_file, tmp_path, needed(given_namespace=False)) as connection:
        assert preflight(connection, [Manifest.read(AGG)], options=PROVIDED) == ()
        target = replace(targets.target(), connection=connection, removed=Removal.wait)
        with target.deploy(graph) as deployment:
            came_up(deployment)
            assert deployment.workers
        permissions = tuple(
            item for item in needed(given_namespace=False) if item.resource != "pods/log"
        )
    with limited(targets, kubeconfig_file, tmp_path, permissions) as connection:
        (missing,) = preflight(connection, [Manifest.read(AGG)], options=PROVIDED)
        assert missing.what.startswith("no permission to get pods/log: needed for the last words")


PROVIDED = PreflightOptions(
    provided=frozenset({("Secret", "hf-token-secret")}), scaled={"cpu": "10m", "memory": "16Mi"}
)
