"""`dynamo probe`: ask an endpoint at any address what it does, and judge it."""

from __future__ import annotations

import shutil
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from dynamo_conformance.probes.options import OptionError, read_header, read_key, read_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dynamo_conformance.probes.comparison import OldReport
    from dynamo_conformance.probes.exchange import JsonObject
    from dynamo_conformance.probes.probe import Feature, Probe, Result
    from dynamo_conformance.probes.recorder import Address, Recorder
    from dynamo_conformance.probes.report import Report

EXIT_FAILED: Final = 1
EXIT_NO_ANSWER: Final = 3
FORMATS: Final = ("text", "json", "junit", "html")
PROFILES: Final = ("core", "extended")
ENGINES: Final = ("mock", "vllm", "sglang", "trtllm")
UTF8: Final = "utf-8"


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
    epilog="Exit codes: 0 nothing failed, 1 a probe failed or (with --compare) got worse, "
    "2 wrong usage, 3 there is no answer that could be judged.",
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
    help="What to print; html is a page with the exchanges of what failed.",
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
    metavar="OLD.json",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An older report in JSON; what is different now is printed to standard error, and what "
    "got worse (PASS, DEVIATION, UNSUPPORTED, NOT RUN, FAIL, in this order) counts as failed.",
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
    from dynamo_conformance.probes.comparison import compared
    from dynamo_conformance.probes.probe import Feature
    from dynamo_conformance.probes.recorder import Address, base_url
    from dynamo_conformance.probes.report import wrapped
    from dynamo_conformance.probes.run import keep_exchanges

    address = Address(
        url=base_url(url),
        model=_unicode(model or ""),
        key=_key(api_key_env),
        key_name=api_key_env,
        headers=headers,
        ca=ca,
        timeout=request_timeout,
    )
    unknown = sorted({*features} - {*Feature})
    if unknown:
        raise click.UsageError(f"no feature {', '.join(unknown)}; there are: {', '.join(Feature)}")
    old = _old_report(compare)
    probes = _probes(profile, ids)
    address = replace(address, model=_model(address))
    with _recorder(address) as recorder:
        report = _report(
            recorder,
            probes,
            profile=profile,
            ids=ids,
            engine=engine,
            release=release,
            promised=frozenset(Feature(name) for name in features),
        )
        if exchanges is not None:
            keep_exchanges(exchanges, recorder, report.failed)
    printers = {
        "text": reports.text,
        "json": reports.json_text,
        "junit": reports.junit,
        "html": reports.html,
    }
    # Bytes, as not every terminal takes every character that a server may send.
    encoding = (sys.stdout.encoding or UTF8) if form == "text" else UTF8
    click.echo(printers[form](report).encode(encoding, errors="replace"), nl=False)
    is_worse = False
    if old is not None:
        comparison = compared(old, report)
        is_worse = bool(comparison.worse)
        lines = comparison.lines()
        for line in (*wrapped(f"since {old.where}:"), *lines) if lines else ():
            click.echo(line, err=True)
    context.exit(EXIT_FAILED if report.failed or is_worse else 0)


def _key(name: str | None) -> str | None:
    try:
        return read_key(name)
    except OptionError as error:
        raise click.UsageError(str(error)) from error


def _old_report(path: Path | None) -> OldReport | None:
    from dynamo_conformance.probes.comparison import NotAReportError, read_old_report

    if path is None:
        return None
    try:
        return read_old_report(path)
    except NotAReportError as error:
        raise click.UsageError(f"{path} is no report to compare with: {error}") from error
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}") from error


def _recorder(address: Address) -> Recorder:
    import ssl

    from dynamo_conformance.probes.recorder import Recorder

    try:
        return Recorder(address)
    except ssl.SSLError as error:
        raise click.UsageError(f"{address.ca} holds no certificates in PEM: {error}") from error


def _probes(profile: str, ids: tuple[str, ...]) -> tuple[Probe, ...]:
    from dynamo_conformance.probes.areas import ProbeSourceError, load_probes
    from dynamo_conformance.probes.probe import Profile
    from dynamo_conformance.probes.run import UnknownProbeError, chosen

    try:
        return chosen(load_probes(), profile=Profile(profile), ids=ids)
    except (ProbeSourceError, UnknownProbeError) as error:
        raise click.UsageError(str(error)) from error


def _model(address: Address) -> str:
    """Return the model to ask for; end where nothing answers, or there is no single model."""
    from dynamo_conformance.probes.exchange import shortened
    from dynamo_conformance.probes.graph import NoModelsError, UnknownModelError, only_model
    from dynamo_conformance.probes.reachable import why_not

    with _recorder(address) as recorder, progress() as say:
        say(f"asking {address.url}")
        if reason := why_not(recorder, is_model_known=bool(address.model)):
            say("")
            click.echo(reason, err=True)
            raise click.exceptions.Exit(EXIT_NO_ANSWER)
        try:
            return address.model or _unicode(only_model(recorder))
        except NoModelsError as error:
            say("")
            click.echo(f"{error}; is it the address of an OpenAI API?", err=True)
            raise click.exceptions.Exit(EXIT_NO_ANSWER) from error
        except UnknownModelError as error:
            names = shortened(str(error), 1000)
            raise click.UsageError(f"{names}; name one with --model") from error


def _unicode(model: str) -> str:
    try:
        model.encode(UTF8)
    except UnicodeEncodeError as error:
        raise click.UsageError("the name of the model is no Unicode") from error
    return model


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Give what shows a line on standard error in place of the last, where a person watches."""
    width = shutil.get_terminal_size().columns - 1

    def say(line: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{line[:width]:<{width}}\r{line[:width]}")
            sys.stderr.flush()

    try:
        yield say
    finally:
        say("")


def _report(
    recorder: Recorder,
    probes: tuple[Probe, ...],
    *,
    profile: str,
    ids: tuple[str, ...],
    engine: str | None,
    release: str | None,
    promised: frozenset[Feature],
) -> Report:
    from dynamo_conformance.probes.graph import served_graph
    from dynamo_conformance.probes.probe import Profile
    from dynamo_conformance.probes.report import Report
    from dynamo_conformance.probes.run import Judge

    began, start = datetime.now(UTC), time.monotonic()
    is_core = all(probe.profile is Profile.CORE for probe in probes)
    results: list[Result] = []
    with progress() as say:
        say(f"looking at what {recorder.address.url} serves")
        graph = served_graph(
            recorder,
            engine=engine,
            release=release,
            promised=promised,
            profile=Profile.CORE if is_core else Profile.EXTENDED,
        )
        judge = Judge(recorder, graph)
        for probe in probes:
            say(f"{len(results)}/{len(probes)} probes, now {probe.id}")
            results.append(judge.result(probe))
    report = Report(
        url=recorder.address.url,
        model=recorder.address.model,
        release=graph.release,
        engine=graph.engine,
        profile=Profile(profile),
        only=ids,
        date=began.isoformat(timespec="seconds"),
        seconds=time.monotonic() - start,
        results=tuple(results),
    )
    return replace(report, exchanges=_exchanges(recorder, report))


def _exchanges(recorder: Recorder, report: Report) -> dict[str, JsonObject]:
    """Return the records of the exchanges of what failed."""
    names = dict.fromkeys(name for result in report.failed for name in result.exchanges)
    return {name: recorder.exchanges[name].record() for name in names}
