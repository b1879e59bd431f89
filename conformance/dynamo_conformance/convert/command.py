"""`dynamo convert`: a manifest in the other API version, offline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dynamo_conformance.manifest.files import create_file, read_file, read_stdin, replace_file

if TYPE_CHECKING:
    from dynamo_conformance.convert.file_conversion import Converted

EXIT_LOSS = 1
EXIT_UNREADABLE = 2
EXIT_NOTHING = 3
VERSIONS = ("v1beta1", "v1alpha1")
STDIN = "-"


class UnreadableError(click.ClickException):
    """A file that is no manifest, or that cannot be said in the other version."""

    exit_code = EXIT_UNREADABLE


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 converted (what could not be carried over is named on stderr), 1 with "
    "--strict when something could not (the output is written), 2 wrong usage or a file that "
    "cannot be read or written, or was changed meanwhile (nothing is written), 3 no "
    "DynamoGraphDeployment in it (nothing is written).",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--to", "version", required=True, type=click.Choice(VERSIONS), help="The version.")
@click.option(
    "--output", type=click.Path(path_type=Path), help="Write to this new file, not to stdout."
)
@click.option("--in-place", is_flag=True, help="Write to FILE itself.")
@click.option("--strict", is_flag=True, help="Fail when something could not be carried over.")
@click.pass_context
def convert(
    context: click.Context,
    file: str,
    version: str,
    *,
    output: Path | None,
    in_place: bool,
    strict: bool,
) -> None:
    """Convert the DynamoGraphDeployments of FILE (- for stdin) to another API version.

    It is what the Dynamo operator's own conversion does, without a cluster. Comments move with what
    they stand beside; documents of other kinds, and graphs that are in that version, stay as they
    are. What the other version has no place for is named on stderr, with what to do about it.
    """
    if in_place and (output is not None or file == STDIN):
        other = "--output" if output is not None else "stdin"
        raise click.UsageError(f"--in-place and {other} exclude each other; leave one out")
    name = "<stdin>" if file == STDIN else file
    data = _read(file)
    text = _text(data, name)
    converted = _converted(text, name, version)
    if not converted.graphs:
        advice = "give a manifest of one; a List is not opened, write its items as documents"
        click.echo(f"{name}: no DynamoGraphDeployment in it; {advice}", err=True)
        context.exit(EXIT_NOTHING)
    if not in_place:
        _write(converted.text, output)
    elif converted.text != text:
        _replace(Path(file), converted.text, was=data)
    from dynamo_conformance.manifest.masking import masked
    from dynamo_conformance.manifest.terminal_safe import shown

    for loss in converted.losses:
        place = f"{name}:{loss.mark.line}:{loss.mark.column}"
        text = masked(f"{place}: not carried over: {loss.path}: {loss.why}")
        click.echo(shown(text), err=True)
    if converted.losses and strict:
        context.exit(EXIT_LOSS)


def _read(file: str) -> bytes:
    """Return what is in a file, or a little more than the most that a file may hold."""
    from dynamo_conformance.manifest.document import MAX_BYTES

    try:
        if file == STDIN:
            return read_stdin(most=MAX_BYTES)
        return read_file(Path(file), most=MAX_BYTES)
    except OSError as error:
        raise UnreadableError(f"cannot read {file}: {error.strerror}") from error


def _text(data: bytes, name: str) -> str:
    """Return `data` as text; a byte order mark stays, for the converted file."""
    from dynamo_conformance.manifest.document import decoded
    from dynamo_conformance.manifest.errors import ManifestError

    try:
        decoded(data, file=name)
    except ManifestError as error:
        raise UnreadableError(str(error)) from error
    return data.decode("utf-8")


def _converted(text: str, name: str, version: str) -> Converted:
    from dynamo_conformance.convert.file_conversion import convert_text
    from dynamo_conformance.manifest.errors import ManifestError

    try:
        return convert_text(text, file=name, version=version)
    except ManifestError as error:
        raise UnreadableError(str(error)) from error


def _write(text: str, output: Path | None) -> None:
    try:
        if output is None:
            click.echo(text.encode("utf-8"), nl=False)
            return
        create_file(output, text.encode("utf-8"))
    except FileExistsError as error:
        raise click.UsageError(f"{output} is there already; name a new file") from error
    except BrokenPipeError:  # click ends quietly: who read it wanted no more.
        raise
    except OSError as error:
        place = output or "to stdout"
        raise click.UsageError(f"cannot write {place}: {error.strerror}") from error


def _replace(path: Path, text: str, *, was: bytes) -> None:
    try:
        replace_file(path, text.encode("utf-8"), was=was)
    except OSError as error:
        raise click.UsageError(f"cannot write {path}: {error.strerror}") from error
