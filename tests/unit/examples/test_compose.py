"""Compose files, looked at without Docker: what Compose takes, and what the manifest says too.

What Compose itself makes of them, and whether they serve, takes a Docker engine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml

from dynamo_conformance.engines import catalog
from dynamo_conformance.engines.commandline import FRONTEND_MODULE, WORKER_MODULES
from dynamo_conformance.engines.role import Role, part
from dynamo_conformance.engines.serving import (
    declared_role,
    is_encoder_missing,
    model_source,
    served_model,
    serving,
)
from dynamo_conformance.ledger.content import other_release
from dynamo_conformance.lint.check import check_file
from dynamo_conformance.lint.options import LintOptions
from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.node import Scalar
from dynamo_conformance.manifest.read import read_graph, read_graphs
from dynamo_conformance.rendering.volumes import SHARED_MEMORY_SIZE

if TYPE_CHECKING:
    from dynamo_conformance.engines.role import Part
    from dynamo_conformance.engines.serving import Serving
    from dynamo_conformance.manifest.graph import Graph

EXAMPLES = Path(__file__).parents[3] / "examples" / "llm"
FILES = sorted(EXAMPLES.glob("*/launch/compose/*.yaml"))
SCRIPTS = [
    script
    for script in sorted(EXAMPLES.glob("*/launch/local/*.sh"))
    # What is of an older release starts servers beside it, which the image of then has not.
    if not other_release(script)
]
DEFAULT_NAMESPACE = "dynamo"
INTERPOLATED = re.compile(r"\$\{(\w+):-([^}]*)\}")
IMAGE = re.compile(r"nvcr\.io/nvidia/ai-dynamo/(vllm|sglang|tensorrtllm)-runtime:\d+\.\d+\.\d+")


@dataclass(frozen=True)
class Service:
    """One service as Compose would start it, with no variable of the shell set."""

    name: str
    image: str
    command: list[str]
    environment: dict[str, str]
    volumes: list[str]
    ports: list[str]
    devices: list[str]
    folder: str | None
    shared_memory: str | None

    def as_manifest(self, graph: Graph) -> str:
        """Return it as the manifest of a graph of its own."""
        resources = {"limits": {"nvidia.com/gpu": str(len(self.devices))}}
        component = {
            "apiVersion": "nvidia.com/v1beta1",
            "kind": "DynamoGraphDeployment",
            "metadata": {"name": graph.name},
            "spec": {
                "components": [
                    {
                        "name": self.name,
                        "type": "frontend" if self.name == "frontend" else "worker",
                        "sharedMemorySize": self.shared_memory or "64Mi",
                        "podTemplate": {
                            "spec": {
                                "containers": [
                                    {
                                        "name": "main",
                                        "command": self.command,
                                        "resources": resources,
                                    }
                                ],
                            }
                        },
                    }
                ]
            },
        }
        return yaml.safe_dump(component)

    def as_part(self, graph: Graph) -> Part:
        """Return it as a component of a graph, so that what is known of those can be asked."""
        (document,) = read_documents(self.as_manifest(graph), file="compose")
        read = read_graph(document)
        return part(read.components[0], read)


def expanded(text: object) -> str:
    return INTERPOLATED.sub(lambda found: found[2], str(text))


@cache
def parsed(path: Path) -> dict[str, object]:
    return cast("dict[str, object]", yaml.safe_load(path.read_text(encoding="utf-8")))


def services(path: Path) -> list[Service]:
    found = cast("dict[str, dict[str, Any]]", parsed(path)["services"])
    return [_service(name, one) for name, one in found.items()]


def _service(name: str, one: dict[str, Any]) -> Service:
    deploy = one.get("deploy")
    devices = deploy["resources"]["reservations"]["devices"] if deploy else []
    return Service(
        name=name,
        image=expanded(one["image"]),
        command=[expanded(word) for word in one["command"]],
        environment={key: expanded(value) for key, value in one["environment"].items()},
        volumes=[expanded(volume) for volume in one["volumes"]],
        ports=[expanded(port) for port in one.get("ports", [])],
        devices=[number for device in devices for number in device["device_ids"]],
        folder=one.get("working_dir"),
        # Docker's gb is what Kubernetes calls Gi.
        shared_memory=str(one["shm_size"]).replace("gb", "Gi") if "shm_size" in one else None,
    )


def manifest(path: Path) -> Path:
    return path.parent.parent / "k8s" / path.name


def graph_of(path: Path) -> Graph:
    return read_graphs(manifest(path))[0]


def promised(path: Path) -> Serving:
    found = serving(graph_of(path))
    assert found is not None
    return found


def workers(path: Path) -> list[Part]:
    graph = graph_of(path)
    found = [one.as_part(graph) for one in services(path) if one.name != "frontend"]
    known = [one for one in found if one.role is not None]
    return found if is_encoder_missing(known) else known or found


def name(path: Path) -> str:
    return f"{path.parents[2].name}/{path.stem}"


each = pytest.mark.parametrize("path", FILES, ids=name)


def test_every_script_has_a_compose_file_and_a_manifest_beside_it() -> None:
    assert FILES
    for script in SCRIPTS:
        beside = script.parent.parent / "compose" / f"{script.stem}.yaml"
        assert beside in FILES, f"{script} has no compose file"
    assert [path for path in FILES if not manifest(path).is_file()] == []


@each
def test_only_what_compose_knows(path: Path) -> None:
    top = parsed(path)
    assert set(top) == {"name", "x-gpu", "x-dynamo", "services", "volumes"}
    assert re.fullmatch("[a-z0-9][a-z0-9_-]*", str(top["name"]))
    known = {
        "command",
        "deploy",
        "environment",
        "image",
        "ports",
        "shm_size",
        "ulimits",
        "volumes",
        "working_dir",
    }
    for one in cast("dict[str, dict[str, object]]", top["services"]).values():
        assert set(one) <= known


@each
def test_images_exist_and_are_of_the_manifests_release(path: Path) -> None:
    of_manifest = {
        component.main.image for component in graph_of(path).components if component.main
    }
    for one in services(path):
        assert IMAGE.fullmatch(one.image)
        assert one.image in of_manifest


@each
def test_shared_memory_holds_what_the_engine_keeps_there(path: Path, tmp_path: Path) -> None:
    alone = tmp_path / "service.yaml"
    for one in services(path):
        alone.write_text(one.as_manifest(graph_of(path)), encoding="utf-8")
        (document,) = check_file(alone, LintOptions())
        assert [it.message for it in document.findings if it.rule == "shared-memory"] == []


@each
def test_workers_have_the_shared_memory_of_the_manifest(path: Path) -> None:
    written = {
        size.text
        for component in graph_of(path).components
        if isinstance(size := component.node.get("sharedMemorySize"), Scalar)
    }
    found = {one.shared_memory for one in services(path) if one.devices}
    assert found == (written or {SHARED_MEMORY_SIZE})


@each
def test_every_command_line_is_one_that_its_module_takes(path: Path) -> None:
    for one in services(path):
        program, flag, module, *words = one.command
        assert (program, flag) == ("python3", "-m")
        if module in (FRONTEND_MODULE, *WORKER_MODULES):
            assert catalog.load(module).faults(words) == []
        else:
            assert module.startswith("components.")


@each
def test_it_serves_what_the_manifest_of_its_name_serves(path: Path) -> None:
    wanted = promised(path)
    roles: dict[str, int] = {}
    for one in workers(path):
        assert (served_model(one), model_source(one)) == (wanted.model, wanted.source)
        is_encoder = one.role is None and Role.ENCODE in wanted.roles
        role = str(Role.ENCODE if is_encoder else declared_role(one))
        roles[role] = roles.get(role, 0) + 1
    assert roles == {str(role): count for role, count in wanted.roles.items()}
    frontend = next(one for one in services(path) if one.name == "frontend")
    mode = frontend.as_part(graph_of(path)).value("router_mode") or "round-robin"
    assert mode == wanted.router_mode


@each
def test_a_frontend_does_not_look_where_a_worker_is_kept_from_it(path: Path) -> None:
    """In the namespace `dynamo`, Dynamo's frontend looks into every one."""
    frontend = next(one for one in services(path) if one.name == "frontend")
    looks_into = frontend.as_part(graph_of(path)).value("namespace") or DEFAULT_NAMESPACE
    for one in workers(path):
        endpoint = one.value("endpoint")
        if endpoint and endpoint.removeprefix("dyn://").partition(".")[0] != looks_into:
            assert looks_into != DEFAULT_NAMESPACE


