"""Command lines and roles: what a component runs, however it is written."""

from __future__ import annotations

import pytest

from conformance.engines.commandline import find_module
from conformance.engines.role import Role, parts
from conformance.engines.serving import serving
from conformance.manifest.document import read_documents
from conformance.manifest.graph import Graph, Word
from conformance.manifest.read import read_graph

HEAD = """\
apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata: {name: g}
spec:
  env: [{name: DYN_VLLM_DISAGGREGATION_MODE, value: MODE}]
  components:
  - name: Frontend
    type: frontend
    podTemplate:
      spec:
        containers: [{name: main, image: i:1.6.1, env: [{name: DYN_ROUTER_MODE, value: kv}]}]
"""
WORKER = """\
  - name: worker
    type: worker
    replicas: 2
    podTemplate: {spec: {containers: [{name: main, image: i:1.6.1, command: COMMAND, args: ARGS}]}}
"""


def graph(args: str, *, command: str = "[python3, -m, dynamo.vllm]", mode: str = "agg") -> Graph:
    text = HEAD.replace("MODE}", f"{mode}}}") + WORKER.replace("COMMAND", command).replace(
        "ARGS", args
    )
    (document,) = read_documents(text, file="g.yaml")
    return read_graph(document)


@pytest.mark.parametrize(
    ("words", "module", "rest"),
    [
        (["python3", "-m", "dynamo.vllm", "--model", "m"], "dynamo.vllm", ["--model", "m"]),
        (["/usr/bin/python3.12", "-m", "dynamo.sglang"], "dynamo.sglang", []),
        (
            ["/bin/sh", "-c", "cd /x && exec python3 -m dynamo.vllm --model 'a b' | tee log"],
            "dynamo.vllm",
            ["--model", "a b"],
        ),
        (
            ["bash", "-ec", "export A=1; python3 -m dynamo.vllm \\\n  --model m\necho done"],
            "dynamo.vllm",
            ["--model", "m"],
        ),
        (
            ["sh", "-c", "python3 -m dynamo.vllm --rank $(( 8 * $(I) )) --x 1"],
            "dynamo.vllm",
            ["--rank", "$(( 8 * $(I) ))", "--x", "1"],
        ),
        (
            ["sh", "-c", 'python3 -m dynamo.vllm --kv-events-config \'{"a": "b; c"}\''],
            "dynamo.vllm",
            ["--kv-events-config", '{"a": "b; c"}'],
        ),
    ],
)
def test_the_module_and_its_words(words: list[str], module: str, rest: list[str]) -> None:
    found = find_module(tuple(Word(word) for word in words))
    assert found is not None
    assert (found.module, found.texts) == (module, rest)


@pytest.mark.parametrize("words", [["nginx"], ["sh", "-c", "echo 'open"], ["python3", "app.py"]])
def test_what_runs_no_module(words: list[str]) -> None:
    assert find_module(tuple(Word(word) for word in words)) is None


def test_a_frontend_without_a_command_runs_the_operator_s() -> None:
    frontend, _worker = parts(graph("[--model, m]"))
    assert (frontend.role, frontend.value("router_mode")) == (Role.FRONTEND, "kv")


@pytest.mark.parametrize(
    ("args", "mode", "role"),
    [
        ("[--model, m]", "agg", Role.AGG),
        ("[--model, m]", "prefill", Role.PREFILL),
        ("[--disaggregation-mode, decode]", "prefill", Role.DECODE),
        ("[--disaggregation-mode, pd]", "agg", Role.AGG),
    ],
)
def test_roles_come_from_words_then_environment(args: str, mode: str, role: Role) -> None:
    assert parts(graph(args, mode=mode))[1].role is role


@pytest.mark.parametrize(
    ("args", "model"),
    [
        ("[--model, a/b]", "a/b"),
        ("[]", "Qwen/Qwen3-0.6B"),
        ("[--model, a/b, --served-model-name, one, two]", "one"),
    ],
)
def test_the_served_id(args: str, model: str) -> None:
    served = serving(graph(args))
    assert served is not None
    assert (served.model, served.roles, served.router_mode) == (model, {Role.AGG: 2}, "kv")


@pytest.mark.parametrize(
    ("args", "events"),
    [
        ("[]", False),
        ("[--kv-events-config, '{\"enable_kv_cache_events\": true}']", True),
        ('[--kv-events-config, \'{"publisher": "zmq"}\']', False),
        ("[--kv-events-config, 'nonsense']", False),
    ],
)
def test_kv_events_are_on_only_when_asked_for(args: str, *, events: bool) -> None:
    served = serving(graph(args))
    assert served is not None
    assert served.kv_events is events


def test_a_graph_of_unknown_programs_promises_nothing() -> None:
    assert serving(graph("[]", command="[nginx]")) is None
