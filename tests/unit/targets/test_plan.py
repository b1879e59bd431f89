"""The plan of a graph: its processes, and every change in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conformance.manifest.config_maps import config_maps
from conformance.manifest.document import read_file
from conformance.manifest.read import read_graphs
from conformance.rendering.failure import ReconcileFailure
from conformance.targets.local.plan import Plan, World, plan
from conformance.targets.local.ports import Ports

EXAMPLES = Path(__file__).parents[3] / "examples" / "llm" / "vllm_v1" / "launch" / "k8s"
RUN = Path("/run-folder")

MOUNTED = """\
apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata: {name: m}
spec:
  components:
  - name: worker
    type: worker
    podTemplate:
      spec:
        initContainers: [{name: fetch, image: busybox:1.36}]
        volumes: [{name: models, persistentVolumeClaim: {claimName: models}}]
        containers:
        - name: main
          image: i:1.6.1
          workingDir: /workspace
          command: [python3, -m, dynamo.vllm]
          args: [--model, /models/r1, --served-model-name, $(NAME)]
          volumeMounts: [{name: models, mountPath: /models}]
          env:
          - {name: HF_HOME, value: /models/hub}
          - {name: NAME, value: r1-$(DYN_COMPONENT)}
          - {name: TOKEN, valueFrom: {secretKeyRef: {name: s, key: HF_TOKEN}}}
          - {name: OTHER, valueFrom: {secretKeyRef: {name: s, key: OTHER}}}
"""


def planned(path: Path, *, secrets: dict[str, str] | None = None) -> Plan:
    (graph,) = read_graphs(path)
    beside = config_maps(read_file(path))
    world = World(run=RUN, base={"PATH": "/bin"}, secrets=secrets or {}, config_maps=beside)
    with Ports() as ports:
        return plan(graph, world=world, ports=ports)


def test_every_replica_is_a_process_and_the_frontend_comes_first() -> None:
    found = planned(EXAMPLES / "disagg_router.yaml")
    assert [start.name for start in found.starts] == [
        "Frontend",
        "VllmDecodeWorker-0",
        "VllmDecodeWorker-1",
        "VllmPrefillWorker-0",
        "VllmPrefillWorker-1",
    ]
    assert [worker.name for worker in found.workers] == [one.name for one in found.starts[1:]]
    systems = {start.env.get("DYN_SYSTEM_PORT") for start in found.starts[1:]}
    assert len(systems) == 4
    assert all(start.env["DYN_DISCOVERY_BACKEND"] == "file" for start in found.starts)


def test_kv_event_ports_differ_between_replicas_in_the_arguments() -> None:
    found = planned(EXAMPLES / "agg_router.yaml")
    configs = [json.loads(start.argv[-1]) for start in found.starts[1:]]
    assert len({config["endpoint"] for config in configs}) == 2
    assert all(config["enable_kv_cache_events"] for config in configs)


def test_nodes_of_a_group_share_the_rendezvous_port() -> None:
    found = planned(EXAMPLES / "deepseek_r1" / "agg_dp.yaml")
    assert [start.name for start in found.starts] == ["Frontend", "VllmWorker.0", "VllmWorker.1"]
    scripts = [start.argv[2] for start in found.starts[1:]]
    ports = {script.partition("--data-parallel-rpc-port ")[2].split()[0] for script in scripts}
    assert len(ports) == 1
    assert [start.env["LWS_WORKER_INDEX"] for start in found.starts[1:]] == ["0", "1"]


FRONTEND = """\
  - name: web
    type: frontend
    podTemplate:
      spec:
        containers:
        - name: main
          image: i:1.6.1
          command: [python3, -m, dynamo.frontend]
          args: [--http-port, "8123"]
