"""Catalogs: what each module's command line may say, against what its real parsers say of it."""

from __future__ import annotations

import datetime as dt
import importlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.engines import catalog
from dynamo_conformance.engines.flag_values import TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

ROOT = Path(__file__).parents[3]
DATA = Path(catalog.__file__).parent / "data" / "flags"
VERDICTS = Path(__file__).parent / "verdicts"
MAX_AGE = dt.timedelta(days=270)
INSTALLED = ("dynamo.frontend", "dynamo.mocker")
SMALL = (
    "dynamo.global_router",
    "dynamo.kv_dc_relay",
    "dynamo.kv_state_agent",
    "dynamo.router",
    "dynamo.squeeze_evolve",
    "dynamo.thunderagent_router",
)
"""Modules of few flags, or of the router's."""
EVENTS = '{"publisher":"zmq","endpoint":"tcp://*:20080","enable_kv_cache_events":true}'
# The words of a refusal that are argparse's own; converters of the engines have others.
STANDARD = re.compile(
    r"unrecognized arguments|ambiguous option|are required: |Unknown arguments specified"
    r"|: (expected|invalid \w+ value|invalid choice|ignored explicit|Value .* cannot be converted)"
    r"|Unrecognized argument: |Dynamic flag |Invalid dynamic flag "
)


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Import a script of tools/ by name."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    return importlib.import_module


def refusal(module: str, words: list[str]) -> str | None:
    try:
        catalog.load(module).parse(words)
    except catalog.UsageFault as fault:
        return fault.message
    return None


def assert_same(ours: str | None, real: str | None) -> None:
    """Both refuse or neither does; in argparse's words where the real parser uses those."""
    assert (ours is None) == (real is None), real
    if ours is None or real is None or STANDARD.search(real) is None:
        return
    # Python versions quote choices differently, and Dynamo adds some before SGLang parses.
    assert ours.partition(" (choose from")[0] == real.partition(" (choose from")[0]


# --- against the real parsers -------------------------------------------------------------------


def recorded() -> Iterator[object]:
    for path in sorted(VERDICTS.glob("*.json")):
        verdicts = json.loads(path.read_text(encoding="utf-8"))
        for line in verdicts["lines"]:
            name = f"{path.stem} {' '.join(line['words'])}"
            yield pytest.param(verdicts["module"], line["words"], line["refusal"], id=name)


@pytest.mark.parametrize(("module", "words", "real"), list(recorded()))
def test_agrees_with_the_recorded_parser(module: str, words: list[str], real: str | None) -> None:
    assert_same(refusal(module, words), real)


# A verdict on these depends on files; `vllm` hands the frontend's rest to a parser of vLLM's.
ON_DISK = frozenset({"--ais-perf-config", "--model-path", "--dyn-chat-processor"})
GOOD = {"int": "3", "float": "0.5", "object": "{}", "json": "{}", "size": "4k"}


def lines(module: str) -> Iterator[list[str]]:
    """Yield command lines with every spelling of every flag, right and wrong."""
    yield []
    yield ["--nope"]
    yield ["word", "--nope=3", "more"]
    for flag in catalog.load(module).flags:
        if flag.exits or not ON_DISK.isdisjoint(flag.names):
            continue
        good = str(flag.choices[0]) if flag.choices else GOOD.get(flag.type, "word")
        for name in flag.names:
            yield [name]
            yield [name, good]
            yield [f"{name}={good}"]
            yield [name, "~bad~", good]
            yield [name, "-1"]
            yield [name, "--nope"]
            yield [name[:-2], good]
            yield [name.replace("-", "_").replace("__", "--", 1), good]


@pytest.mark.parametrize("module", INSTALLED)
def test_agrees_with_the_installed_parser(module: str, tool: Callable[[str], ModuleType]) -> None:
    judge = tool("flags_verdicts").Judge(module)
    tried = 0
    for words in lines(module):
        assert_same(refusal(module, words), judge.refusal(words))
        tried += 1
    assert tried > 500


@pytest.mark.parametrize("module", [*INSTALLED, *SMALL])
def test_file_is_what_the_installed_module_gives(
    module: str, tool: Callable[[str], ModuleType]
) -> None:
    flags = tool("flags")
    known = catalog.load(module)
    source = flags.prepare(module)
    made = flags.text(flags.catalog(module, date=known.date, source=source))
    path = DATA / f"{module.removeprefix('dynamo.')}-{known.release}.json"
    assert made == path.read_text(encoding="utf-8"), "run tools/flags.py again"


