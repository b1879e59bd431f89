"""`dynamo probe`: ask an endpoint at any address what it does, and judge it."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from dynamo_conformance.probes.options import OptionError, read_header, read_key, read_url

if TYPE_CHECKING:
    from dynamo_conformance.probes.probe import Probe
    from dynamo_conformance.probes.recorder import Address, Recorder
    from dynamo_conformance.probes.report import Report

EXIT_FAILED: Final = 1
EXIT_NO_ANSWER: Final = 3
FORMATS: Final = ("text", "json", "junit")
PROFILES: Final = ("core", "extended")
ENGINES: Final = ("mock", "vllm", "sglang", "trtllm")


def _headers(
    _context: click.Context, _option: click.Parameter, given: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    try:
        return tuple(read_header(text) for text in given)
    except OptionError as error:
        raise click.BadParameter(str(error)) from error


def _url(_context: click.Context, _argument: click.Parameter, url: str) -> str:
    try:
        return read_url(url)
    except OptionError as error:
        raise click.BadParameter(str(error)) from error


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 nothing failed, 1 a probe failed, 2 wrong usage, "
    "3 the endpoint does not answer.",
)
@click.argument("url", callback=_url)
@click.option("--model", help="The model to ask for (default: the only one that is listed).")
@click.option(
    "--profile",
    type=click.Choice(PROFILES),
    default="core",
    show_default=True,
    help="core is what every client relies on; extended is all there is.",
)
@click.option(
    "--probe",
    "ids",
    multiple=True,
    metavar="ID",
    help="Judge this probe or area alone; may be given several times.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="What to print.",
)
@click.option("--api-key-env", metavar="NAME", help="The environment variable with the API key.")
@click.option(
    "--header",
    "headers",
    multiple=True,
    callback=_headers,
    metavar="'NAME: VALUE'",
    help="Send this header with each request; may be given several times.",
)
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False),
    help="A file of certificates that vouch for the server.",
)
@click.option(
    "--request-timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="Seconds in which an answer must be complete.",
)
@click.option("--engine", type=click.Choice(ENGINES), help="The engine, if it is known.")
@click.option("--release", help="Dynamo's release (default: what the frontend says).")
@click.option(
    "--feature",
    "features",
    multiple=True,
    metavar="NAME",
    help="What the graph promises (tools, kv-router, ...); may be given several times.",
)
@click.option(
    "--compare",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A report in JSON; what is different now is printed to standard error.",
)
@click.option(
    "--exchanges",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the exchanges of what failed in this folder.",
)
@click.pass_context
def probe(
    context: click.Context,
    *,
    url: str,
    model: str | None,
    profile: str,
    ids: tuple[str, ...],
    form: str,
    api_key_env: str | None,
    headers: tuple[tuple[str, str], ...],
    ca: str | None,
    request_timeout: float,
    engine: str | None,
    release: str | None,
    features: tuple[str, ...],
    compare: Path | None,
    exchanges: Path | None,
) -> None:
    """Judge the OpenAI endpoint at URL.

    Each probe is one thing that can be wrong. It passes, fails, is a known deviation of the
    release, or cannot be shown there. No key and no value of a header is ever printed.
    """
    from dynamo_conformance.probes import report as reports
    from dynamo_conformance.probes.probe import Feature
    from dynamo_conformance.probes.recorder import Address, Recorder, base_url
    from dynamo_conformance.probes.run import keep_exchanges

    address = Address(
        url=base_url(url),
        model=model or "",
        key=_key(api_key_env),
        key_name=api_key_env,
        headers=headers,
        ca=ca,
        timeout=request_timeout,
    )
    unknown = sorted({*features} - {*Feature})
    if unknown:
        raise click.UsageError(f"no feature {', '.join(unknown)}; there are: {', '.join(Feature)}")
    old = _old_outcomes(compare)
    probes = _probes(profile, ids)
    address = address if model else replace(address, model=_model(address))
    promised = frozenset(Feature(one) for one in features)
    with Recorder(address) as recorder:
        report = _report(
            recorder,
            probes,
            profile=profile,
            engine=engine,
            release=release,
            promised=promised,
        )
        if exchanges is not None:
            keep_exchanges(exchanges, recorder, report.failed)
    printer = {"text": reports.text, "json": reports.json_text, "junit": reports.junit}[form]
    click.echo(printer(report), nl=False)
    if old is not None:
        for line in reports.compared(old, report):
            click.echo(line, err=True)
    context.exit(EXIT_FAILED if report.failed else 0)


def _key(name: str | None) -> str | None:
    try:
        return read_key(name)
    except OptionError as error:
        raise click.UsageError(str(error)) from error


def _old_outcomes(path: Path | None) -> dict[str, str] | None:
    from dynamo_conformance.probes.report import NotAReportError, read_outcomes

    if path is None:
        return None
    try:
        return read_outcomes(path.read_text(encoding="utf-8"))
    except (NotAReportError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{path} is no report: {error}") from error


def _probes(profile: str, ids: tuple[str, ...]) -> tuple[Probe, ...]:
    from dynamo_conformance.probes.areas import ProbeSourceError, load_probes
    from dynamo_conformance.probes.probe import Profile
    from dynamo_conformance.probes.run import UnknownProbeError, chosen

    try:
        return chosen(load_probes(), profile=Profile(profile), ids=ids)
    except (ProbeSourceError, UnknownProbeError) as error:
        raise click.UsageError(str(error)) from error


def _model(address: Address) -> str:
    """Return the only model there is; end when there is no answer, or no single model."""
    from dynamo_conformance.probes.areas.models import LIST
    from dynamo_conformance.probes.graph import UnknownModelError, only_model
    from dynamo_conformance.probes.recorder import Recorder

    with Recorder(address) as recorder:
        exchange = recorder.ask(LIST)
        if not exchange.status:
            click.echo(f"{exchange.url} does not answer: {exchange.error}", err=True)
            raise click.exceptions.Exit(EXIT_NO_ANSWER)
        try:
            return only_model(recorder)
        except UnknownModelError as error:
            raise click.UsageError(f"{error}; name one with --model") from error


def _report(
    recorder: Recorder,
    probes: tuple[Probe, ...],
    *,
    profile: str,
    engine: str | None,
    release: str | None,
    promised: frozenset[str],
) -> Report:
    from dynamo_conformance.probes.graph import served_graph
    from dynamo_conformance.probes.probe import Feature, Profile
    from dynamo_conformance.probes.report import Report
    from dynamo_conformance.probes.run import Judge

    began, start = datetime.now(UTC), time.monotonic()
    is_core = all(one.profile is Profile.CORE for one in probes)
    graph = served_graph(
        recorder,
        engine=engine,
        release=release,
        promised=frozenset(Feature(one) for one in promised),
        profile=Profile.CORE if is_core else Profile.EXTENDED,
    )
    results = tuple(Judge(recorder, graph).results(probes))
    return Report(
        url=recorder.address.url,
        model=recorder.address.model,
        release=graph.release,
        engine=engine,
        profile=Profile(profile),
        date=began.isoformat(timespec="seconds"),
        seconds=time.monotonic() - start,
        results=results,
    )