"""


def test_the_endpoint_is_where_the_frontend_s_words_put_it(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(MOUNTED + FRONTEND, encoding="utf-8")
    (graph,) = read_graphs(path)
    world = World(run=RUN, base={})
    with Ports() as ports:
        free = ports.take(0)
    with Ports() as ports:
        found = plan(graph, world=world, ports=ports, port=free)
    assert found.url == f"http://127.0.0.1:{free}"
    assert found.starts[0].argv[-2:] == ("--http-port", str(free))
    assert f"web: port 8123 -> {free}" in {str(change) for change in found.changes}


def test_followers_that_only_lend_gpus_are_no_workers_to_ask(tmp_path: Path) -> None:
    text = MOUNTED.replace("    type: worker", "    type: worker\n    multinode: {nodeCount: 2}")
    text = text.replace("/models/r1,", "/models/r1, --tensor-parallel-size, '16',")
    gpus = "resources: {limits: {nvidia.com/gpu: '8'}}"
    path = tmp_path / "m.yaml"
    path.write_text(text.replace("workingDir: /workspace", gpus), encoding="utf-8")
    found = planned(path)
    assert [start.name for start in found.starts] == ["worker.0", "worker.1"]
    assert "--headless" in found.starts[1].argv
    assert [worker.name for worker in found.workers] == ["worker.0"]


def test_an_author_s_own_plane_is_changed_with_a_word(tmp_path: Path) -> None:
    plane = "          - {name: DYN_REQUEST_PLANE, value: nats}\n          - {name: HF_HOME"
    path = tmp_path / "m.yaml"
    path.write_text(MOUNTED.replace("          - {name: HF_HOME", plane), encoding="utf-8")
    said = {str(change) for change in planned(path).changes}
    assert "worker: DYN_REQUEST_PLANE=nats -> tcp" in said


def test_mounts_secrets_and_other_containers_are_changes_in_words(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(MOUNTED, encoding="utf-8")
    found = planned(path, secrets={"HF_TOKEN": "t"})
    (start,) = found.starts
    folder = f"{RUN}/volumes/models"
    assert start.argv[-3:] == (f"{folder}/r1", "--served-model-name", "r1-worker")
    assert (start.env["HF_HOME"], start.env["TOKEN"]) == (f"{folder}/hub", "t")
    assert "OTHER" not in start.env
    assert start.cwd == RUN / "root" / "workspace"
    assert {Path(folder), start.cwd} <= set(found.folders)
    assert found.hubs == (Path(folder) / "hub",)
    said = {str(change) for change in found.changes}
    assert f"worker: mount /models -> {folder}" in said
    assert f"worker: path /workspace -> {RUN}/root/workspace" in said
    assert "worker: OTHER has no value here and is left out" in said
    assert "worker: container fetch is not run here" in said
    assert found.url is None


def test_what_the_operator_would_refuse_is_not_started(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(MOUNTED.replace("type: worker", "type: main"), encoding="utf-8")
    with pytest.raises(ReconcileFailure):
        planned(path)


def test_the_files_of_a_config_map_are_where_they_are_mounted(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    text = MOUNTED.replace("persistentVolumeClaim: {claimName: models}", "configMap: {name: c}")
    beside = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {r1: "x: 1"}\n---\n'
    path.write_text(beside + text, encoding="utf-8")
    found = planned(path)
    assert found.files == {RUN / "volumes" / "models" / "r1": "x: 1"}
    assert f"{RUN}/volumes/models/r1" in found.starts[0].argv


def test_one_file_of_a_config_map_can_be_mounted_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    text = MOUNTED.replace("persistentVolumeClaim: {claimName: models}", "configMap: {name: c}")
    text = text.replace("mountPath: /models}", "mountPath: /models/r1, subPath: file}")
    beside = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {file: "x: 1"}\n---\n'
    path.write_text(beside + text, encoding="utf-8")
    found = planned(path)
    assert found.files == {RUN / "volumes" / "models" / "file": "x: 1"}
    assert f"{RUN}/volumes/models/file" in found.starts[0].argv
    assert RUN / "volumes" / "models" / "file" not in found.folders


def test_what_mpirun_would_start_is_left_to_the_first_node() -> None:
    examples = EXAMPLES.parents[2] / "tensorrt_llm" / "launch" / "k8s"
    found = planned(examples / "deepseek_r1" / "disagg.yaml")
    names = [start.name for start in found.starts]
    assert names == ["Frontend", "decode.0", "prefill"]
    assert found.starts[1].argv[:3] == ("python3", "-m", "dynamo.trtllm")
    assert any("mpirun over ssh" in str(change) for change in found.changes)
