"""`dynamo upgrade`: what breaks when manifests move to another release, offline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dynamo_conformance.manifest.files import read_file, read_stdin, replace_file

if TYPE_CHECKING:
    from dynamo_conformance.engines.releases import Release
    from dynamo_conformance.upgrade.change import Target
    from dynamo_conformance.upgrade.report import FileReport

EXIT_BREAKS = 1
EXIT_USAGE = 2
FORMATS = ("text", "json", "github", "sarif", "junit")
STDIN = "-"


class UnusableError(click.ClickException):
    """A file that is no manifest, or a graph that cannot go where it is to go."""

    exit_code = EXIT_USAGE


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 ready, 1 there are changes that break (with --write: that are left), 2 "
    "wrong usage, or a file that is no manifest or cannot be read or written (nothing is written).",
)
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
)
@click.option("--to", "to", required=True, metavar="X.Y.Z", help="The release to go to.")
@click.option(
    "--from",
    "origin",
    metavar="X.Y.Z",
    help="The release that the files are for; by default what their images say.",
)
@click.option(
    "--operator",
    metavar="X.Y",
    help="The operator that will run them; by default the newest known one that is no newer.",
)
@click.option("--write", is_flag=True, help="Make the safe changes in the files, and show them.")
@click.option("--format", "style", type=click.Choice(FORMATS), default="text", show_default=True)
@click.pass_context
def upgrade(
    context: click.Context,
    files: tuple[str, ...],
    *,
    to: str,
    origin: str | None,
    operator: str | None,
    write: bool,
    style: str,
) -> None:
    """Say what breaks, changes meaning or is worth changing when FILEs move to another release.

    Each change has its place, what made it, and what to do. Safe ones can be written; comments and
    layout stay.
    """
    if write and STDIN in files:
        raise click.UsageError("--write writes into files; standard input is none")
    from dynamo_conformance.upgrade import report

    target = _target(to, operator)
    old = _release(origin, "--from") if origin is not None else None
    reports = tuple(_report(file, target, old, written=write) for file in dict.fromkeys(files))
    if write:
        for file in reports:
            if file.upgrade.text != file.text:
                _write(file)
                click.echo(report.diff(file), err=style != "text")
    click.echo(report.render(reports, target, style).encode(errors="surrogateescape"))
    context.exit(EXIT_BREAKS if report.breaks(reports) else 0)


def _target(to: str, operator: str | None) -> Target:
    from dynamo_conformance.engines.releases import NEWEST, known
    from dynamo_conformance.upgrade.change import Target
    from dynamo_conformance.upgrade.linting import operator_lines

    release = _release(to, "--to")
    if release.line < known()[0].line:
        raise click.UsageError(f"--to {to}: the oldest release that is known is {known()[0]}")
    if release.line > NEWEST.line:
        # "Ready" would be said of what nobody here has read, and a tag written that may not exist.
        raise click.UsageError(f"--to {to}: the newest release that is known is {NEWEST}")
    lines = operator_lines()
    if operator is None:
        return Target(release, max(line for line in lines if line <= max(release.line, lines[0])))
    listed = ", ".join(f"{major}.{minor}" for major, minor in lines)
    chosen = next((line for line in lines if f"{line[0]}.{line[1]}" == operator), None)
    if chosen is None:
        raise click.UsageError(f"--operator {operator}: none that is known; known are {listed}")
    return Target(release, chosen)


def _release(text: str, option: str) -> Release:
    from dynamo_conformance.engines.releases import Release

    release = Release.parse(text)
    if release is None:
        raise click.UsageError(f"{option} {text}: write a release as X.Y.Z")
    return release


def _report(file: str, target: Target, old: Release | None, *, written: bool) -> FileReport:
    from dynamo_conformance.manifest.errors import ManifestError
    from dynamo_conformance.upgrade.file_upgrade import CannotMoveError, upgrade_text
    from dynamo_conformance.upgrade.report import FileReport

    name = "<stdin>" if file == STDIN else file
    try:
        text = _text(file, name)
        moved = upgrade_text(text, file=name, target=target, old=old)
    except ManifestError as error:
        raise UnusableError(_safe(str(error))) from error
    except CannotMoveError as error:
        raise UnusableError(_safe(f"{name}: {error}")) from error
    if not moved.graphs:
        raise UnusableError(
            _safe(f"{name}: no DynamoGraphDeployment in it; give a manifest of one")
        )
    return FileReport(name=name, text=text, upgrade=moved, written=written)


def _text(file: str, name: str) -> str:
    """Return what is in a file, its byte order mark included.

    Raises:
        ManifestError: It is no text of a manifest.
    """
    from dynamo_conformance.manifest.document import MAX_BYTES, decoded

    try:
        data = (
            read_stdin(most=MAX_BYTES) if file == STDIN else read_file(Path(file), most=MAX_BYTES)
        )
    except OSError as error:
        raise UnusableError(_safe(f"cannot read {name}: {error.strerror}")) from error
    decoded(data, file=name)
    return data.decode("utf-8")


def _write(file: FileReport) -> None:
    try:
        replace_file(
            Path(file.name), file.upgrade.text.encode("utf-8"), was=file.text.encode("utf-8")
        )
    except OSError as error:
        raise click.UsageError(_safe(f"cannot write {file.name}: {error.strerror}")) from error


def _safe(text: str) -> str:
    from dynamo_conformance.manifest.masking import masked
    from dynamo_conformance.manifest.terminal_safe import shown

    return shown(masked(text))
