"""`dynamo lint`: check manifests offline."""

from __future__ import annotations

from pathlib import Path

import click

EXIT_FINDINGS = 1
EXIT_USAGE = 2
EXIT_NOTHING = 3


@click.command(
    epilog="Exit codes: 0 no errors, 1 errors found, 2 wrong usage, 3 nothing found to check."
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.pass_context
def lint(context: click.Context, paths: tuple[Path, ...]) -> None:
    """Check DynamoGraphDeployments in files, and in every YAML file below folders.

    Nothing is sent anywhere: the schema is the operator's own CRD, kept with the program.
    """
    from conformance.lint.output import text
    from conformance.lint.runner import lint as run

    report = run(paths)
    click.echo(text.render(report))
    if report.errors:
        context.exit(EXIT_FINDINGS)
    if not report.checked:
        click.echo("no DynamoGraphDeployment found; give a manifest or a folder of them", err=True)
        context.exit(EXIT_NOTHING)