@each
def test_a_worker_says_what_its_component_of_the_manifest_says(path: Path) -> None:
    """Word for word, but for what differs between a cluster and one machine."""
    wanted = [
        {word.text for word in (*one.main.command, *one.main.args)}
        for one in graph_of(path).components
        if one.main is not None
    ]
    for one in services(path):
        if one.name == "frontend":
            continue
        here = set(one.command)
        nearest = min(wanted, key=lambda words: len(words ^ here))
        differing = nearest ^ here
        # A container of one's own has each port to itself, and a name of its own.
        allowed = {"--disaggregation-bootstrap-port", "12345"}
        of_namespaces = {word for word in differing if word.startswith("dyn://")}
        assert differing - allowed - of_namespaces == set()


@each
def test_no_two_workers_share_a_gpu(path: Path) -> None:
    devices = [number for one in services(path) for number in one.devices]
    gpus = sum(
        one.replicas * one.main.gpus for one in graph_of(path).components if one.main is not None
    )
    assert devices == sorted(set(devices))
    assert len(devices) == gpus


@each
def test_components_find_each_other_and_clients_the_frontend(path: Path) -> None:
    volumes = cast("dict[str, object]", parsed(path)["volumes"])
    for one in services(path):
        assert one.environment["DYN_DISCOVERY_BACKEND"] == "file"
        assert f"discovery:{one.environment['DYN_FILE_KV']}" in one.volumes
        assert one.ports == (["8000:8000"] if one.name == "frontend" else [])
    assert set(volumes) == {"discovery"}


@each
def test_what_is_mounted_of_this_folder_is_there(path: Path) -> None:
    for one in services(path):
        for volume in one.volumes:
            source, target = volume.split(":")[:2]
            if source.startswith("."):
                assert (path.parent / source).is_dir()
                assert one.folder is None or target.startswith(one.folder)
