"""Mock workers on the real Dynamo runtime, with the real frontend before them."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

import pytest

from dynamo_conformance.mock_engine import environment, hub_cache
from dynamo_conformance.mock_engine.mock_model import make_local_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from http.client import HTTPResponse
    from pathlib import Path

T = TypeVar("T")

MODEL = "Qwen/Qwen3-0.6B"
READY_S = 20.0
END_S = 10.0
# Below the ten seconds after which a worker that lost its peers is ended by force.
EXIT_S = 6.0
TRANSFER = '{"kv_connector":"NixlConnector","kv_role":"kv_both"}'
PROMPT = "Tell me a long story about the people who live in a small town near the great river " * 4


# Below the range of outgoing connections, and below 32768: the runtime reads DYN_SYSTEM_PORT as a
# signed 16-bit number.
PORTS = range(21000, 32000)


def free_port(*, in_a_row: int = 1) -> int:
    """Return the first of some neighbouring ports that are free."""
    while True:
        port = random.choice(PORTS)  # noqa: S311 -- no secret
        try:
            for neighbour in range(port, port + in_a_row):
                with socket.socket() as probe:
                    probe.bind(("", neighbour))
        except OSError:
            continue
        return port


def events(port: int) -> str:
    return json.dumps(
        {
            "publisher": "zmq",
            "topic": "kv-events",
            "endpoint": f"tcp://*:{port}",
            "enable_kv_cache_events": True,
        }
    )


def until(answer: Callable[[], T | None], what: str, *, deadline_s: float = READY_S) -> T:
    """Return the first answer that is true."""
    end = time.monotonic() + deadline_s
    while not (found := answer()):
        assert time.monotonic() < end, f"{what}: not within {deadline_s:g} s"
        time.sleep(0.05)
    return found


def get(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 -- our own address
            return str(response.read(), "utf-8")
    except (urllib.error.URLError, ConnectionError):
        return ""


def listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


class Started:
    """A process in a group of its own, its output in a file."""

    def __init__(
        self, words: list[str], *, log: Path, env: Mapping[str, str], system_port: int
    ) -> None:
        self.system_port = system_port
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, *words],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=log.parent,
                env={**env, "DYN_SYSTEM_PORT": str(system_port)},
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def log(self) -> str:
        return re.sub(r"\x1b\[[0-9;]*m", "", self._log.read_text(errors="replace"))

    def terminate(self) -> None:
        self._process.terminate()

    def exit_code(self) -> int:
        return self._process.wait(EXIT_S)

    def requests(self) -> int:
        """Return how many requests its `generate` endpoint has got."""
        return int(
            metric(
                get(f"http://127.0.0.1:{self.system_port}/metrics"),
                "dynamo_component_requests_total",
                dynamo_endpoint="generate",
            )
        )

    def end(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not self.running:
                return
            os.killpg(self._process.pid, number)
            try:
                self._process.wait(END_S)
            except subprocess.TimeoutExpired:
                continue


def metric(text: str, name: str, **labels: str) -> float:
    """Return the sum of a metric over all series with these labels."""
    total = 0.0
    for line in text.splitlines():
        found = re.fullmatch(rf"{name}\{{(.*)\}} (\S+)", line)
        if found and all(f'{key}="{value}"' in found[1] for key, value in labels.items()):
            total += float(found[2])
    return total


class Graph:
    """A frontend and workers with a discovery folder of their own."""

    def __init__(self, folder: Path, hub_home: Path) -> None:
        self._folder = folder
        self._processes: list[Started] = []
        self._port = free_port()
        added = environment(hub_home=hub_home)
        paths = [added["PYTHONPATH"], *filter(None, [os.environ.get("PYTHONPATH")])]
        self._env = {
            **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
            **added,
            "PYTHONPATH": os.pathsep.join(paths),
            "HOME": str(folder),
            "DYN_DISCOVERY_BACKEND": "file",
            "DYN_FILE_KV": str(folder / "discovery"),
            "DYN_REQUEST_PLANE": "tcp",
            "DYN_EVENT_PLANE": "zmq",
        }

    def frontend(self, *words: str) -> Started:
        port = ("--http-port", str(self._port))
        return self._start("dynamo.frontend", *port, "--discovery-backend", "file", *words)

    def vllm(self, *words: str, **env: str) -> Started:
        return self._start("dynamo.vllm", "--model", MODEL, *words, **env)

    def start(self, module: str, *words: str) -> Started:
        return self._start(module, *words)

    def _start(self, module: str, *words: str, **env: str) -> Started:
        number = len(self._processes)
        self._processes.append(
            Started(
                ["-m", module, *words],
                log=self._folder / f"{number}-{module}.log",
                env={**self._env, **env},
                system_port=free_port(),
            )
        )
        return self._processes[-1]

    def models(self) -> list[str]:
        text = get(f"http://127.0.0.1:{self._port}/v1/models")
        return [entry["id"] for entry in json.loads(text)["data"]] if text else []

    def ready(self, *workers: Started) -> None:
        """Wait for the model, and for each of the workers to be known to the frontend."""

        def all_known() -> bool:
            for worker in workers:
                assert worker.running, worker.log
            return self._instances() == len(workers) and MODEL in self.models()

        until(all_known, "the workers at the frontend")

    def _instances(self) -> int:
        text = get(f"http://127.0.0.1:{self._port}/health")
        instances = json.loads(text)["instances"] if text else []
        return sum(instance["endpoint"] == "generate" for instance in instances)

    def runtime_config(self) -> dict[str, object]:
        """Return what the first worker's model card in discovery tells of it."""
        card = next((self._folder / "discovery" / "v1" / "mdc").iterdir())
        fields = json.loads(card.read_text())["card_json"]["runtime_config"]
        return cast("dict[str, object]", fields)

    def metrics(self) -> str:
        return get(f"http://127.0.0.1:{self._port}/metrics")

    def chat(self, *, model: object = MODEL, **fields: object) -> dict[str, object]:
        """Ask in chat, for five tokens; a field that is None is left out."""
        body = {
            "model": model,
            "messages": [{"role": "user", "content": PROMPT}],
            "max_tokens": 5,
            **fields,
        }
        given = {name: value for name, value in body.items() if value is not None}
        with self._posted("chat/completions", given) as response:
            return cast("dict[str, object]", json.load(response))

    def complete(self, **fields: object) -> dict[str, object]:
        with self._posted("completions", {"model": MODEL, **fields}) as response:
            return cast("dict[str, object]", json.load(response))

    @contextmanager
    def streaming(self, **fields: object) -> Iterator[None]:
        """Begin to read a stream, and go away at the end."""
        body = {"model": MODEL, "stream": True, **fields}
        with self._posted("completions", body) as response:
            response.read(1)
            yield

    def _posted(self, path: str, body: Mapping[str, object]) -> HTTPResponse:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}/v1/{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        answer = urllib.request.urlopen(request, timeout=10)  # noqa: S310 -- our own address
        return cast("HTTPResponse", answer)

    def end(self) -> None:
        for process in reversed(self._processes):
            process.end()


def content(answer: dict[str, object]) -> str:
    choices = cast("list[dict[str, dict[str, str]]]", answer["choices"])
    return choices[0]["message"]["content"]


def message(answer: dict[str, object]) -> dict[str, object]:
    choices = cast("list[dict[str, dict[str, object]]]", answer["choices"])
    return choices[0]["message"]


def finish(answer: dict[str, object]) -> object:
    return cast("list[dict[str, object]]", answer["choices"])[0]["finish_reason"]


def tokens_said(answer: dict[str, object]) -> int:
    return cast("dict[str, int]", answer["usage"])["completion_tokens"]


def cached_tokens(answer: dict[str, object]) -> int:
    usage = cast("dict[str, dict[str, int]]", answer["usage"])
    return usage["prompt_tokens_details"]["cached_tokens"]


@pytest.fixture(scope="module")
def hub_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("hub")
    hub_cache.fill(home, [MODEL])
    return home


@pytest.fixture
def graph(tmp_path: Path, hub_home: Path) -> Iterator[Graph]:
    made = Graph(tmp_path, hub_home)
    try:
        yield made
    finally:
        made.end()


def test_an_aggregated_worker_answers_in_words(graph: Graph) -> None:
    graph.frontend()
    worker = graph.vllm()
    graph.ready(worker)
    answer = graph.chat()
    assert re.fullmatch(r"( [a-z]{4}){5}", content(answer))
    assert worker.requests() == 1
    worker.terminate()
    assert worker.exit_code() == 0
    until(lambda: graph.models() == [], "the model gone")


def test_a_model_may_be_a_folder(graph: Graph, tmp_path: Path) -> None:
    model = str(make_local_model(tmp_path / "model", context_length=512))
    graph.frontend()
    graph.vllm("--model", model)
    assert until(graph.models, "a model") == [model]
    assert graph.runtime_config()["context_length"] == 512
    assert content(graph.chat(model=model))


def test_the_first_served_name_is_the_models(graph: Graph) -> None:
    graph.frontend()
    graph.vllm("--served-model-name", "tiny", "other")
    assert until(graph.models, "a model") == ["tiny"]


WORDS = {
    "vllm": ["--model", MODEL],
    "sglang": ["--model-path", MODEL, "--page-size", "16", "--tp", "1"],
    "trtllm": ["--model", MODEL, "--max-seq-len", "40960"],
}


@pytest.mark.parametrize("engine", WORDS)
def test_an_answer_ends_by_itself_where_nobody_says_how_long(graph: Graph, engine: str) -> None:
    graph.frontend()
    graph.ready(graph.start(f"dynamo.{engine}", *WORDS[engine]))
    answer = graph.chat(max_tokens=None)
    assert finish(answer) == "stop"
    assert len(content(answer).split()) == tokens_said(answer) == 64


@pytest.mark.parametrize("engine", WORDS)
def test_what_is_too_long_is_refused_as_real_workers_have_it(graph: Graph, engine: str) -> None:
    graph.frontend()
    graph.ready(graph.start(f"dynamo.{engine}", *WORDS[engine]))
    prompt = refusal(lambda: graph.complete(prompt="river " * 45_000, max_tokens=5))
    assert (prompt["code"], limit(prompt)) == (400, ("context_length", 40960))
    if engine == "trtllm":  # It answers up to the end of the context.
        assert finish(graph.chat(max_tokens=50_000, **replay("plain"))) == "stop"
    else:
        total = refusal(lambda: graph.chat(max_tokens=50_000))
        assert (total["code"], limit(total)) == (400, ("context_length", 40960))


def replay(name: str) -> dict[str, object]:
    return {"nvext": {"annotations": [f"output_replay_id:{name}"]}}


def refusal(ask: Callable[[], object]) -> dict[str, object]:
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask()
    return cast("dict[str, object]", json.load(refused.value))


def limit(error: dict[str, object]) -> tuple[str, int]:
    details = cast("dict[str, int]", error["details"])
    return str(details["type"]), details["limit"]


PARSERS = [
    ("hermes", "qwen3"),
    ("deepseek_v4", "deepseek_v4"),
    ("glm47", "glm45"),
    ("kimi_k2", "kimi_k25"),
]
"""Of calls and of thoughts; harmony is read by tokens that the mock engine's vocabulary has not."""


@pytest.mark.parametrize(("calling", "thinking"), PARSERS)
def test_chosen_answers_reach_the_parsers(graph: Graph, calling: str, thinking: str) -> None:
    parsers = ["--dyn-tool-call-parser", calling, "--dyn-reasoning-parser", thinking]
    graph.frontend()
    graph.ready(graph.vllm(*parsers))
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools = [
        {"type": "function", "function": {"name": name, "parameters": schema}}
        for name in ("get_weather", "get_time")
    ]
    answer = graph.chat(max_tokens=500, tools=tools, **replay("calls"))
    calls = cast("list[dict[str, dict[str, str]]]", message(answer)["tool_calls"])
    assert [call["function"]["name"] for call in calls] == ["get_weather", "get_time"]
    assert json.loads(calls[1]["function"]["arguments"]) == {"city": 'São "Paulo"'}
    assert finish(answer) == "tool_calls"
    thoughtful = message(graph.chat(max_tokens=500, **replay("thoughts")))
    assert "7 times 13 is 91" in cast("str", thoughtful["reasoning_content"])
    assert cast("str", thoughtful["content"]).strip() == "No, 91 is 7 times 13."
    guided = message(
        graph.chat(max_tokens=500, tools=tools, tool_choice="required", **replay("guided-call"))
    )
    (call,) = cast("list[dict[str, dict[str, str]]]", guided["tool_calls"])
    assert call["function"]["name"] == "get_weather"
    # A token that ends the thoughts comes before the text where an answer begins within them.
    said = 4 if thinking == "kimi_k25" else 3
    cut = graph.chat(max_tokens=said, **replay("plain"))
    assert (content(cut), tokens_said(cut), finish(cut)) == ("The water come", said, "length")


def test_several_prompts_pass_a_bootstrap_port(graph: Graph) -> None:
    port = ["--disaggregation-bootstrap-port", str(free_port())]
    graph.frontend()
    words = [*WORDS["sglang"], "--disaggregation-mode"]
    prefill = graph.start("dynamo.sglang", *words, "prefill", *port)
    decode = graph.start("dynamo.sglang", *words, "decode")
    graph.ready(prefill, decode)
    until(lambda: answered(graph) and prefill.requests() > 0, "the frontend to pair the two")
    answer = graph.complete(prompt=["one", "two"], max_tokens=4)
    assert len(cast("list[object]", answer["choices"])) == 2


@pytest.mark.parametrize("prompt", ["one", ["one", "two"]])
def test_the_engine_stops_when_the_client_leaves(graph: Graph, prompt: object) -> None:
    graph.frontend()
    # At this speed the whole answer would take minutes.
    worker = graph.vllm(DYN_MOCK_ENGINE_SPEEDUP="1")
    graph.ready(worker)

    def running() -> float:
        text = get(f"http://127.0.0.1:{worker.system_port}/metrics")
        return metric(text, "vllm:num_requests_running")

    with graph.streaming(prompt=prompt, max_tokens=40_000):
        until(running, "the engine at work")
    until(lambda: not running(), "the engine idle")


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
def test_prefill_is_done_by_the_prefill_worker(graph: Graph, engine: str) -> None:
    words = {
        "vllm": ["--model", MODEL, "--kv-transfer-config", TRANSFER],
        "sglang": ["--model-path", MODEL, "--page-size", "16", "--tp", "1"],
        "trtllm": ["--model", MODEL, "--trtllm.cache_transceiver_config.backend", "DEFAULT"],
    }[engine]
    graph.frontend()
    prefill = graph.start(f"dynamo.{engine}", *words, "--disaggregation-mode", "prefill")
    decode = graph.start(f"dynamo.{engine}", *words, "--disaggregation-mode", "decode")
    graph.ready(prefill, decode)
    until(lambda: answered(graph) and prefill.requests() > 0, "the frontend to pair the two")
    before = prefill.requests(), decode.requests()
    assert content(graph.chat())
    assert (prefill.requests(), decode.requests()) == (before[0] + 1, before[1] + 1)


def answered(graph: Graph) -> bool:
    """Ask once; the frontend may not have paired prefill and decode yet."""
    try:
        graph.chat()
    except urllib.error.HTTPError as refused:
        if refused.code != 503:
            raise
        return False
    return True


@pytest.mark.parametrize(
    ("words", "code", "last_line"),
    [
        (["--no-such-flag"], 2, r".*error: unrecognized arguments: --no-such-flag.*"),
        (["--disaggregation-mode", "bad"], 2, r".*error: .*invalid choice: 'bad'.*"),
        (
            ["--disaggregation-mode", "prefill"],
            1,
            r"ValueError: .*you must explicitly provide --kv-transfer-config.*",
        ),
        (
            ["--connector", "nixl"],
            1,
            r"ValueError: --connector is no longer supported for the vLLM backend.*",
        ),
        (
            ["--kv-transfer-config", '{"kv_connector":"NixlConnector","kv_role":"both"}'],
            2,
            r".*error: argument --kv-transfer-config: .*kv_role.*",
        ),
        (
            ["--data-parallel-size", "2", "--data-parallel-hybrid-lb"],
            1,
            r"ValueError: .*requires `--data-parallel-size-local`.*",
        ),
        (["--model", "no/such"], 1, r'mock engine: model "no/such" is neither a folder nor .*'),
    ],
)
def test_a_wrong_command_line_is_refused_at_once(
    graph: Graph, words: list[str], code: int, last_line: str
) -> None:
    worker = graph.vllm(*words)
    assert worker.exit_code() == code
    assert re.fullmatch(last_line, worker.log.splitlines()[-1]), worker.log


def test_a_port_in_use_is_named(graph: Graph) -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        worker = graph.vllm("--kv-events-config", events(port))
        assert worker.exit_code() == 1
    assert worker.log.splitlines()[-1] == (
        f"mock engine: port {port} (KV events) is in use by another process on this machine"
    )


def test_with_kv_events_the_router_knows_who_has_a_prefix(graph: Graph) -> None:
    ports = free_port(), free_port()
    graph.frontend("--router-mode", "kv")
    workers = [graph.vllm("--kv-events-config", events(port)) for port in ports]
    graph.ready(*workers)
    # In the engine's own wire format, on the port of the command line.
    for port in ports:
        until(partial(listening, port), f"port {port}")
    assert cached_tokens(graph.chat()) == 0
    until(lambda: stored(graph) > 0, "KV events at the router")
    answers = [graph.chat() for _ in range(5)]
    assert all(cached_tokens(answer) > 0 for answer in answers)
    assert sorted(worker.requests() for worker in workers) == [0, 6]
    assert router_hits(graph) > 0
    assert graph.runtime_config()["kv_event_publishing_enabled"] is True


def test_without_kv_events_the_router_does_not_know(graph: Graph) -> None:
    graph.frontend("--router-mode", "kv")
    worker = graph.vllm()
    graph.ready(worker)
    answers = [graph.chat() for _ in range(4)]
    # The engine's own prefix cache works all the same.
    assert [cached_tokens(answer) > 0 for answer in answers] == [False, True, True, True]
    assert stored(graph) == 0
    assert router_hits(graph) == 0
    assert graph.runtime_config()["kv_event_publishing_enabled"] is False


def stored(graph: Graph) -> float:
    return metric(
        graph.metrics(),
        "dynamo_component_kv_cache_events_applied",
        event_type="stored",
        status="ok",
    )


def router_hits(graph: Graph) -> float:
    text = graph.metrics()
    assert metric(text, "dynamo_component_router_kv_hit_rate_count") > 0
    return metric(text, "dynamo_component_router_kv_hit_rate_sum")


def test_a_model_over_two_nodes_is_served_by_the_first(graph: Graph) -> None:
    words = [
        *("--tensor-parallel-size", "16", "--distributed-executor-backend", "mp"),
        *("--nnodes", "2", "--master-addr", "127.0.0.1", "--master-port", str(free_port())),
    ]
    graph.frontend()
    first = graph.vllm(*words, "--node-rank", "0")
    until(lambda: "waiting at port" in first.log, "the first node")
    assert graph.models() == []
    stranger = graph.vllm(*words, "--node-rank", "1", "--headless", "--tensor-parallel-size", "8")
    assert stranger.exit_code() == 1
    assert "--tensor-parallel-size is 8 there and 16 at the first process" in stranger.log
    second = graph.vllm(*words, "--node-rank", "1", "--headless")
    graph.ready(first)
    assert content(graph.chat())
    assert not get(f"http://127.0.0.1:{second.system_port}/live")
    first.terminate()
    assert first.exit_code() == 0
    assert second.exit_code() == 1
    assert "lost the first process" in second.log.splitlines()[-1]


def test_data_parallel_ranks_over_two_nodes_are_all_served(graph: Graph) -> None:
    port = free_port(in_a_row=4)
    words = [
        *("--data-parallel-size", "4", "--data-parallel-hybrid-lb"),
        *("--data-parallel-size-local", "2", "--data-parallel-address", "127.0.0.1"),
        *("--data-parallel-rpc-port", str(free_port()), "--kv-events-config", events(port)),
    ]
    graph.frontend("--router-mode", "kv")
    second = graph.vllm(*words, "--data-parallel-start-rank", "2")
    until(lambda: "joining the first process" in second.log, "the second node")
    assert graph.models() == []
    first = graph.vllm(*words, "--data-parallel-start-rank", "0")
    graph.ready(first, second)
    for rank in range(4):
        until(partial(listening, port + rank), f"the KV events of rank {rank}")
    assert content(graph.chat())
    second.end()
    assert first.exit_code() == 1
    assert "mock engine: lost ranks 2-3 of 4" in first.log
