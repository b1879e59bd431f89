"""Answers to command lines of earlier releases: why they are removed, and the line to type."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from shlex import join
from typing import TYPE_CHECKING, Final

from dynamo_launch.config.wiring import DYN, ENGINES, FRONTEND_INPUTS, SCHEME, split_side

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEPLOYMENT_CONFIG: Final = "DYN_DEPLOYMENT_CONFIG"

_GRAPH = re.compile(r"[a-z_]\w*(?:\.\w+)*:[A-Z]\w*")
_SERVICE_OPTION = re.compile(r"--([A-Z]\w*)\.([\w.-]+)(?:=(.*))?", re.DOTALL)
_EXAMPLES: Final = ("agg", "agg_router", "disagg", "disagg_router")
_GRAPH_FOLDER: Final = "examples/llm/vllm_v1/launch/k8s"
_FRONTEND: Final = ("serve", "in=http", "out=dyn")
_SHARED: Final = {"--dry-run": False, "-f": True, "-c": True, "--file": True}
"""Words that every component takes, and whether a value follows."""

_FRONTEND_SERVICES: Final = ("Frontend", "Processor", "Router")


def retired_command(name: str, words: Sequence[str]) -> str | None:
    """Return the answer to `dynamo NAME WORDS` for a retired NAME, or None."""
    if name == "run":
        return _run(words)
    if name == "build":
        return _build(words)
    return None


def retired_serve(words: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """Return the answer to a `dynamo serve` of the retired kind, or None when it is none.

    Args:
        words: What follows `dynamo serve`.
        environ: The environment.
    """
    end = words.index("--") if "--" in words else len(words)
    own = words[:end]
    if any(_GRAPH.fullmatch(word) or _SERVICE_OPTION.fullmatch(word) for word in own):
        return _services(_sorted(own), words[end:])
    if environ.get(DEPLOYMENT_CONFIG):
        line = ["env", "-u", DEPLOYMENT_CONFIG, "dynamo", "serve", *words]
        if not any(word in ("-f", "-c") or word.startswith("--file") for word in own):
            line = [*line[: 5 + end], "-f", "config.yaml", *line[5 + end :]]
        return _answer(
            f"{DEPLOYMENT_CONFIG} is set and no longer read; options stand in a file",
            [line],
            "deployment-config",
        )
    return None


def _run(words: Sequence[str]) -> str:
    sides = {side[0]: side[1] for word in words if (side := split_side(word)) is not None}
    others = [word for word in words if split_side(word) is None]
    source, sink = sides.get("input", "text"), sides.get("output", DYN)
    front = source if source in FRONTEND_INPUTS else FRONTEND_INPUTS[0]
    engine = sink if sink in ENGINES else ENGINES[0]
    if sink.startswith(DYN):
        lines = [("dynamo", "serve", f"in={front}", f"out={sink}", *others)]
    elif source == DYN or source.startswith(SCHEME):
        lines = [("dynamo", "serve", f"in={source}", f"out={engine}", *others)]
    else:
        lines = [
            ("dynamo", "serve", f"in={front}", "out=dyn"),
            ("dynamo", "serve", "in=dyn", f"out={engine}", *others),
        ]
    ends = [f"{side.removesuffix('put')}={word}" for side, word in sides.items()]
    left = [end for end in ends if not any(end in line for line in lines)]
    # What a frontend and an engine in one process were called is what their two lines are for.
    left = [end for end in left if end != f"out={engine}"]
    why = '"dynamo run" is retired: every component is its own process'
    return _answer(why, lines, "run", left=left)


def _build(words: Sequence[str]) -> str:
    graph = next((word for word in words if _GRAPH.fullmatch(word)), "")
    return _answer(
        '"dynamo build" is retired: nothing is built any more, manifests name a published image',
        [("kubectl", "apply", "-f", _manifest(graph))],
        "build",
        left=[word for word in words if word != graph],
    )


@dataclass(frozen=True, slots=True)
class _Sorted:
    """The words of a retired `dynamo serve`, by what they are for.

    Attributes:
        graphs: The graphs of classes.
        options: The options of each service, under the names that its component has.
        first: The first option of a service as it was typed.
        deployment: What the manifest sets for a service now: replicas, resources.
        shared: Words of serve's own that every component takes: --dry-run, the config file.
        others: All other words, in order.
    """

    graphs: list[str] = field(default_factory=list)
    options: dict[str, list[str]] = field(default_factory=dict)
    first: list[str] = field(default_factory=list)
    deployment: list[str] = field(default_factory=list)
    shared: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def _sorted(words: Sequence[str]) -> _Sorted:
    typed = _Sorted()
    rest = list(words)
    while rest:
        word = rest.pop(0)
        match = _SERVICE_OPTION.fullmatch(word)
        if match is None:
            is_shared = word in _SHARED or word.startswith("--file=")
            is_graph = _GRAPH.fullmatch(word) is not None
            kind = typed.shared if is_shared else typed.graphs if is_graph else typed.others
            kind += (word, *([rest.pop(0)] if _SHARED.get(word) and rest else ()))
            continue
        service, option, value = match.groups()
        value = rest.pop(0) if value is None and rest and not rest[0].startswith("-") else value
        typed.first.append(word.partition("=")[0])
        options = typed.options.setdefault(service, [])
        if option.startswith("ServiceArgs"):
            typed.deployment.append(f"--{service}.{option}" + (f"={value}" if value else ""))
        else:
            options += [f"--{option.replace('_', '-')}", *([value] if value is not None else [])]
    return typed


def _services(typed: _Sorted, extra: Sequence[str]) -> str:
    """Answer with a line for the graph, and one for each component that words are for.

    Words that name no service go to the first worker, which takes a model and an engine's flags.
    """
    rest = bool(typed.others or extra)
    services = dict(typed.options)
    if typed.graphs:
        services.setdefault(_FRONTEND_SERVICES[0], [])
    worker = next((name for name in services if name not in _FRONTEND_SERVICES), None)
    if rest and worker is None:
        worker = "Worker"
        services[worker] = []
    wired = any(split_side(word) or word.startswith("--engine") for word in typed.others)
    lines = []
    for name, options in services.items():
        others, end = (typed.others, extra) if name == worker else ([], [])
        head = ["serve"] if others and wired else _component(name)
        lines.append(["dynamo", *head, *others, *options, *typed.shared, *end])
    section = "graphs" if typed.graphs else "service-options"
    if typed.graphs:
        lines.insert(0, ["dynamo", "up", _manifest(typed.graphs[0])])
        parts = "its frontend" if len(services) == 1 else "its components one by one"
        why = (
            f"{typed.graphs[0]} is a graph of several components, and serve starts one; "
            f"for the whole graph, or {parts},"
        )
    else:
        why = f"{typed.first[0]} is retired: each component is given its own options"
        why += ", and replicas and resources are the manifest's" if typed.deployment else ""
    return _answer(why, lines, section, left=[*typed.graphs[1:], *typed.deployment])


def _component(service: str) -> list[str]:
    """Return the words that start what a retired service was."""
    if service in _FRONTEND_SERVICES:
        return list(_FRONTEND)
    folded = service.lower().replace("tensorrtllm", "trtllm")
    engine = next((name for name in ENGINES if name in folded), ENGINES[0])
    task = next((name for name in ("prefill", "decode", "encode") if name in folded), None)
    return ["serve", "--engine", engine, *(("--task", task) if task else ())]


def _manifest(graph: str) -> str:
    """Return the published manifest that stands where the graph stood."""
    name = graph.partition(":")[0].rpartition(".")[2]
    return f"{_GRAPH_FOLDER}/{name if name in _EXAMPLES else _EXAMPLES[0]}.yaml"


def _answer(
    why: str, lines: Sequence[Sequence[str]], section: str, *, left: Sequence[str] = ()
) -> str:
    """Return what is printed.

    Args:
        why: Why the command line is retired.
        lines: What to type instead.
        section: Where docs/migration.md says more.
        left: What was typed and has no place in these lines.
    """
    typed = "".join(f"\n  {join(line)}" for line in lines)
    without = f"\nnot in it: {join(left)}" if left else ""
    punctuation = "" if why.endswith(",") else ";"
    return f"{why}{punctuation} type:{typed}{without}\n(why: docs/migration.md#{section})"
