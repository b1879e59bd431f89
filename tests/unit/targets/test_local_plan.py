"""The plan of a graph: its processes, and every change in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dynamo_conformance.manifest.graph import Container
from dynamo_conformance.manifest.node import Mapping, from_plain
from dynamo_conformance.manifest.read import read_graphs
from dynamo_conformance.rendering.reconcile_failure import ReconcileFailure
from dynamo_conformance.targets.interface import DeployFailure
from dynamo_conformance.targets.local.gpus import GpuPlacement, machine_gpus
from dynamo_conformance.targets.local.local_plan import LocalPlan, RunSettings, plan
from dynamo_conformance.targets.local.port_reservations import Ports

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


def planned(path: Path, *, secrets: dict[str, str] | None = None) -> LocalPlan:
    (graph,) = read_graphs(path)
    settings = RunSettings(run=RUN, base={"PATH": "/bin"}, secrets=secrets or {})
    with Ports() as ports:
        return plan(graph, settings=settings, ports=ports)


def test_every_replica_is_a_process_and_the_frontend_comes_first() -> None:
    made = planned(EXAMPLES / "disagg_router.yaml")
    assert [start.name for start in made.starts] == [
        "Frontend",
        "VllmDecodeWorker-0",
        "VllmDecodeWorker-1",
        "VllmPrefillWorker-0",
        "VllmPrefillWorker-1",
    ]
    assert [worker.name for worker in made.workers] == [item.name for item in made.starts[1:]]
    systems = {start.env.get("DYN_SYSTEM_PORT") for start in made.starts[1:]}
    assert len(systems) == 4
    assert all(start.env["DYN_DISCOVERY_BACKEND"] == "file" for start in made.starts)


def test_kv_event_ports_differ_between_replicas_in_the_arguments() -> None:
    made = planned(EXAMPLES / "agg_router.yaml")
    configs = [json.loads(start.argv[-1]) for start in made.starts[1:]]
    assert len({config["endpoint"] for config in configs}) == 2
    assert all(config["enable_kv_cache_events"] for config in configs)


def test_nodes_of_a_group_share_the_rendezvous_port() -> None:
    made = planned(EXAMPLES / "deepseek_r1" / "agg_dp.yaml")
    assert [start.name for start in made.starts] == [
        "Frontend",
        "VllmWorker.0",
        "VllmWorker.1",
    ]
    scripts = [start.argv[2] for start in made.starts[1:]]
    ports = {script.partition("--data-parallel-rpc-port ")[2].split()[0] for script in scripts}
    assert len(ports) == 1
    assert [start.env["LWS_WORKER_INDEX"] for start in made.starts[1:]] == ["0", "1"]


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
    settings = RunSettings(run=RUN, base={})
    with Ports() as ports:
        free = ports.take(0)
    with Ports() as ports:
        made = plan(graph, settings=settings, ports=ports, port=free)
    assert made.url == f"http://127.0.0.1:{free}"
    assert made.starts[0].argv[-2:] == ("--http-port", str(free))
    assert f"web: port 8123 -> {free}" in {str(change) for change in made.changes}


def test_followers_that_only_lend_gpus_are_no_workers_to_ask(tmp_path: Path) -> None:
    text = MOUNTED.replace("    type: worker", "    type: worker\n    multinode: {nodeCount: 2}")
    text = text.replace("/models/r1,", "/models/r1, --tensor-parallel-size, '16',")
    gpus = "resources: {limits: {nvidia.com/gpu: '8'}}"
    path = tmp_path / "m.yaml"
    path.write_text(text.replace("workingDir: /workspace", gpus), encoding="utf-8")
    made = planned(path)
    assert [start.name for start in made.starts] == ["worker.0", "worker.1"]
    assert "--headless" in made.starts[1].argv
    assert [worker.name for worker in made.workers] == ["worker.0"]


def test_an_author_s_own_plane_is_changed_with_a_word(tmp_path: Path) -> None:
    plane = "          - {name: DYN_REQUEST_PLANE, value: nats}\n          - {name: HF_HOME"
    path = tmp_path / "m.yaml"
    path.write_text(MOUNTED.replace("          - {name: HF_HOME", plane), encoding="utf-8")
    changes = {str(change) for change in planned(path).changes}
    assert "worker: DYN_REQUEST_PLANE=nats -> tcp" in changes


def test_mounts_secrets_and_other_containers_are_changes_in_words(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(MOUNTED, encoding="utf-8")
    made = planned(path, secrets={"HF_TOKEN": "t"})
    (start,) = made.starts
    folder = f"{RUN}/volumes/models"
    assert start.argv[-3:] == (f"{folder}/r1", "--served-model-name", "r1-worker")
    assert (start.env["HF_HOME"], start.env["TOKEN"]) == (f"{folder}/hub", "t")
    assert "OTHER" not in start.env
    assert start.cwd == RUN / "root" / "workspace"
    assert {Path(folder), start.cwd} <= set(made.folders)
    assert list(made.hubs) == [Path(folder) / "hub"]
    changes = {str(change) for change in made.changes}
    assert f"worker: mount /models -> {folder}" in changes
    assert f"worker: path /workspace -> {RUN}/root/workspace" in changes
    assert "worker: OTHER has no value here and is left out" in changes
    assert "worker: container fetch is not run here" in changes
    assert made.url is None


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
    made = planned(path)
    assert made.files == {RUN / "volumes" / "models" / "r1": "x: 1"}
    assert f"{RUN}/volumes/models/r1" in made.starts[0].argv


def test_one_file_of_a_config_map_can_be_mounted_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    text = MOUNTED.replace("persistentVolumeClaim: {claimName: models}", "configMap: {name: c}")
    text = text.replace("mountPath: /models}", "mountPath: /models/r1, subPath: file}")
    beside = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {file: "x: 1"}\n---\n'
    path.write_text(beside + text, encoding="utf-8")
    made = planned(path)
    assert made.files == {RUN / "volumes" / "models" / "file": "x: 1"}
    assert f"{RUN}/volumes/models/file" in made.starts[0].argv
    assert RUN / "volumes" / "models" / "file" not in made.folders


def test_what_mpirun_would_start_is_left_to_the_first_node() -> None:
    examples = EXAMPLES.parents[2] / "tensorrt_llm" / "launch" / "k8s"
    made = planned(examples / "deepseek_r1" / "disagg.yaml")
    names = [start.name for start in made.starts]
    assert names == ["Frontend", "decode.0", "prefill"]
    assert made.starts[1].argv[:3] == ("python3", "-m", "dynamo.trtllm")
    assert any("mpirun over ssh" in str(change) for change in made.changes)


def test_the_router_stands_in_for_a_gateway_and_its_endpoint_picker() -> None:
    recipes = EXAMPLES.parents[1] / "recipes" / "launch" / "k8s"
    made = planned(recipes / "qwen3_32b_gateway.yaml")
    assert [start.name for start in made.starts] == ["Epp", *(f"VllmWorker-{n}" for n in range(4))]
    words = made.starts[0].argv
    assert words[1:5] == ("-m", "dynamo.frontend", "--router-mode", "kv")
    assert made.url == f"http://127.0.0.1:{words[words.index('--http-port') + 1]}"
    assert made.starts[0].env["DYN_KV_CACHE_BLOCK_SIZE"] == "64"
    changes = [str(change) for change in made.changes]
    assert any(change.startswith("Epp: no gateway is here") for change in changes)
    assert "VllmWorker-0: container frontend is not run here" in changes


def graph_of(folder: Path, *components: str) -> Path:
    """Write a graph with a frontend, a worker, and further components."""
    path = folder / "m.yaml"
    path.write_text(MOUNTED + FRONTEND + "".join(components), encoding="utf-8")
    return path


def component(name: str, kind: str, command: str, image: str = "x/other:1") -> str:
    return (
        f"  - name: {name}\n{kind}    podTemplate:\n      spec:\n        containers:\n"
        f"        - {{name: main, image: {image}, command: {command}}}\n"
    )


OTHER_PROGRAM = "[/app/server, --port, '80']"


@pytest.mark.parametrize("kind", ["    type: frontend\n", "    type: worker\n", ""])
def test_a_component_that_runs_no_dynamo_program_is_left_out_with_a_word(
    tmp_path: Path, kind: str
) -> None:
    made = planned(graph_of(tmp_path, component("other", kind, OTHER_PROGRAM)))
    assert [start.name for start in made.starts] == ["web", "worker"]
    changes = {str(change) for change in made.changes}
    assert "other: runs no Dynamo, but /app/server: left out" in changes


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("    type: frontend\n", "[python, app.py]"),
        ("    type: frontend\n", "[pyhton3, -m, dynamo.frontend]"),
        ("    type: worker\n", "[vllm, serve, m]"),
        ("    type: worker\n", "[sh, -c, 'exit 3']"),
        ("", "[sh, -c, 'exec python3 -m dynamo.vllm']"),
    ],
)
def test_a_component_that_is_meant_to_be_dynamo_s_is_started(
    tmp_path: Path, kind: str, command: str
) -> None:
    made = planned(graph_of(tmp_path, component("other", kind, command)))
    assert "other" in [start.name for start in made.starts]


def test_a_frontend_that_is_the_only_one_is_started_whatever_it_is(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    other = component("other", "    type: frontend\n", OTHER_PROGRAM)
    path.write_text(MOUNTED + other, encoding="utf-8")
    assert [start.name for start in planned(path).starts] == ["other", "worker"]


@pytest.mark.parametrize(
    ("flag", "value", "here"),
    [
        ("--request-plane", "nats", "tcp"),
        ("--event-plane", "nats", "zmq"),
        ("--discovery-backend", "etcd", "file"),
        ("--discovery-backend", "kubernetes", "file"),
        ("--discovery-backend", "mem", "file"),
    ],
)
@pytest.mark.parametrize("form", ["words", "equals", "shell"])
def test_planes_that_need_a_server_become_those_of_this_machine(
    tmp_path: Path, flag: str, value: str, here: str, form: str
) -> None:
    words = {
        "words": f"[python3, -m, dynamo.frontend, {flag}, {value}]",
        "equals": f"[python3, -m, dynamo.frontend, {flag}={value}]",
        "shell": f"[sh, -c, 'exec python3 -m dynamo.frontend {flag} {value}']",
    }[form]
    made = planned(graph_of(tmp_path, component("f", "    type: frontend\n", words)))
    (start,) = (item for item in made.starts if item.name == "f")
    assert value not in " ".join(start.argv)
    assert here in " ".join(start.argv)
    assert f"f: {flag} {value} -> {here}" in {str(change) for change in made.changes}


def test_a_plane_that_no_runtime_knows_is_left_for_it_to_refuse(tmp_path: Path) -> None:
    words = "[python3, -m, dynamo.frontend, --request-plane, carrier]"
    made = planned(graph_of(tmp_path, component("f", "    type: frontend\n", words)))
    assert any("carrier" in start.argv for start in made.starts)


ADDRESSES = """\
          - {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
          - {name: A_HOST, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}
          - {name: DYN_SYSTEM_HOST, value: $(A_HOST)}
          - {name: HF_HOME"""


@pytest.mark.parametrize("host_network", [False, True])
def test_a_node_has_another_address_than_its_pods(tmp_path: Path, *, host_network: bool) -> None:
    text = MOUNTED.replace("          - {name: HF_HOME", ADDRESSES)
    if host_network:
        text = text.replace("        volumes:", "        hostNetwork: true\n        volumes:")
    path = tmp_path / "m.yaml"
    path.write_text(text, encoding="utf-8")
    made = planned(path)
    env = made.starts[0].env
    assert (env["POD_IP"] == env["A_HOST"]) is host_network
    assert env["A_HOST"].startswith("127.")
    assert made.workers[0].system_url.startswith(f"http://{env['DYN_SYSTEM_HOST']}:")


def test_volumes_of_one_name_are_one_folder_only_where_they_are_one_volume(tmp_path: Path) -> None:
    def mounting(name: str, source: str) -> str:
        return (
            f"  - name: {name}\n    podTemplate:\n      spec:\n        volumes: [{{name: models, "
            f"{source}}}]\n        containers:\n        - name: main\n          image: i:1\n"
            "          command: [python3, -m, x]\n          args: [/models]\n"
            "          volumeMounts: [{name: models, mountPath: /models}]\n"
        )

    claim = "persistentVolumeClaim: {claimName: models}"
    made = planned(graph_of(tmp_path, mounting("a", claim), mounting("b", "emptyDir: {}")))
    folders = {start.name: start.argv[-1] for start in made.starts if start.name in "ab"}
    assert folders == {"a": f"{RUN}/volumes/models", "b": f"{RUN}/volumes/models~1"}


GPUS = "          resources: {limits: {nvidia.com/gpu: '2'}}\n          workingDir: /workspace\n"
HANDSHAKE = """args: [--kv-transfer-config, '{"kv_connector":"NixlConnector"}', \
--kv-events-config, '{"publisher":"zmq","enable_kv_cache_events":true}', --model,"""


def real_plan(folder: Path, *, gpus: GpuPlacement, replicas: int) -> LocalPlan:
    text = MOUNTED.replace("    type: worker", f"    type: worker\n    replicas: {replicas}")
    text = text.replace("          workingDir: /workspace\n", GPUS)
    path = folder / "m.yaml"
    path.write_text(text.replace("args: [--model,", HANDSHAKE) + FRONTEND, encoding="utf-8")
    (graph,) = read_graphs(path)
    with Ports() as ports:
        return plan(
            graph, settings=RunSettings(run=RUN, base={}, engine="real", gpus=gpus), ports=ports
        )


def test_real_engines_share_neither_gpus_nor_ports(tmp_path: Path) -> None:
    made = real_plan(tmp_path, gpus=GpuPlacement(("4", "5", "6", "7")), replicas=2)
    web, *workers = made.starts
    assert web.env["CUDA_VISIBLE_DEVICES"] == ""
    assert [worker.env["CUDA_VISIBLE_DEVICES"] for worker in workers] == ["4,5", "6,7"]
    assert len({worker.env["VLLM_NIXL_SIDE_CHANNEL_PORT"] for worker in workers}) == 2
    configs = [
        json.loads(worker.argv[worker.argv.index("--kv-events-config") + 1]) for worker in workers
    ]
    assert len({config["endpoint"] for config in configs}) == 2


def test_too_few_gpus_are_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DeployFailure, match=r"needs 4 GPUs \(worker 4\), and this machine has 1"):
        real_plan(tmp_path, gpus=GpuPlacement(("0",)), replicas=2)


def test_an_engine_for_cpus_needs_no_gpu(tmp_path: Path) -> None:
    made = real_plan(tmp_path, gpus=GpuPlacement((), on_cpu=True), replicas=1)
    assert "CUDA_VISIBLE_DEVICES" not in made.starts[1].env


@pytest.mark.parametrize(
    ("env", "gpus"),
    [
        ({"CUDA_VISIBLE_DEVICES": "3, 5"}, ("3", "5")),
        ({"CUDA_VISIBLE_DEVICES": ""}, ()),
        ({}, ("0", "1")),
    ],
)
def test_the_gpus_of_a_machine(tmp_path: Path, env: dict[str, str], gpus: tuple[str, ...]) -> None:
    for name in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / name).mkdir()
    assert machine_gpus(env, driver=tmp_path) == gpus
    assert machine_gpus({}, driver=tmp_path / "none") == ()


def test_a_choice_among_its_own_gpus_holds() -> None:
    gpus = GpuPlacement(("4", "5", "6"))
    node = from_plain({"name": "main", "resources": {"limits": {"nvidia.com/gpu": 2}}})
    assert isinstance(node, Mapping)
    assert gpus.take(Container(node), chosen="1") == "5"


@pytest.mark.parametrize(("release", "suffix"), [("0.6.1", False), ("1.6.1", True)])
def test_pods_are_those_of_the_operator_that_fits_the_images(
    tmp_path: Path, release: str, *, suffix: bool
) -> None:
    image = f"nvcr.io/nvidia/ai-dynamo/vllm-runtime:{release}"
    path = tmp_path / "g.yaml"
    path.write_text(
        "apiVersion: nvidia.com/v1alpha1\nkind: DynamoGraphDeployment\nmetadata: {name: g}\n"
        "spec: {services: {W: {componentType: worker, replicas: 1, extraPodSpec: {mainContainer: "
        f"{{image: '{image}', command: [python3, -m, dynamo.vllm], args: [--model, m]}}}}}}}}}}\n",
        encoding="utf-8",
    )
    (start,) = planned(path).starts
    assert ("DYN_NAMESPACE_WORKER_SUFFIX" in start.env) is suffix
