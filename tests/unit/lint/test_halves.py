"""Every row of the table of features that are switched on by half."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.engines import catalog
from dynamo_conformance.engines.flag_dependencies import HALVES, SGLANG, TRTLLM, VLLM, Half
from dynamo_conformance.lint.check import check_bytes
from dynamo_conformance.lint.options import LintOptions

if TYPE_CHECKING:
    from collections.abc import Iterable

VALUES = {
    "conditional_disagg_config": "{}", "ais_perf_config": "{}", "hicache_ratio": "2",
    "hicache_size": "8", "hicache_storage_backend": "file", "max_loras": "2", "max_lora_rank": "64",
    "max_cpu_loras": "4", "lora_target_modules": "all", "zmq_replay_ports": "1",
    "benchmark_mode": "agg", "zmq_kv_events_ports": "1",
}  # fmt: skip
SPECIAL = {
    "events-without-switch": {VLLM: ["--kv-events-config", '\'{"publisher":"zmq"}\'']},
    "kvbm": {
        VLLM: [
            "--kv-transfer-config",
            '\'{"kv_connector":"DynamoConnector","kv_role":"kv_both"}\'',
        ],
        TRTLLM: ["--connector", "kvbm"],
    },
}
ROWS = [(half, module) for half in HALVES for module in half.modules]
MODEL = {
    VLLM: ["--model", "m"], SGLANG: ["--model-path", "m"], TRTLLM: ["--model-path", "m"],
    "dynamo.mocker": ["--model-path", "m"],
}  # fmt: skip
IMAGE = "nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1"


def words(module: str, term: str) -> list[str]:
    """Return the words that turn a term on; none for a variable or the pod's own."""
    if term in SPECIAL:
        return SPECIAL[term][module]
    if term.startswith("option:"):
        return [f"--trtllm.{term.removeprefix('option:')}", '"true"']
    if term.startswith("$") or term == "gms-server":
        return []
    dest, _, value = term.removeprefix("given:").partition("=")
    flag = catalog.load(module).settings[dest][0]
    if flag.takes == "none":
        return [flag.names[0]]
    given = value or VALUES.get(dest, "x")
    return [flag.names[0], f"'{given}'"]


def graph(module: str, terms: Iterable[str]) -> bytes:
    listed = list(terms)
    args = [*MODEL.get(module, []), *(word for term in listed for word in words(module, term))]
    named = [term[1:].replace("KVBM_*", "KVBM_METRICS_PORT").rstrip("*") for term in listed
             if term.startswith("$")]  # fmt: skip
    env = ", ".join(f'{{name: {one}, value: "true"}}' for one in named)
    served = "      experimental: {gpuMemoryService: {}}\n" if "gms-server" in listed else ""
    kind = "frontend" if module == "dynamo.frontend" else "worker"
    return (
        "apiVersion: nvidia.com/v1beta1\nkind: DynamoGraphDeployment\nmetadata: {name: g}\n"
        f"spec:\n  components:\n    - name: C\n      type: {kind}\n{served}"
        f"      podTemplate: {{spec: {{containers: [{{name: main, image: '{IMAGE}', "
        f"command: [python3, -m, {module}], args: [{', '.join(args)}], env: [{env}]}}]}}}}\n"
    ).encode()


def said(module: str, terms: Iterable[str]) -> list[str]:
    options = LintOptions(only=("half-feature",))
    (document,) = check_bytes(graph(module, terms), file="g.yaml", options=options)
    return [one.message for one in document.findings]


@pytest.mark.parametrize(("half", "module"), ROWS, ids=lambda one: getattr(one, "given", one))
def test_a_half_is_found(half: Half, module: str) -> None:
    found = said(module, [half.given])
    first = next(one for one in HALVES if one.given == half.given and module in one.modules)
    assert any(first.advice in one for one in found)


@pytest.mark.parametrize(("half", "module"), ROWS, ids=lambda one: getattr(one, "given", one))
def test_a_whole_is_not(half: Half, module: str) -> None:
    for way in half.needs:
        assert not [one for one in said(module, [half.given, *way]) if half.advice in one]


@pytest.mark.parametrize(("half", "module"), ROWS, ids=lambda one: getattr(one, "given", one))
def test_a_row_says_where_it_was_read(half: Half, module: str) -> None:
    assert half.source
    assert half.effect
    assert module in catalog.modules()
