"""Adapters are loaded into graphs that take some, and what a worker refuses is told."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.cpu_engine.engine_image import in_image
from dynamo_conformance.engines.features import GraphFeature
from dynamo_conformance.engines.serving import Serving, serving
from dynamo_conformance.manifest.document import read_file
from dynamo_conformance.manifest.read import read_graph
from dynamo_conformance.targets.interface import DeployFailure, Worker
from dynamo_conformance.targets.local import adapters
from dynamo_conformance.targets.local.adapters import NAMES, load_adapter, load_adapters
from sandbox import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path, PurePath

K8S = REPOSITORY / "examples/llm/vllm_v1/launch/k8s"


@contextmanager
def worker(status: int, answer: object, asked: list[object]) -> Iterator[Worker]:
    """Serve one answer on a system port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            asked.append((self.path, json.loads(self.rfile.read(length))))
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            """Write nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield Worker("VllmWorker", f"http://127.0.0.1:{server.server_port}")
        server.shutdown()


@dataclass(frozen=True)
class Deployed:
    workers: tuple[Worker, ...]


def lora(*features: GraphFeature) -> Serving:
    return Serving(
        model="Qwen/Qwen3-0.6B", source="Qwen/Qwen3-0.6B", roles={}, router_mode="round-robin",
        kv_events=False, features=frozenset(features),
    )  # fmt: skip


def test_each_worker_loads_each_adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dynamo_conformance.cpu_engine.weights.made", lambda _wanted: tmp_path)
    asked: list[object] = []
    with worker(200, {"status": "success"}, asked) as each:
        changes = load_adapters(Deployed((each, each)), lora(GraphFeature.LORA))  # type: ignore[arg-type]
    assert [change.where for change in changes] == list(NAMES)
    body = {"lora_name": NAMES[0], "source": {"uri": f"file://{tmp_path}"}}
    assert asked[:2] == [(adapters.PATH, body)] * 2
    assert len(asked) == 4


def test_other_graphs_get_none() -> None:
    asked: list[object] = []
    with worker(200, {"status": "success"}, asked) as each:
        assert load_adapters(Deployed((each,)), lora()) == ()  # type: ignore[arg-type]
        assert load_adapters(Deployed((each,)), None) == ()  # type: ignore[arg-type]
    assert asked == []


def test_a_worker_whose_port_takes_none(tmp_path: Path) -> None:
    with worker(404, {}, []) as each:
        assert not load_adapter(each, "first", tmp_path)


@pytest.mark.parametrize("status", [200, 500])
def test_a_refusal_says_the_workers_reason(status: int, tmp_path: Path) -> None:
    answer = {"status": "error", "message": "rank 64 is over 8"}
    with (
        worker(status, answer, []) as each,
        pytest.raises(DeployFailure, match=r"VllmWorker refuses the adapter first.*rank 64"),
    ):
        load_adapter(each, "first", tmp_path)


def test_a_worker_that_is_gone(tmp_path: Path) -> None:
    with worker(200, {}, []) as each:
        pass
    with pytest.raises(DeployFailure, match="VllmWorker loads no adapter"):
        load_adapter(each, "first", tmp_path)


@pytest.mark.parametrize(("manifest", "names"), [("lora", adapters.NAMES), ("agg", ())])
def test_in_an_image_they_are_where_it_was_made_with_them(
    monkeypatch: pytest.MonkeyPatch, manifest: str, names: tuple[str, ...]
) -> None:
    asked: dict[str, PurePath] = {}

    def load(_worker: Worker, name: str, folder: PurePath) -> bool:
        asked[name] = folder
        return True

    monkeypatch.setattr(adapters, "load_adapter", load)
    (document,) = read_file(K8S / f"{manifest}.yaml")
    promised = serving(read_graph(document))
    deployment = Deployed((Worker("one", "http://127.0.0.1:9"),))
    changes = load_adapters(deployment, promised, folder=in_image)  # type: ignore[arg-type]
    assert tuple(change.where for change in changes) == tuple(asked) == names
    assert len(set(asked.values())) == len(names)
    assert all(str(folder).startswith("/opt/dynamo-conformance/") for folder in asked.values())
