"""`dynamo deploy`: from config files to a folder for one target."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final, NoReturn

from dynamo_launch.errors import LaunchError, Place, UsageError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from _typeshed import SupportsWrite

    from dynamo_launch.config.config_error import ConfigErrors
    from dynamo_launch.deploy.output import File, Order, Output
    from dynamo_launch.deploy.output_folder import Folder

CHANGED: Final = 1
"""The exit code of --diff when something would change."""

VERSIONS: Final = ("v1beta1", "v1alpha1")

_EPILOG: Final = """\
The files may be one or two, told apart by what is in them:
  dynamo deploy -f deployment.yaml                  components, each with its run_config
  dynamo deploy -f config.yaml                      components: and deployments: in one file
  dynamo deploy -c config.yaml -f deployment.yaml   the same in two files

It only writes files, and talks to no cluster. `dynamo serve NAME -f FILE` runs one component.

Exit codes: 0 written, or --diff shows nothing; 1 --diff shows changes; 2 wrong usage or a wrong
file, and nothing was written.
"""


class _Parser(ArgumentParser):
    """An argument parser whose errors are ours to print."""

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        """Print it, and raise what argparse keeps to itself: that it cannot be written."""
        (file or sys.stdout).write(self.format_help())

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong with the words."""
        raise UsageError(f"{message}; see dynamo deploy --help")


def deploy(words: Sequence[str], *, prog_name: str = "dynamo deploy") -> int:
    """Write what `words` ask for, or report what is wrong.

    Args:
        words: What follows `dynamo deploy`.
        prog_name: What errors start with.

    Returns:
        0 when written, 2 when something is wrong; with --diff, 1 when something would change.
    """
    try:
        return _deploy(_parse(words, prog_name))
    except LaunchError as error:
        return error.report(prog_name)


def _parse(words: Sequence[str], prog_name: str) -> Namespace:
    from dynamo_conformance.manifest.suggest import did_you_mean

    parser = _parser(prog_name)
    options, rest = parser.parse_known_args(list(words))
    if rest:
        known = [name for action in parser._actions for name in action.option_strings]  # noqa: SLF001
        hint = did_you_mean(rest[0], known) if rest[0].startswith("-") else "; name a file with -f"
        raise UsageError(f"unknown word {rest[0]}{hint}")
    if not options.schema and options.file is None:
        raise UsageError("no file; write -f FILE (dynamo deploy --help says what is in it)")
    return options