# --- the data -----------------------------------------------------------------------------------


def test_modules() -> None:
    assert set(catalog.modules()) >= {
        "dynamo.frontend",
        "dynamo.mocker",
        "dynamo.router",
        "dynamo.sglang",
        "dynamo.trtllm",
        "dynamo.vllm",
    }


@pytest.mark.parametrize("path", sorted(DATA.glob("*.json")), ids=lambda path: path.name)
def test_data_names_its_source_and_is_not_old(path: Path) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    assert data["source"]
    made = dt.date.fromisoformat(data["date"])
    today = dt.datetime.now(tz=dt.UTC).date()
    assert made + MAX_AGE >= today, f"{path.name} is of {made}: dump it again, see tools/"


@pytest.mark.parametrize("module", catalog.modules())
def test_every_flag_is_checked(module: str) -> None:
    for flag in catalog.load(module).flags:
        assert flag.names
        assert flag.type in TYPES
        assert flag.default is None or not str(flag.default).startswith("<")
        assert "{value" in (flag.refusal or "{value")


@pytest.mark.parametrize(
    ("module", "engine", "version"),
    [("dynamo.vllm", "vllm", "0.31.0"), ("dynamo.sglang", "sglang", "0.5.21")],
)
def test_engine_is_the_one_the_release_pins(module: str, engine: str, version: str) -> None:
    known = catalog.load(module)
    assert (known.engine_name, known.engine_version) == (engine, version)
    assert any(version in source for source in known.source)


def test_removed_flags_are_gone_or_refused() -> None:
    for module in catalog.modules():
        known = catalog.load(module)
        for removed in known.removed.values():
            exists = any(removed.flag in flag.names for flag in known.flags)
            assert exists == removed.parses, removed


def test_what_replaces_a_removed_flag_parses() -> None:
    for module in catalog.modules():
        known = catalog.load(module)
        for removed in known.removed.values():
            home = (
                known
                if " of " not in (removed.instead or "")
                else catalog.load((removed.instead or "").rpartition(" ")[2])
            )
            for word in re.findall(r"--[a-z-]+", removed.instead or ""):
                assert home.flag(word) is not None, removed


def test_unknown_module_names_the_nearest() -> None:
    with pytest.raises(catalog.UnknownModule, match=r"did you mean .dynamo\.vllm.\?"):
        catalog.load("dynamo.vlm")


# --- reading ------------------------------------------------------------------------------------


def test_reads_a_data_parallel_line() -> None:
    words = [
        *("--model", "deepseek-ai/DeepSeek-R1", "--enable-expert-parallel"),
        *("--data-parallel-hybrid-lb", "--data-parallel-size", "16"),
        *("--data-parallel-size-local", "8", "--data-parallel-start-rank", "0"),
        *("--data-parallel-address", "h", "--data-parallel-rpc-port", "13445"),
        "--kv-events-config",
    ]
    arguments = catalog.load("dynamo.vllm").parse([*words, EVENTS])
    assert arguments.get("model") == "deepseek-ai/DeepSeek-R1"
    assert arguments.get("data_parallel_size") == "16"
    assert arguments.get("data_parallel_hybrid_lb") is True
    assert arguments.get("kv_events_config") == EVENTS
    assert arguments.positionals == ()


