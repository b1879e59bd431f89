"""Command lines and roles: what a component runs, however it is written."""

from __future__ import annotations

import json

import pytest

from dynamo_conformance.engines.commandline import find_module
from dynamo_conformance.engines.role import Role, parts
from dynamo_conformance.engines.serving import model_sources, serving
from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.graph import Graph, Word
from dynamo_conformance.manifest.read import read_graph

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


def scripted(script: str, *, env: str = "[]") -> Graph:
    text = HEAD.replace("MODE}", "agg}") + WORKER.replace(
        "command: COMMAND", f"env: {env}"
    ).replace("ARGS", json.dumps([script]))
    (document,) = read_documents(text, file="g.yaml")
    return read_graph(document)


@pytest.mark.parametrize(
    ("script", "model", "sources"),
    [
        ("exec python3 -m dynamo.vllm --model $M", "a/b", ("a/b",)),
        ("exec python3 -m dynamo.vllm --model ${M}", "a/b", ("a/b",)),
        ("X=c/d; python3 -m dynamo.vllm --model $X --served-model-name x", "x", ("c/d",)),
        ("python3 -m dynamo.vllm --model $(M)", "a/b", ("a/b",)),
        ("python3 -m dynamo.vllm --model ${NO:-e/f}", "e/f", ("e/f",)),
        ("python3 -m dynamo.vllm --model $(cat /x)", None, ()),
        ("python3 -m dynamo.vllm --model a/b $MORE", None, ("a/b",)),
        ("python3 -m dynamo.vllm $ARGS", None, ()),
        ("python3 -m acme.worker --model $M", "a/b", ("a/b",)),
        ("python3 -m acme.worker --model $NO", None, ()),
    ],
)
def test_the_model_that_a_shell_passes(
    script: str, model: str | None, sources: tuple[str, ...]
) -> None:
    graph_ = scripted(script, env="[{name: M, value: a/b}]")
    served = serving(graph_)
    assert served is not None
    assert (served.model, served.roles) == (model, {Role.AGG: 2})
    assert model_sources(graph_) == sources


CHOICE = """\
if x; then exec python3 -m dynamo.vllm --disaggregation-mode decode; fi
exec python3 -m dynamo.vllm --disaggregation-mode prefill
"""


@pytest.mark.parametrize(
    ("script", "role", "likely"),
    [
        ("python3 -m dynamo.vllm --disaggregation-mode $R", Role.PREFILL, Role.PREFILL),
        ("python3 -m dynamo.vllm --disaggregation-mode $NO", None, Role.AGG),
        ("python3 -m dynamo.vllm $NO", None, Role.AGG),
        ("python3 -m dynamo.vllm --disaggregation-mode decode $NO", Role.DECODE, Role.DECODE),
        (CHOICE, None, Role.AGG),
        ("export DYN_VLLM_DISAGGREGATION_MODE=encode; python3 -m dynamo.vllm",
         Role.ENCODE, Role.ENCODE),
        ("DYN_VLLM_DISAGGREGATION_MODE=$NO python3 -m dynamo.vllm", None, Role.AGG),
        ("unset DYN_VLLM_DISAGGREGATION_MODE; python3 -m dynamo.vllm", None, Role.AGG),
    ],
)  # fmt: skip
def test_a_role_is_known_or_none(script: str, role: Role | None, likely: Role) -> None:
    mode = "{name: DYN_VLLM_DISAGGREGATION_MODE, value: agg}"
    worker = parts(scripted(script, env=f"[{{name: R, value: prefill}}, {mode}]"))[1]
    assert (worker.role, worker.likely_role) == (role, likely)


@pytest.mark.parametrize(
    ("script", "module", "several"),
    [
        ("python3 -m pip install x && python3 -m dynamo.vllm", "dynamo.vllm", False),
        ("python3 -m dynamo.frontend & python3 -u -m dynamo.vllm", "dynamo.vllm", False),
        ("echo python3 -m dynamo.sglang; $PYTHON -m dynamo.vllm", "dynamo.vllm", False),
        ("[ -d /x ] || exit 1; python3 -m dynamo.vllm", "dynamo.vllm", False),
        (
            "if x; then python3 -m dynamo.vllm; else python3 -m dynamo.sglang; fi",
            "$(dynamo.sglang || dynamo.vllm)",
            True,
        ),
    ],
)
def test_the_module_that_a_script_waits_for(script: str, module: str, *, several: bool) -> None:
    found = find_module((Word("sh"), Word("-c"), Word(script)))
    assert found is not None
    assert (found.module, found.one_of_several) == (module, several)
