"""How components are started: the operator makes of it what `dynamo serve` would execute."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest
import yaml

from deploy_helpers import findings, write
from dynamo_conformance.manifest.read import read_graphs
from dynamo_conformance.rendering.pod import render
from dynamo_launch.serve.serve_command import plan

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = "nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1"
SHAPES = {
    "a frontend without words": "args: [input=http, output=dyn]",
    "a frontend with words": "{args: [input=http, output=dyn], options: {router_mode: kv}}",
    "a frontend by its role": "role: frontend",
    "a frontend's port": "{args: [input=http, output=dyn], options: {port: 8080}}",
    "a frontend in one word": "{cmd: [rust-frontend], role: frontend}",
    "a frontend of two words": "{cmd: [rust-frontend, --fast], role: frontend}",
    "a worker": "{args: {input: dyn, output: vllm}, model: M}",
    "a worker without words": "args: [output=vllm]",
    "a prefill worker": "{engine: vllm, role: prefill, options: {kv_transfer_config: {a: 1}}}",
    "a module": "{component: a.b, options: {depth: 2}, role: agg}",
    "a program": "{cmd: [python3, -m, a.b], args: [input=dyn, x], options: {y: true}}",
    "words as a mapping": "{cmd: [./worker], args: {input: dyn}, role: agg}",
    "what an environment beats": (
        "{args: [input=http, output=dyn], options: {router_mode: kv},"
        " environment: {DYN_ROUTER_MODE: random}}"
    ),
}


def config(folder: Path, shape: str, **more: object) -> Path:
    component = yaml.safe_load(shape)
    file = folder / "config.yaml"
    whole = {"name": "g", "components": [{"name": "one", "image": IMAGE, **component, **more}]}
    file.write_text(yaml.safe_dump(whole), encoding="utf-8")
    return file


def rendered(manifest: Path) -> str:
    """Return the command line of the container that the operator makes."""
    (workload,) = render(read_graphs(manifest)[0], namespace="default")
    main = workload.leader.main
    return shlex.join(word.text for word in (*main.command, *main.args))


@pytest.mark.parametrize("version", ["v1beta1", "v1alpha1"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_operator_executes_what_serve_would(shape: str, version: str, tmp_path: Path) -> None:
    file = config(tmp_path, SHAPES[shape])
    environ = yaml.safe_load(SHAPES[shape]).get("environment", {})
    expected = plan(["one", "-f", str(file)], environ).line()
    folder = tmp_path / "out"

    write(folder, "-f", str(file), "--api-version", version)

    line = rendered(folder / "g.yaml").removeprefix("env ")
    assert line == expected


@pytest.mark.parametrize("shape", SHAPES)
def test_other_outputs_too(shape: str, tmp_path: Path) -> None:
    file = config(tmp_path, SHAPES[shape], resources={"cpu": 1, "memory": "1Gi"})
    environ = yaml.safe_load(SHAPES[shape]).get("environment", {})
    expected = plan(["one", "-f", str(file)], environ).line()
    files = write(tmp_path / "compose", "-f", str(file), "--target", "compose")
    service = yaml.safe_load(files["compose.yaml"])["services"]["one"]
    words = [*service["entrypoint"], *service.get("command", [])]
    assert shlex.join(words).removeprefix("env ") == expected
    for target, name in (("local", "g.sh"), ("slurm", "g.sbatch")):
        text = write(tmp_path / target, "-f", str(file), "--target", target)[name]
        joined = " ".join(text.replace("\\\n", " ").split())
        assert expected.replace("8080", '"$DYN_HTTP_PORT"') in joined


def test_an_image_that_has_dynamo(tmp_path: Path) -> None:
    shape = "{engine: vllm, model: M, role: decode, options: {context_length: 8}}"
    file = config(tmp_path, shape, dynamo_in_image=True, image="ours/worker:1.6.1")
    write(tmp_path / "out", "-f", str(file))
    program, *words = shlex.split(rendered(tmp_path / "out" / "g.yaml"))
    assert (program, words[0]) == ("dynamo", "serve")
    assert plan(words[1:], {}) == plan(["one", "-f", str(file)], {})


def test_a_frontends_port_is_said_where_the_operator_looks(tmp_path: Path) -> None:
    file = config(tmp_path, SHAPES["a frontend's port"], replicas=1)
    write(tmp_path / "out", "-f", str(file))
    (workload,) = render(read_graphs(tmp_path / "out" / "g.yaml")[0], namespace="default")
    (port,) = workload.leader.main.node.mappings("ports")
    assert (port.string("name"), port.integer("containerPort")) == ("http", 8080)


def test_a_workers_own_port_stands_beside_the_operators(tmp_path: Path) -> None:
    shape = "{engine: vllm, model: M, ports: {metrics: 9400}, resources: {gpu: 1}}"
    write(tmp_path / "out", "-f", str(config(tmp_path, shape)))
    (workload,) = render(read_graphs(tmp_path / "out" / "g.yaml")[0], namespace="default")
    ports = {
        one.string("name"): one.integer("containerPort")
        for one in workload.leader.main.node.mappings("ports")
    }
    assert ports == {"system": 9090, "nixl": 19090, "metrics": 9400}


@pytest.mark.parametrize(
    ("resources", "requests", "limits"),
    [
        ("{cpu: 500m, memory: 2Gi}", {"cpu": "500m", "memory": "2Gi"}, {"memory": "2Gi"}),
        ("{cpu: 0.5, gpu: 0}", {"cpu": "0.5"}, {}),
        ("{gpu: 2, rdma/ib: 1}", {}, {"nvidia.com/gpu": "2", "rdma/ib": "1"}),
        (
            "{memory: 1Gi, limits: {cpu: 2, memory: 4Gi}}",
            {"memory": "1Gi"},
            {"cpu": "2", "memory": "4Gi"},
        ),
    ],
)
def test_resources(
    resources: str, requests: dict[str, str], limits: dict[str, str], tmp_path: Path
) -> None:
    file = config(tmp_path, f"{{engine: vllm, model: M, resources: {resources}}}")
    write(tmp_path / "out", "-f", str(file))
    main = read_graphs(tmp_path / "out" / "g.yaml")[0].components[0].main
    assert main is not None
    written = main.node.mapping("resources")
    assert written is not None
    sides = {"requests": requests, "limits": limits}
    assert written.plain() == {side: values for side, values in sides.items() if values}


def test_compose_reads_a_dollar_as_it_was_written(tmp_path: Path) -> None:
    shape = "{cmd: [sh, -c], args: ['echo $HOME'], environment: {PRICE: 5$ a piece}}"
    files = write(tmp_path / "out", "-f", str(config(tmp_path, shape)), "--target", "compose")
    service = yaml.safe_load(files["compose.yaml"])["services"]["one"]
    assert service["command"] == ["echo $$HOME"]
    assert service["environment"]["PRICE"] == "5$$ a piece"


def test_an_endpoint_of_ones_own(tmp_path: Path) -> None:
    """Its namespace is known to the target: the kubelet fills it in, or what is written does."""
    shape = (
        "{engine: vllm, model: M, resources: {gpu: 1, cpu: 1, memory: 1Gi},"
        " options: {endpoint: dyn://$(DYN_NAMESPACE).llama.chat}}"
    )
    file = config(tmp_path, shape)
    write(tmp_path / "k8s", "-f", str(file))
    assert "'dyn://$(DYN_NAMESPACE).llama.chat'" in rendered(tmp_path / "k8s" / "g.yaml")
    for target in ("compose", "local", "slurm"):
        files = write(tmp_path / target, "-f", str(file), "--target", target)
        assert "dyn://g.llama.chat" in "".join(files.values()), target


@pytest.mark.parametrize(
    ("resources", "security"),
    [
        ("{gpu: 2, rdma/ib: 1}", {"runAsUser": 0, "capabilities": {"add": ["IPC_LOCK"]}}),
        ("{gpu: 2, rdma/ib: 0}", None),
        ("{gpu: 2, example.com/cards: 1}", None),
    ],
)
def test_a_container_with_rdma_devices_may_lock_memory(
    resources: str, security: object, tmp_path: Path
) -> None:
    file = config(tmp_path, f"{{engine: vllm, model: M, resources: {resources}}}")
    write(tmp_path / "out", "-f", str(file))
    main = read_graphs(tmp_path / "out" / "g.yaml")[0].components[0].main
    assert main is not None
    written = main.node.get("securityContext")
    assert (written.plain() if written is not None else None) == security


def test_everything_at_once_has_no_findings(tmp_path: Path) -> None:
    shape = """
    args: {input: dyn, output: vllm}
    model: Qwen/Qwen3-0.6B
    replicas: 2
    shared_memory: 16Gi
    runtime_version: 1.6.1
    resources: {cpu: 4, memory: 16Gi, gpu: 2, rdma/ib: 2, limits: {cpu: 8, memory: 32Gi}}
    options: {tensor_parallel_size: 2}
    environment: {A: b, C: 1, D: true, E: 0.5}
    secret_env: [hf-token-secret]
    model_cache: {claim: models, mount: /models}
    volumes: [{path: /scratch, mount: /scratch}, {claim: data, mount: /data, read_only: true}]
    health:
      live: {period: 10, timeout: 5, failures: 6}
      ready: {path: /health, port: system, period: 5}
      start: {delay: 10, period: 10, failures: 100}
    """
    file = config(tmp_path, shape)
    whole = yaml.safe_load(file.read_text())
    limit = {"DYN_MIGRATION_LIMIT": 3}
    front = {"name": "front", "image": IMAGE, "role": "frontend", "environment": limit}
    whole["components"].append(front)
    file.write_text(yaml.safe_dump(whole))
    for version in ("v1beta1", "v1alpha1"):
        files = write(tmp_path / version, "-f", str(file), "--api-version", version)
        assert findings(tmp_path / version / "g.yaml") == [], files["g.yaml"]
    one, other = (read_graphs(tmp_path / name / "g.yaml")[0] for name in ("v1beta1", "v1alpha1"))
    assert {c.name: c for c in one.components} == {c.name: c for c in other.components}
    main = one.component("one").main
    assert main is not None
    assert {var.name: var.value for var in main.env} == {
        "HF_HOME": "/models", "A": "b", "C": "1", "D": "true", "E": "0.5",
    }  # fmt: skip
