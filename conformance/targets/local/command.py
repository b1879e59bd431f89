"""`dynamo up`: run a graph on this machine, in the foreground."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from types import FrameType

    from conformance.manifest.graph import Graph
    from conformance.targets.target import Deployment

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
POLL_SECONDS = 0.2


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 ended by --for, 1 the graph failed, 2 wrong usage or a graph that no "
    "cluster takes, 130 ended by Ctrl-C.",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", help="Which graph of the file to run, when it holds several.")
@click.option("--port", type=int, help="Port for the frontend (default: the manifest's, or free).")
@click.option(
    "--engine",
    type=click.Choice(["mock", "real"]),
    default="mock",
    show_default=True,
    help="mock plays the engines without a GPU; real uses what is installed here.",
)
@click.option("--timeout", type=float, default=120.0, show_default=True, help="Seconds to ready.")
@click.option("--for", "seconds", type=float, help="End by itself this many seconds after ready.")
@click.pass_context
def up(
    context: click.Context,
    *,
    file: Path,
    name: str | None,
    port: int | None,
    engine: str,
    timeout: float,
    seconds: float | None,
) -> None:
    """Run a graph of FILE on this machine: every pod a process, on the real Dynamo runtime.

    The endpoint is printed once it truly answers. One Ctrl-C ends everything.
    """
    from conformance.manifest.config_maps import config_maps
    from conformance.manifest.document import read_file
    from conformance.manifest.errors import ManifestError
    from conformance.rendering.kubelet import resolved
    from conformance.targets.local.admission import Refused
    from conformance.targets.local.deployment import LocalTarget
    from conformance.targets.local.ports import PortsExhaustedError
    from conformance.targets.target import DeployFailure

    signal.signal(signal.SIGTERM, _end)
    try:
        graph = _pick(file, name)
        beside = config_maps(read_file(file))
        target = LocalTarget(
            engine=engine, listener=_print_line, http_port=port, config_maps=beside
        )
        with target.deploy(graph) as deployment:
            _serve(deployment, resolved(graph, beside), timeout=timeout, seconds=seconds)
    except KeyboardInterrupt:
        click.echo(f"{file}: ended", err=True)
        context.exit(EXIT_INTERRUPTED)
    except ManifestError as error:
        click.echo(str(error), err=True)
        context.exit(EXIT_USAGE)
    except PortsExhaustedError as error:
        click.echo(f"{error}; choose another one with --port, or leave it out", err=True)
        context.exit(EXIT_FAILED)
    except Refused as error:
        click.echo(str(error), err=True)
        context.exit(EXIT_USAGE)
    except DeployFailure as error:
        click.echo(f"{file}: {error}", err=True)
        context.exit(EXIT_FAILED)


def _serve(deployment: Deployment, graph: Graph, *, timeout: float, seconds: float | None) -> None:
    """Wait until the graph answers, say so, and watch it until the end."""
    from conformance.engines.serving import serving
    from conformance.targets.ready import wait_ready

    for change in deployment.changes:
        click.echo(f"changed for this machine: {change}", err=True)
    served = serving(graph)
    ready = wait_ready(
        deployment,
        model=served.model if served is not None else None,
        timeout=timeout,
        embeds=served is not None and served.embeds,
        progress=lambda line: click.echo(line, err=True),
    )
    for worker in deployment.workers:
        click.echo(f"{worker.name} counts its requests at {worker.system_url}/metrics", err=True)
    click.echo(f"{graph.name} answers as {ready.model} at {deployment.url}/v1", err=True)
    until = None if seconds is None else time.monotonic() + seconds
    while until is None or time.monotonic() < until:
        deployment.check()
        time.sleep(POLL_SECONDS)


def _pick(file: Path, name: str | None) -> Graph:
    from conformance.manifest.errors import ManifestError
    from conformance.manifest.node import Mark
    from conformance.manifest.read import read_graphs
    from conformance.manifest.suggest import did_you_mean

    graphs = read_graphs(file)
    names = [graph.name for graph in graphs]
    if name is None:
        if len(graphs) > 1:
            reason = f"holds several graphs; choose one with --name: {', '.join(names)}"
            raise ManifestError(str(file), Mark(1, 1), reason)
        return graphs[0]
    if name not in names:
        reason = f"holds no graph {name}{did_you_mean(name, names)}"
        raise ManifestError(str(file), Mark(1, 1), reason)
    return graphs[names.index(name)]


def _print_line(name: str, line: str) -> None:
    sys.stdout.write(f"{name} | {line}\n")
    sys.stdout.flush()


def _end(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
