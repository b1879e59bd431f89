"""Answers to command lines of earlier releases: why they are gone, and the line to type instead."""

from __future__ import annotations

import re
from shlex import join
from typing import TYPE_CHECKING, Final

from launch.config.wiring import DYN, ENGINES, FRONTEND_INPUTS, SCHEME, split_side

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEPLOYMENT_CONFIG: Final = "DYN_DEPLOYMENT_CONFIG"

_GRAPH = re.compile(r"[a-z_]\w*(?:\.\w+)*:[A-Z]\w*")
_SERVICE_OPTION = re.compile(r"--([A-Z]\w*)\.([\w.-]+)(?:=(.*))?", re.DOTALL)
_EXAMPLES: Final = ("agg", "agg_router", "disagg", "disagg_router")
_GRAPH_FOLDER: Final = "examples/llm/vllm_v1/launch/k8s"
_FRONTEND: Final = ("serve", "in=http", "out=dyn")
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
    own = words[: words.index("--")] if "--" in words else words
    graphs = [word for word in own if _GRAPH.fullmatch(word)]
    if graphs:
        return _graph(graphs[0])
    options = [match for word in own if (match := _SERVICE_OPTION.fullmatch(word))]
    if options:
        return _service_options(options, own)
    if environ.get(DEPLOYMENT_CONFIG):
        line = ["env", "-u", DEPLOYMENT_CONFIG, "dynamo", "serve", *words]
        if not any(word == "-f" or word.startswith("--file") for word in own):
            line = [*line[: 5 + len(own)], "-f", "config.yaml", *line[5 + len(own) :]]
        return _answer(
            f"{DEPLOYMENT_CONFIG} is set and no longer read; options stand in a file",
            [join(line)],
            "deployment-config",
        )
    return None


def _run(words: Sequence[str]) -> str:
    sides = dict(side for word in words if (side := split_side(word)) is not None)
    others = [word for word in words if split_side(word) is None]
    source, sink = sides.get("input", "text"), sides.get("output", DYN)
    why = '"dynamo run" is retired: every component is its own process'
    if sink.startswith(DYN):
        front = source if source in FRONTEND_INPUTS else FRONTEND_INPUTS[0]
        return _answer(why, [_dynamo("serve", f"in={front}", f"out={sink}", *others)], "run")
    engine = sink if sink in ENGINES else ENGINES[0]
    if source == DYN or source.startswith(SCHEME):
        worker = _dynamo("serve", f"in={source}", f"out={engine}", *others)
        return _answer(why, [worker], "run")
    front = source if source in FRONTEND_INPUTS else FRONTEND_INPUTS[0]
    lines = [
        _dynamo("serve", f"in={front}", "out=dyn"),
        _dynamo("serve", "in=dyn", f"out={engine}", *others),
    ]
    return _answer(why, lines, "run")


def _build(words: Sequence[str]) -> str:
    graph = next((word for word in words if _GRAPH.fullmatch(word)), "")
    return _answer(
        '"dynamo build" is retired: nothing is built any more, manifests name a published image',
        [f"kubectl apply -f {_manifest(graph)}"],
        "build",
    )


def _graph(graph: str) -> str:
    return _answer(
        f"{graph} is a graph of several components, and serve starts one; "
        "for the whole graph, or its frontend,",
        [f"dynamo up {_manifest(graph)}", _dynamo(*_FRONTEND)],
        "graphs",
    )


def _service_options(options: Sequence[re.Match[str]], words: Sequence[str]) -> str:
    """Answer for the first service named: one line with all of its options."""
    service = options[0][1]
    line = list(_FRONTEND) if service in _FRONTEND_SERVICES else _worker(service)
    for index, word in enumerate(words):
        match = _SERVICE_OPTION.fullmatch(word)
        if match is None or match[1] != service or match[2].startswith("ServiceArgs"):
            continue
        line.append("--" + match[2].replace("_", "-"))
        if match[3] is not None:
            line.append(match[3])
        elif index + 1 < len(words) and not words[index + 1].startswith("-"):
            line.append(words[index + 1])
    why = f"{options[0][0].partition('=')[0]} is retired: each component is given its own options"
    if any(match[2].startswith("ServiceArgs") for match in options):
        why += ", and replicas and resources are the manifest's"
    return _answer(why, [_dynamo(*line)], "service-options")


def _worker(service: str) -> list[str]:
    folded = service.lower().replace("tensorrtllm", "trtllm")
    engine = next((name for name in ENGINES if name in folded), ENGINES[0])
    task = next((name for name in ("prefill", "decode", "encode") if name in folded), None)
    return ["serve", "--engine", engine, *(("--task", task) if task else ())]


def _manifest(graph: str) -> str:
    """Return the published manifest that stands where the graph stood."""
    name = graph.partition(":")[0].rpartition(".")[2]
    return f"{_GRAPH_FOLDER}/{name if name in _EXAMPLES else _EXAMPLES[0]}.yaml"


def _dynamo(*words: str) -> str:
    return join(("dynamo", *words))


def _answer(why: str, lines: Sequence[str], section: str) -> str:
    typed = "".join(f"\n  {line}" for line in lines)
    punctuation = "" if why.endswith(",") else ";"
    return f"{why}{punctuation} type:{typed}\n(why: docs/migration.md#{section})"