@pytest.mark.parametrize(
    ("module", "words", "dest", "value"),
    [
        ("vllm", ["-tp", "8"], "tensor_parallel_size", "8"),
        ("vllm", ["--max_model_len", "4"], "max_model_len", "4"),
        ("vllm", ["--no-enable-prefix-caching"], "enable_prefix_caching", False),
        ("vllm", ["--seed", "1", "--seed=2"], "seed", "2"),
        ("vllm", ["--served-model-name", "a", "b"], "served_model_name", ("a", "b")),
        ("vllm", ["-O3"], "optimization_level", "3"),
        ("vllm", ["--compilation-config.mode", "3"], "compilation_config", '{"mode": 3}'),
        (
            "vllm",
            ["--kv_transfer_config.kv_role", "kv_both", "--kv-transfer-config.a.b+", "x,y"],
            "kv_transfer_config",
            '{"kv_role": "kv_both", "a": {"b": ["x", "y"]}}',
        ),
        (
            "vllm",
            ["--compilation-config.a.b", "1k", "--compilation-config.a.c=x"],
            "compilation_config",
            '{"a": {"b": 1000, "c": "x"}}',
        ),
        # Left in place, `--config` would be an abbreviation of `--config-format`.
        ("vllm", ["--config", "all.yaml", "--seed", "3"], "config_format", "auto"),
        ("vllm", [], "model", "Qwen/Qwen3-0.6B"),
        ("vllm", [], "kv_events_config", None),
        ("vllm", [], "connector", ()),
        ("sglang", ["--model", "m"], "model_path", "m"),
        ("sglang", ["--model-path", "m", "--tp", "8"], "tp_size", "8"),
        ("sglang", ["--model-path", "m", "--dyn-structural-tag"], "dyn_structural_tag", "true"),
        ("trtllm", ["--publish-events-and-metrics"], "publish_kv_events", True),
        ("trtllm", ["--no-publish-events-and-metrics"], "publish_metrics", False),
        ("mocker", ["--no-enable-prefix-caching"], "enable_prefix_caching", False),
        ("frontend", [], "http_port", "8000"),
        (
            "frontend",
            ["--frontend-route-extension", "a", "--frontend-route-extension", "b"],
            "frontend_route_extensions",
            ("a", "b"),
        ),
    ],
)
def test_value(module: str, words: list[str], dest: str, value: object) -> None:
    assert catalog.load(f"dynamo.{module}").parse(words).get(dest) == value


@pytest.mark.parametrize(
    ("words", "env", "value"),
    [
        ([], {}, "round-robin"),
        ([], {"DYN_ROUTER_MODE": "kv"}, "kv"),
        (["--router-mode", "random"], {"DYN_ROUTER_MODE": "kv"}, "random"),
    ],
)
def test_words_beat_the_environment_beats_the_default(
    words: list[str], env: dict[str, str], value: str
) -> None:
    arguments = catalog.load("dynamo.frontend").parse(words, env=env)
    assert arguments.get("router_mode") == value
    assert arguments.explicit("router_mode") == bool(words)


@pytest.mark.parametrize(
    ("module", "dest", "env", "value"),
    [
        ("trtllm", "publish_kv_events", {"DYN_TRTLLM_PUBLISH_KV_EVENTS": "1"}, True),
        ("trtllm", "publish_kv_events", {"DYN_TRTLLM_PUBLISH_KV_EVENTS": "off"}, False),
        ("vllm", "connector", {"DYN_CONNECTOR": "nixl kvbm"}, ("nixl", "kvbm")),
        ("frontend", "overlap_score_weight", {"DYN_OVERLAP_SCORE_WEIGHT": "2"}, "2"),
    ],
)
def test_environment_by_kind(module: str, dest: str, env: dict[str, str], value: object) -> None:
    assert catalog.load(f"dynamo.{module}").parse([], env=env).get(dest) == value


def test_a_setting_that_does_not_exist() -> None:
    arguments = catalog.load("dynamo.frontend").parse([])
    assert arguments.known("router_mode")
    assert not arguments.known("page_size")
    with pytest.raises(catalog.UnknownSetting, match="page_size"):
        arguments.get("page_size")


def test_given_says_where_and_how_it_was_written() -> None:
    words = ["--model", "m", "--max_model_len=4", "--no-router-kv-events", "--router-mod", "kv"]
    given = catalog.load("dynamo.vllm").parse(words).given
    assert [(use.index, use.spelling, use.values) for use in given] == [
        (3, "--no-router-kv-events", ()),
        (4, "--router-mode", ("kv",)),
        (0, "--model", ("m",)),
        (2, "--max-model-len", ("4",)),
    ]
    assert [use.flag.owner for use in given] == ["router", "router", "engine", "engine"]


@pytest.mark.parametrize(
    ("module", "spelling", "dest"),
    [
        ("vllm", "-tp", "tensor_parallel_size"),
        ("vllm", "--max_model_len", "max_model_len"),
        ("vllm", "--compilation_config.mode", "compilation_config"),
        ("vllm", "--gpu-memory-util", "gpu_memory_utilization"),
        ("vllm", "--disagg", None),
        ("frontend", "--http_port", None),
        ("frontend", "--http-po", "http_port"),
    ],
)
def test_flag_by_any_spelling(module: str, spelling: str, dest: str | None) -> None:
    flag = catalog.load(f"dynamo.{module}").flag(spelling)
    assert (flag.dest if flag is not None else None) == dest


