"""Command lines over several nodes: what decides which flags are added, and where."""

from __future__ import annotations

import shlex

import pytest

from dynamo_conformance.api.cluster_parts import Cluster
from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.node import NOWHERE
from dynamo_conformance.manifest.read import read_graph
from dynamo_conformance.manifest.variable_expansion import expand
from dynamo_conformance.rendering.pod import PodTemplate, Workload, render
from dynamo_conformance.rendering.reconcile_failure import (
    COMPONENT_ERROR,
    NO_ORCHESTRATOR,
    NOT_RENDERED,
    ReconcileFailure,
)

VLLM = "[python3, -m, dynamo.vllm]"
RAY = "nvidia.com/vllm-distributed-executor-backend: Ray"
RANK = "--data-parallel-start-rank"


def workload(
    args: str,
    *,
    command: str = VLLM,
    gpus: int = 8,
    nodes: int = 2,
    annotations: str = "",
    backend: str = "",
    lws: bool = True,
) -> Workload:
    """Return a worker over several nodes; `command` and `args` in flow style."""
    text = f"""
apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata: {{name: g, annotations: {{{annotations}}}}}
spec:
  {f"backendFramework: {backend}" if backend else ""}
  components:
  - name: w
    type: worker
    multinode: {{nodeCount: {nodes}}}
    podTemplate:
      spec:
        containers:
        - name: main
          image: i
          command: {command}
          args: {args}
          resources: {{limits: {{nvidia.com/gpu: "{gpus}"}}}}
"""
    (document,) = read_documents(text, file="g.yaml")
    (found,) = render(read_graph(document), namespace="ns", cluster=Cluster(lws=lws))
    return found


def command(template: PodTemplate | None) -> list[str]:
    assert template is not None
    return [word.text for word in template.main.command]


def args(template: PodTemplate | None) -> list[str]:
    assert template is not None
    return [word.text for word in template.main.args]


def test_an_engine_that_fits_on_a_node_gets_no_flags() -> None:
    found = workload("[--tensor-parallel-size, '8']")
    assert args(found.leader) == args(found.follower) == ["--tensor-parallel-size", "8"]


@pytest.mark.parametrize("spelling", ["[--tensor-parallel-size=16]", "[-tp, '16']"])
def test_only_the_long_spelling_is_seen(spelling: str) -> None:
    assert "--nnodes" not in args(workload(spelling).leader)


def test_no_gpus_no_flags() -> None:
    assert args(workload("[--tensor-parallel-size, '16']", gpus=0).leader)[2:] == []


def test_ranks_of_a_node_are_what_its_gpus_hold() -> None:
    found = workload("[--tensor-parallel-size, '2', --data-parallel-size, '8']")
    added = args(found.leader)[4:]
    assert added[added.index("--data-parallel-size-local") + 1] == "4"
    assert added[added.index(RANK) + 1] == "0"
    assert "--data-parallel-size" not in added
    assert f"{RANK} $(( 4 * $(LWS_WORKER_INDEX) ))" in args(found.follower)[0]


def test_followers_of_a_calculated_rank_exec_the_quoted_command() -> None:
    found = workload("""[--data-parallel-size, "16", --config, '{"a": "b c"}']""")
    assert command(found.follower) == ["sh", "-c"]
    (script,) = args(found.follower)
    words = shlex.split(script.partition(" --data-parallel-hybrid-lb")[0])
    assert words == [
        "exec", "python3", "-m", "dynamo.vllm",
        "--data-parallel-size", "16", "--config", '{"a": "b c"}',
    ]  # fmt: skip


def test_added_words_have_no_mark_and_written_ones_keep_theirs() -> None:
    found = workload("[--tensor-parallel-size, '16']")
    marks = [word.mark for word in found.leader.main.args]
    assert NOWHERE not in marks[:2]
    assert set(marks[2:]) == {NOWHERE}


def test_a_script_keeps_its_mark_and_only_the_first_engine_in_it_changes() -> None:
    found = workload(
        "[echo hi, 'sleep 1 && python3 -m dynamo.vllm --data-parallel-size 16 | tee log']",
        command="[/bin/sh, -c]",
    )
    first, script = found.leader.main.args
    assert first.text == "echo hi"
    assert script.mark != NOWHERE
    assert script.text.startswith("sleep 1 && python3 -m dynamo.vllm --data-parallel-hybrid-lb ")
    assert script.text.endswith("--data-parallel-rpc-port 13445 --data-parallel-size 16 | tee log")


def test_followers_have_no_probes() -> None:
    found = workload("[x]")
    assert found.follower is not None
    probes = [key for key in found.follower.main.node.entries if key.endswith("Probe")]
    assert probes == []
    assert "livenessProbe" in found.leader.main.node


def test_ray_around_the_engine() -> None:
    found = workload("[--tensor-parallel-size, '16']", annotations=RAY)
    (script,) = args(found.leader)
    head, _, engine = script.partition(" && ")
    assert head == "ray start --head --port=6379"
    assert engine == (
        "python3 -m dynamo.vllm --tensor-parallel-size 16 --distributed-executor-backend ray"
    )
    assert args(found.follower) == ["ray start --address=$(LWS_LEADER_ADDRESS):6379 --block"]
    assert found.follower is not None
    assert "initContainers" not in found.follower.spec
    names = [variable.name for variable in found.leader.main.env]
    assert "VLLM_NIXL_SIDE_CHANNEL_HOST" not in names


def test_followers_of_one_engine_wait_with_its_own_image() -> None:
    found = workload("[--tensor-parallel-size, '16']")
    assert found.follower is not None
    (waiter,) = found.follower.spec.mappings("initContainers")
    assert waiter.string("image") == "i"
    assert "initContainers" not in found.leader.spec


def test_an_unknown_engine_runs_as_written() -> None:
    found = workload("[--x]", command="[python3, -m, dynamo.mocker]")
    assert args(found.leader) == args(found.follower) == ["--x"]
    assert found.follower is not None
    assert "livenessProbe" in found.follower.main.node


def test_trtllm_scripts_are_safe_from_the_kubelet_and_quote_the_engine() -> None:
    found = workload(
        "[--override, '{\"a\": \"it''s\"}']", command="[python3, -m, dynamo.trtllm]", nodes=3
    )
    (script,) = args(found.leader)
    assert expand(script, {"LWS_LEADER_ADDRESS": "x", "HOME": "x"}) == script
    settings = dict(shlex.split(line)[0].split("=", 1) for line in script.splitlines()[:5])
    assert settings["FOLLOWERS"] == "1 2"
    assert settings["RANKS"] == "24"
    assert shlex.split(settings["LAUNCH"])[1:] == [
        "python3", "-m", "dynamo.trtllm", "--override", '{"a": "it\'s"}',
    ]  # fmt: skip
    assert "DYN_NAMESPACE" in settings["FORWARDED"].split()


@pytest.mark.parametrize(
    ("written", "command", "lws", "reason"),
    [
        ("[x]", VLLM, False, NO_ORCHESTRATOR),
        ("[]", VLLM, True, COMPONENT_ERROR),
        ("[--enable-elastic-ep, --data-parallel-size, '16']", VLLM, True, NOT_RENDERED),
    ],
)
def test_failures(written: str, command: str, lws: bool, reason: str) -> None:  # noqa: FBT001
    with pytest.raises(ReconcileFailure) as caught:
        workload(written, command=command, lws=lws)
    assert caught.value.reason == reason
