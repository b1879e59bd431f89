"""`dynamo up`: run a graph on this machine, in the foreground."""

from __future__ import annotations

import errno
import math
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import click

from dynamo_conformance.interrupts import outside_locking
from dynamo_conformance.targets import CPU, ENGINES, MOCK
from dynamo_conformance.targets.local.terminal import Repeats, TerminalOutput, say

if TYPE_CHECKING:
    from types import FrameType

    from dynamo_conformance.interrupts import Handler
    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.targets.local.deployment import LocalDeployment

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_SIGNAL = 128
POLL_SECONDS = 0.2
LAST_PORT = 65535

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class _EndedBySignal(KeyboardInterrupt):
    """Somebody wants the end; raised again by each further signal, which then kills at once."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _regular(_context: click.Context, _option: click.Parameter, path: Path) -> Path:
    if not path.is_file():
        raise click.BadParameter(
            f"{path} is no regular file; write what it holds into a file, and name that"
        )
    return path


def _seconds(
    _context: click.Context, _option: click.Parameter, value: float | None
) -> float | None:
    if value is not None and (math.isnan(value) or value < 0):
        raise click.BadParameter(f"{value} is no number of seconds")
    return value


def _release(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        from dynamo_conformance.runtimes.choice import ReleaseOptionError, check_option

        try:
            check_option(value)
        except ReleaseOptionError as error:
            raise click.BadParameter(str(error)) from error
    return value


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 ended by --for, 1 the graph failed, 2 wrong usage or a graph "
    "that no cluster takes, 128 + N ended by signal N: 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP, "
    "131 SIGQUIT, 141 nobody reads the output.",
)
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), callback=_regular
)
@click.option("--name", help="Which graph of the file to run, when it holds several.")
@click.option(
    "--port",
    type=click.IntRange(1, LAST_PORT),
    help="Port for the frontend (default: the manifest's, or free).",
)
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default=MOCK,
    show_default=True,
    help="mock simulates the engines without a GPU; cpu runs the engine that is installed here on "
    "a CPU, with random weights; real uses it as it is.",
)
@click.option(
    "--release",
    metavar="own|installed|X.Y.Z",
    callback=_release,
    help="Which Dynamo release runs the graph: own is the one that each image names, in an "
    "environment that uv makes once (default: own where the image's minor is not the installed "
    "one).",
)
@click.option(
    "--timeout",
    type=float,
    callback=_seconds,
    default=120.0,
    show_default=True,
    help="Seconds to ready.",
)
@click.option(
    "--for",
    "seconds",
    type=float,
    callback=_seconds,
    help="End by itself this many seconds after ready.",
)
@click.pass_context
def up(
    context: click.Context,
    *,
    file: Path,
    name: str | None,
    port: int | None,
    engine: str,
    release: str | None,
    timeout: float,
    seconds: float | None,
) -> None:
    """Run a graph of FILE on this machine: every pod a process, on the real Dynamo runtime.

    The endpoint is printed once it truly answers. One Ctrl-C ends everything, a second one at once.
    A graph of more than 256 processes is refused.
    """
    _take_signals(outside_locking(_end))
    output = TerminalOutput()
    try:
        options = _Options(file, name, port, engine, release, timeout, seconds)
        code = _run(options, Repeats(output.line))
    except _EndedBySignal as end:
        _take_signals(signal.SIG_IGN)
        if output.lost is None:
            say(f"{file}: ended")
            code = EXIT_SIGNAL + end.number
        else:
            say(f"{file}: ended, standard output cannot be written: {output.lost.strerror}")
            is_unread = output.lost.errno == errno.EPIPE
            code = EXIT_SIGNAL + signal.SIGPIPE if is_unread else EXIT_FAILED
    context.exit(code)


class _Options(NamedTuple):
    file: Path
    name: str | None
    port: int | None
    engine: str
    release: str | None
    timeout: float
    seconds: float | None


def _run(options: _Options, repeats: Repeats) -> int:
    """Run the graph to its end; return the exit code."""
    from dynamo_conformance.manifest.errors import ManifestError
    from dynamo_conformance.rendering.kubelet import resolved
    from dynamo_conformance.targets.interface import DeployFailure
    from dynamo_conformance.targets.local.admission import RefusedGraph
    from dynamo_conformance.targets.local.deployment import LocalTarget
    from dynamo_conformance.targets.local.port_reservations import PortsExhaustedError

    file = options.file
    try:
        graph = _pick(file, options.name)
        target = LocalTarget(
            engine=options.engine,
            listener=repeats.take,
            http_port=options.port,
            release=options.release,
            progress=say,
        )
        try:
            with target.deploy(graph) as deployment:
                _serve(deployment, resolved(graph), repeats, options)
        except RefusedGraph as error:
            say(str(error))
            return EXIT_USAGE
        except DeployFailure as error:
            say("\n".join([f"{file}: {error}", *_lint_findings(file, graph)]))
            return EXIT_FAILED
    except ManifestError as error:
        say(str(error))
        return EXIT_USAGE
    except PortsExhaustedError as error:
        say(f"{error}; choose another one with --port, or leave it out")
        return EXIT_FAILED
    return 0


def _serve(
    deployment: LocalDeployment,
    graph: Graph,
    repeats: Repeats,
    options: _Options,
) -> None:
    """Wait until the graph answers, report it, and watch it until the end."""
    from dynamo_conformance.engines.serving import serving
    from dynamo_conformance.targets.readiness import wait_ready

    for change in deployment.changes:
        say(f"changed for this machine: {change}")
    served = serving(graph)
    if served is not None and served.model is None:
        text = "the manifest alone does not say which model is served; the first that registers is"
        say(f"{graph.name}: {text}")
    ready = wait_ready(
        deployment,
        model=served.model if served is not None else None,
        timeout=options.timeout,
        embeds=served is not None and served.embeds,
        unready=deployment.unready,
        progress=say,
    )
    if options.engine == CPU:
        from dynamo_conformance.targets.local.adapters import load_adapters

        for change in load_adapters(deployment, served):
            say(f"changed for this machine: {change}")
    repeats.are_hidden = False
    for worker in deployment.workers:
        say(f"{worker.name} counts its requests at {worker.system_url}/metrics")
    say(f"{graph.name} answers as {ready.model} at {deployment.url}/v1")
    until = None if options.seconds is None else time.monotonic() + options.seconds
    while until is None or time.monotonic() < until:
        deployment.check()
        time.sleep(POLL_SECONDS)


def _pick(file: Path, name: str | None) -> Graph:
    from dynamo_conformance.manifest.errors import ManifestError
    from dynamo_conformance.manifest.node import Mark
    from dynamo_conformance.manifest.read import read_graphs
    from dynamo_conformance.manifest.suggest import did_you_mean

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


def _lint_findings(file: Path, graph: Graph) -> list[str]:
    """Return what lint reports about a graph that does not work; it may be the reason."""
    from dynamo_conformance.lint.check import check_file
    from dynamo_conformance.lint.finding import Severity
    from dynamo_conformance.lint.output.text import findings
    from dynamo_conformance.lint.pyproject import find_settings

    index = graph.document.index if graph.document is not None else 0
    checked = check_file(file, find_settings(Path.cwd()).options)
    wrong = [
        finding
        for document in checked
        if document.index == index
        for finding in document.findings
        if finding.severity is not Severity.INFO
    ]
    return ["dynamo lint reports of this graph:", *findings(wrong)] if wrong else []


def _take_signals(handler: Handler | signal.Handlers) -> None:
    """Have every signal that asks for the end handled."""
    for number in _ENDING:
        # `nohup` is a wish to outlive the terminal.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    raise _EndedBySignal(number)
