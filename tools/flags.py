r"""Make a flag catalog: what one Dynamo module accepts on its command line, as JSON.

Run it where the module is installed (`dynamo.vllm` needs vLLM; `dynamo.sglang` needs torch and
SGLang's wheel, which is read in place; `dynamo.trtllm` needs ai-dynamo alone):

    python tools/flags.py dynamo.vllm --date 2026-11-24 \
        --out conformance/dynamo_conformance/engines/data/flags

The parsers are those that the module itself builds. Help texts are left out. A GPU-less machine
gives the same flags; a default that an engine works out from its hardware is null either way.

With `--site FOLDER` Dynamo's own flags of the release that is installed there are read instead
(`tools/release_flags.py` does that for all): engines are stand-ins, and their flags left out.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import runpy
import sys
import warnings
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from flags_describe import Json, flag, plain
from flags_modules import MODULES, OLDER, Module, Stage, module
from flags_record import Recorded, Recording, recording
from flags_stand_ins import (
    PLANNER_NEEDS,
    enter,
    stand_in_for,
    stand_in_for_engines,
    stand_in_for_sglang,
    stand_in_for_tensorrt_llm,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Json", "Module", "Stage", "catalog", "main", "plain", "shape", "text", "watch"]

_PREFIXES = ("DYN_", "NATS_", "ETCD_")
_PROBES = ("17", "1", "0")
_COMPUTES = frozenset({"dynamo.planner", "dynamo.global_planner", "dynamo.profiler"})
_HELP_AND_VERSION = frozenset({"help", "version"})


def catalog(name: str, *, date: str, source: list[str], site: bool = False) -> dict[str, Json]:
    """Return the catalog of module `name`, as of `date` (YYYY-MM-DD).

    Args:
        name: A module that the release has.
        date: The day it is made.
        source: The packages its flags come from, with versions.
        site: Whether engines are stand-ins.
    """
    release = metadata.version("ai-dynamo")
    reads = shape(name, release)
    return {
        "module": name,
        "release": release,
        "engine": _engine(reads.engine),
        "source": list(source),
        "date": date,
        "unknown_flag_exit": reads.unknown_flag_exit,
        **reads.extra,
        **_parsers(reads, site=site),
    }


def shape(name: str, release: str) -> Module:
    """Return how module `name` of `release` reads its words.

    Raises:
        SystemExit: the release has no such module.
    """
    reads = module(name, release)
    if reads is None:
        raise SystemExit(f"ai-dynamo {release} has no {name}")
    return reads


def prepare(name: str, *, wheel: Path | None = None) -> list[str]:
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


def prepare_site(site: Path) -> list[str]:
    """As `prepare`, for any module of the release that is installed in `site`."""
    enter(site)
    stand_in_for(*PLANNER_NEEDS)
    stand_in_for_engines()
    return [f"ai-dynamo {metadata.version('ai-dynamo')}"]


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


def _parsers(module: Module, *, site: bool) -> dict[str, Json]:
    seen = watch(module, {}, site=site)
    flags: list[Json] = []
    stages: list[Json] = []
    for index, stage in enumerate(module.stages):
        parser = seen.parsers[index] if index < len(seen.parsers) else None
        stages.append(
            {
                "owner": stage.owner,
                "style": stage.style,
                "abbreviations": parser.allow_abbrev if parser is not None else True,
                "strict": stage.strict,
            }
        )
        if parser is None:
            continue
        deprecated = {id(action) for action in getattr(parser, "_deprecated", ())}
        for action in parser._actions:  # noqa: SLF001 - argparse has no public list
            data = flag(
                action,
                owner=_owner(parser, action, "dynamo" if site and not index else stage.owner),
                stage=index,
                env=_variables(module, seen, index, action, site=site),
                deprecated=id(action) in deprecated,
            )
            if module.engine == "sglang":
                _widen_for_sglang(data)
            flags.append(data)
    return {"stages": stages, "flags": flags}


def _owner(parser: argparse.ArgumentParser, action: argparse.Action, owner: str) -> str:
    """Return whose flag it is; the frontend and the mocker read the router's with their own."""
    for group in parser._action_groups:  # noqa: SLF001
        titled = group.title or ""
        if action in group._group_actions and "Router Options" in titled:  # noqa: SLF001
            return "router"
    return owner


def _widen_for_sglang(data: dict[str, Json]) -> None:
    """Add the words that `dynamo.sglang.args` translates before SGLang parses them.

    It turns `agg` and `pd` into `null`, takes `encode` out, and knows one load format more.
    """
    choices = data.get("choices")
    if data["dest"] == "disaggregation_mode" and isinstance(choices, list):
        choices += ["agg", "pd", "encode"]


def recorded_stages(module: Module, *, site: bool) -> tuple[Stage, ...]:
    """Return the stages whose parsers can be seen: not an engine's own where it is a stand-in."""
    if not site or len(module.stages) == 1:
        return module.stages
    return tuple(stage for stage in module.stages if stage.owner != "engine")


def watch(module: Module, variables: dict[str, str], *, site: bool = False) -> Recording:
    """Let the module build its parsers, with `variables` in its environment, and return them."""
    parse_args = _entry(module)
    with (
        mock.patch.object(sys, "argv", ["dynamo"]),
        recording(len(recorded_stages(module, site=site))) as seen,
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


def _entry(module: Module) -> Callable[..., object]:
    """Return what builds the parsers; a module that does so below its main guard is run whole."""
    if not module.function:
        return partial(runpy.run_module, module.entry, run_name="__main__")
    entry: Callable[..., object] = getattr(importlib.import_module(module.entry), module.function)
    return entry


def _variables(
    module: Module, seen: Recording, stage: int, action: argparse.Action, *, site: bool
) -> list[str]:
    """Return the environment variables that change the action's default, preferred one first.

    Variables read just before an action was made are only candidates: each is tried.
    """
    if action.dest in _HELP_AND_VERSION:
        return []
    candidates = [name for name in seen.variables.get(id(action), ()) if name.startswith(_PREFIXES)]
    return [name for name in candidates if _decides(module, name, stage, action, site=site)]


def _decides(
    module: Module, variable: str, stage: int, action: argparse.Action, *, site: bool
) -> bool:
    for probe in _PROBES:
        try:
            parser = watch(module, {variable: probe}, site=site).parsers[stage]
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
    parser.add_argument("module", choices=sorted({*MODULES, *OLDER}))
    parser.add_argument("--date", required=True, help="the day of the dump, YYYY-MM-DD")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sglang-wheel", type=Path)
    parser.add_argument("--site", type=Path, help="where a release's two wheels are installed")
    options = parser.parse_args()
    site = options.site is not None
    source = (
        prepare_site(options.site) if site else prepare(options.module, wheel=options.sglang_wheel)
    )
    data = catalog(options.module, date=options.date, source=source, site=site)
    name = options.module.removeprefix("dynamo.")
    target = options.out / f"{name}-{data['release']}.json"
    target.write_text(text(data), encoding="utf-8")
    print(target, target.stat().st_size)


if __name__ == "__main__":
    main()