# --- refusing -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "index", "message"),
    [
        (["--foo"], 0, "unrecognized arguments: --foo"),
        (["--seed", "1", "x", "--foo"], 2, "unrecognized arguments: x --foo"),
        (["--model", "m", "--seed"], 2, "argument --seed: expected one argument"),
        (["--model", "m", "--seed", "x"], 3, "argument --seed: invalid int value: 'x'"),
        (["--seed=x"], 0, "argument --seed: invalid int value: 'x'"),
        (
            ["--disaggregation-mode", "both"],
            1,
            (
                "argument --disaggregation-mode: invalid choice: 'both' "
                "(choose from 'pd', 'agg', 'prefill', 'decode', 'encode')"
            ),
        ),
        (
            ["--kv-events-config", '{"publisher":'],
            1,
            (
                "argument --kv-events-config: invalid JSON: Expecting value at column 14: "
                "'{\"publisher\":'"
            ),
        ),
    ],
)
def test_refusal(words: list[str], index: int, message: str) -> None:
    with pytest.raises(catalog.UsageFault) as caught:
        catalog.load("dynamo.vllm").parse(words)
    assert (caught.value.index, str(caught.value)) == (index, message)


@pytest.mark.parametrize(
    ("module", "words", "advice"),
    [
        ("vllm", ["--tensor-paralel-size", "8"], "did you mean --tensor-parallel-size?"),
        ("vllm", ["--is-prefill-worker"], "use --disaggregation-mode prefill"),
        ("vllm", ["--connector", "nixl"], "use --kv-transfer-config"),
        ("vllm", ["--migration_limit", "3"], "use --migration-limit of dynamo.frontend"),
        ("frontend", ["--store-kv", "mem"], "use --discovery-backend"),
        ("frontend", ["--store_kv", "mem"], "use --discovery-backend"),
        ("frontend", ["--durable-kv-events"], "gone as of 1.4, remove it"),
    ],
)
def test_advice(module: str, words: list[str], advice: str) -> None:
    (fault,) = catalog.load(f"dynamo.{module}").faults(words)
    assert fault.advice.endswith(advice)
    assert fault.index == 0


def test_a_linter_gets_every_fault_by_position() -> None:
    words = ["--foo", "--seed", "x", "--model", "m", "y", "--dtype", "bf16", "--bar=1", "z"]
    faults = catalog.load("dynamo.vllm").faults(words)
    assert [(fault.index, words[fault.index]) for fault in faults] == [
        (0, "--foo"),
        (2, "x"),
        (5, "y"),
        (7, "bf16"),
        (8, "--bar=1"),
    ]


@pytest.mark.parametrize(
    "words",
    [
        ["--seed", "$(SEED)"],
        ["--seed=$((RANK * 8))"],
        ["--disaggregation-mode", "$MODE"],
        ["--kv-events-config", '{"endpoint": $PORT}'],
        ["--model", "m", "$EXTRA"],
    ],
)
def test_what_is_not_expanded_yet_passes_leniently(words: list[str]) -> None:
    known = catalog.load("dynamo.vllm")
    assert known.faults(words, lenient=True) == []
    assert len(known.faults(words)) == 1
    assert known.parse(words, lenient=True).given[0].spelling == words[0].partition("=")[0]


def test_leniently_is_still_strict_about_flags() -> None:
    words = ["--seed", "$SEED", "--foo", "$X", "--dtype", "bf16"]
    faults = catalog.load("dynamo.vllm").faults(words, lenient=True)
    assert [fault.index for fault in faults] == [2, 5]


def test_parse_leniently_never_refuses() -> None:
    arguments = catalog.load("dynamo.sglang").parse_leniently(["--tp", "x", "--foo", "bar"])
    assert arguments.get("tp_size") == "x"
    assert arguments.positionals == ("bar",)