def _parser(prog_name: str) -> ArgumentParser:
    from dynamo_launch.deploy.output import DEFAULT, OWN

    parser = _Parser(
        prog=prog_name,
        description="Write what a target needs to run a graph, from its config.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("-f", "--file", metavar="FILE", help="the components, or how they are deployed")
    add("-c", "--config", metavar="FILE", help="what the components run, when FILE does not say it")
    add("--target", metavar="NAME", default=DEFAULT, help=f"{', '.join(OWN)} (default: {DEFAULT})")
    add("--out-dir", "--out_dir", metavar="DIR", help="where to write (default: NAME_deployment)")
    add("--api-version", default=VERSIONS[0], choices=VERSIONS, help="of Kubernetes objects")
    add("--force", action="store_true", help="write over files of others")
    add("--diff", action="store_true", help="only show what would change")
    add("--schema", action="store_true", help="print the JSON Schema of config files, for editors")
    return parser


def _deploy(options: Namespace) -> int:
    if options.schema:
        from dynamo_launch.config.config_schema import FILE

        sys.stdout.write(FILE.read_text(encoding="utf-8"))
        return 0
    from dynamo_conformance.manifest.masking import masked
    from dynamo_conformance.manifest.terminal_safe import shown_lines
    from dynamo_launch.config.config_error import ConfigErrors
    from dynamo_launch.deploy.output import DEFAULT, load
    from dynamo_launch.deploy.output_folder import Folder

    output = load(options.target)
    errors = ConfigErrors()
    order = _order(options, output, errors)
    if order is not None:
        from dynamo_launch.deploy.lint_warnings import warn_of_findings

        warn_of_findings(order, errors, on_kubernetes=options.target == DEFAULT)
    sys.stderr.writelines(f"{shown_lines(masked(str(error)))}\n" for error in errors)
    if order is None:
        count = len(errors.fatal)
        raise UsageError(f"{count} error{'s' if count > 1 else ''}, nothing was written")
    path = Path(options.out_dir or f"{options.target}_deployment")
    folder = Folder(path, tuple(output.kept(order)))
    files = tuple(
        replace(file, is_private=masked(file.text, manifest=True) != file.text)
        for file in output.files(order)
    )
    if options.diff:
        return _show_changes(folder, files)
    folder.write(files, force=options.force)
    from shlex import quote

    _print_result(path, files, output.next_steps(order, quote(str(path))))
    return 0


def _order(options: Namespace, output: Output, errors: ConfigErrors) -> Order | None:
    """Return what is to be written, or None when something is wrong."""
    from dynamo_conformance.manifest.node import NOWHERE
    from dynamo_launch.config.config_error import ConfigErrors
    from dynamo_launch.config.config_reader import read_source
    from dynamo_launch.config.config_schema import check
    from dynamo_launch.config.graph_config import read_graph_config
    from dynamo_launch.deploy.graph_builder import build
    from dynamo_launch.deploy.output import Order
    from dynamo_launch.deploy.source_map import SourceMap

    names = [name for name in (options.config, options.file) if name is not None]
    sources = []
    for name in names:
        try:
            sources.append(read_source(Path(name)))
        except UsageError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                held = _held(name, options)
                text = f"{name}: no such file; it would hold components: with {held}"
                errors.error(Place("", NOWHERE), text)
            else:
                errors.add(error, at=Place("", NOWHERE))
    for source in sources:
        check(source.node, file=source.file, errors=errors)
    if len(sources) < len(names):
        return None
    graph_config = read_graph_config(sources, errors)
    if graph_config is None:
        return None
    source_map = SourceMap()
    others = ConfigErrors()
    graph = build(graph_config, source_map, others)
    # The schema's errors are there already; the others are worth reporting at the same time.
    errors.add_new(others)
    if graph is None or errors.fatal:
        return None
    order = Order(
        graph=graph,
        source_map=source_map,
        files=tuple(PurePath(name).name for name in names),
        typed=_typed(options),
        api_version=options.api_version,
    )
    output.check(order, errors)
    return None if errors.fatal else order


def _held(name: str, options: Namespace) -> str:
    """Return what each component would have from a file that is not there."""
    if options.config is None:
        return "name, image and run_config"
    return "name and run_config" if name == options.config else "name, image and replicas"


def _typed(options: Namespace) -> str:
    """Return the command as it is written into the files: it is the same in every folder."""
    from shlex import join

    words = ["dynamo", "deploy"]
    for flag, name in (("-c", options.config), ("-f", options.file)):
        if name is not None:
            words += [flag, PurePath(name).name]
    words += ["--target", options.target]
    if options.api_version != VERSIONS[0]:
        words += ["--api-version", options.api_version]
    return join(words)


def _show_changes(folder: Folder, files: tuple[File, ...]) -> int:
    from dynamo_conformance.manifest.masking import masked

    changes = list(folder.changes(files))
    lines = (masked(line.removesuffix("\n"), manifest=True) for line in changes)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return CHANGED if changes else 0


def _print_result(path: Path, files: tuple[File, ...], steps: Sequence[str]) -> None:
    from dynamo_conformance.manifest.terminal_safe import shown

    sys.stdout.writelines(f"{shown(str(path / file.name))}\n" for file in files)
    if steps:
        sys.stdout.write("next:\n")
        sys.stdout.writelines(f"  {step}\n" for step in steps)