def test_a_file_may_give_what_is_required() -> None:
    known = catalog.load("dynamo.sglang")
    (fault,) = known.faults(["--tp", "8"])
    assert (fault.index, fault.flag) == (2, known.flag("--model-path"))
    assert known.faults(["--config", "all.yaml"]) == []
    assert known.faults(["$ARGUMENTS"], lenient=True) == []


def test_nothing_is_read_after_help() -> None:
    assert catalog.load("dynamo.vllm").faults(["--help", "--foo"]) == []


def test_the_frontend_hands_unknown_words_to_another_chat_processor() -> None:
    known = catalog.load("dynamo.frontend")
    assert len(known.faults(["--tool-call-parser", "hermes"])) == 1
    assert known.faults(["--dyn-chat-processor", "vllm", "--tool-call-parser", "hermes"]) == []


@pytest.mark.parametrize(
    ("module", "code"),
    [("frontend", 1), ("trtllm", 1), ("vllm", 2), ("sglang", 2), ("mocker", 2), ("router", 2)],
)
def test_exit_code_after_an_unknown_flag(module: str, code: int) -> None:
    assert catalog.load(f"dynamo.{module}").unknown_flag_exit == code


@pytest.mark.parametrize("number", ["9" * 5000, "9" * 400 + ".5k", "[" * 2000, "{" * 2000])
@pytest.mark.parametrize("flag", ["--max-model-len", "--kv-events-config", "--block-size"])
def test_monstrous_values_are_refused_like_any_other(flag: str, number: str) -> None:
    faults = catalog.load("dynamo.vllm").faults(["--model", "m", flag, number], lenient=True)
    assert len(faults) == 1


def test_what_replaces_a_removed_flag_is_a_value_it_takes() -> None:
    for module in catalog.modules():
        known = catalog.load(module)
        for removed in known.removed.values():
            words = (removed.instead or "").split(" with ")[0].split()
            if words[:1] and words[0].startswith("--") and "of" not in words:
                said = [fault.message for fault in known.faults(words)]
                assert not [one for one in said if "invalid" in one], removed


@pytest.mark.parametrize(
    ("module", "words", "advice"),
    [
        ("dynamo.vllm", ["--enable-auto-tool-choice"], "vllm serve, use --dyn-tool-call-parser"),
        ("dynamo.vllm", ["--port", "8000"], "use --http-port of dynamo.frontend"),
        ("dynamo.vllm", ["--task", "embed"], "earlier releases of vLLM, use --runner"),
        ("dynamo.vllm", ["--context-length", "4096"], "dynamo.sglang, use --max-model-len"),
        ("dynamo.sglang", ["--max-model-len", "4096"], "dynamo.vllm, use --context-length"),
        ("dynamo.sglang", ["--enable-ep-moe"], "earlier releases of SGLang, use --ep-size"),
        ("dynamo.trtllm", ["--tp_size", "2"], "trtllm-serve, use --tensor-parallel-size"),
        ("dynamo.trtllm", ["--use-nixl-connect"], "gone as of 1.0, remove it"),
        ("dynamo.frontend", ["--busy-threshold", "1"], "gone as of 0.8, use --active-decode"),
        ("dynamo.frontend", ["--max-model-len", "4096"], "a flag of dynamo.vllm, leave it out"),
        ("dynamo.router", ["--router-snapshot-threshold", "1"], "gone as of 1.4, remove it"),
        ("dynamo.mocker", ["--num-g2-blocks", "1"], "gone as of 1.5, use --num-host-blocks"),
    ],
)
def test_a_flag_known_from_elsewhere_is_answered_by_what_it_means(
    module: str, words: list[str], advice: str
) -> None:
    fault = next(one for one in catalog.load(module).faults(words) if one.index == 0)
    assert advice in fault.advice
    assert "did you mean" not in fault.advice


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("dynamo.frontend", ["--router-k", "1"]),
        ("dynamo.sglang", ["--model-path", "m", "--disaggregation", "prefill"]),
        ("dynamo.vllm", ["--max-num", "4"]),
        ("dynamo.trtllm", ["--dyn", "x"]),
        ("dynamo.mocker", ["--model-path", "m", "--model", "x", "y"]),
    ],
)
def test_an_ambiguous_flag_is_one_fault(module: str, words: list[str]) -> None:
    faults = catalog.load(module).faults(words)
    assert ["ambiguous" in fault.message for fault in faults] == [True]
