"""`dynamo lint`: check manifests offline."""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.cache import ResultCache
    from dynamo_conformance.lint.finding import FileContent, LintReport
    from dynamo_conformance.lint.manifest_files import LeftOut
    from dynamo_conformance.lint.options import LintOptions
    from dynamo_conformance.manifest.document import Document
    from dynamo_conformance.manifest.prerequisites import Prerequisite

EXIT_FINDINGS = 1
EXIT_USAGE = 2
EXIT_NOTHING = 3
FORMATS = ("text", "json", "junit", "sarif", "github")
NOTHING = "no DynamoGraphDeployment found; give a manifest or a folder of them"
OTHERS_ALLOWED = "--allow-other-files"
STDIN = "-"

_MOST_FIXES = 100_000
"""More than there are; if fixes undid each other, that would end it."""

STDIN_NAME = "<stdin>"

_COLLECTED_AT = 100_000
"""New objects before the garbage collector looks: the modules and the schema, which stay, are some
50,000, and looking through them again and again takes a tenth of the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What the command line asks for, settings included."""

    words: tuple[str, ...]
    options: LintOptions
    judge: str
    exclude: tuple[str, ...]
    changed_since: str | None
    others_allowed: bool
    output: str | None
    cached: bool


@dataclass(frozen=True, slots=True)
class _Live:
    """The cluster that is asked, by its kubeconfig context."""

    context: str | None


class _LintCommand(click.Command):
    """A command that is also started by programs that name files."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the words of the command line, none of a program's file names for an option."""
        return super().parse_args(ctx, _with_names_apart(args))


def _with_names_apart(words: list[str]) -> list[str]:
    """Return the words with `./` before each file name that looks like an option.

    A program that names every file (`--allow-other-files`) puts the names behind whatever options
    its user wrote, and a file can be called `--output=other.yaml`. With a `--` nobody has to guess.
    """
    end = words.index("--") if "--" in words else len(words)
    if OTHERS_ALLOWED not in words[:end]:
        return words
    from dynamo_conformance.lint.manifest_files import SUFFIXES

    named = (
        f"./{word}"
        if word.startswith("-") and word.endswith(SUFFIXES) and os.path.lexists(word)
        else word
        for word in words[:end]
    )
    return [*named, *words[end:]]


@click.command(
    cls=_LintCommand,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 no errors, 1 errors found, 2 wrong usage or unusable settings, 3 nothing "
    "found to check. Settings: [tool.dynamo-lint] in pyproject.toml.",
)
@click.argument("paths", nargs=-1, metavar="PATH...|-")
@click.option(
    "--only", multiple=True, metavar="RULES", help="Apply only these (`api` means api-*)."
)
@click.option("--skip", multiple=True, metavar="RULES", help="Leave these out.")
@click.option(
    "--cluster-has",
    metavar="WORDS",
    help="What the cluster has: none, or some of lws,grove,inference-extension,nats,etcd.",
)
@click.option("--release", metavar="X.Y.Z", help="The Dynamo of images whose tags say none.")
@click.option("--operator", metavar="VERSION", help="The operator to check against: 1.4, 1.4.2.")
@click.option("--crd", metavar="FILE", help="Check against this CustomResourceDefinition.")
@click.option(
    "--crd-from-cluster", is_flag=True, help="Check against the CRD that kubectl can see."
)
@click.option("--kube-context", metavar="NAME", help="The context for --crd-from-cluster.")
@click.option("--changed-since", metavar="REF", help="Only files that differ from a git revision.")
@click.option(
    OTHERS_ALLOWED,
    "others_allowed",
    is_flag=True,
    help="Files without a graph are fine, even if they all are; for hooks, which name every file.",
)
@click.option("--format", "style", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--output", metavar="FILE", help="Write there, and the text here.")
@click.option("--fix", is_flag=True, help="Apply safe fixes to the files.")
@click.option("--strict", is_flag=True, help="Warnings fail the run too.")
@click.option("--prerequisites", "listing", is_flag=True, help="List what must be in the cluster.")
@click.option("--list-rules", is_flag=True, help="List the rules and end.")
@click.option("--no-cache", is_flag=True, help="Ignore the cache.")
@click.pass_context
def lint(
    context: click.Context,
    paths: tuple[str, ...],
    *,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    cluster_has: str | None,
    release: str | None,
    operator: str | None,
    crd: str | None,
    crd_from_cluster: bool,
    kube_context: str | None,
    changed_since: str | None,
    others_allowed: bool,
    style: str,
    output: str | None,
    fix: bool,
    strict: bool,
    listing: bool,
    list_rules: bool,
    no_cache: bool,
) -> None:
    """Check DynamoGraphDeployments in files, below folders, or on standard input.

    Nothing is sent anywhere: the schema and the operator's rules are kept with the program. Objects
    of other kinds are passed over, so the output of `helm template` and `kustomize build` is fine.
    """
    gc.set_threshold(_COLLECTED_AT)
    if list_rules:
        click.echo(_rule_list())
        return
    if not paths:
        raise click.UsageError("give files, folders, patterns, or - for standard input")
    from dynamo_conformance.lint.options import UNUSABLE

    try:
        request = _request(
            paths,
            only=only,
            skip=skip,
            cluster_has=cluster_has,
            release=release,
            operator=operator,
            crd=_crd(context, crd, live=crd_from_cluster, kube_context=kube_context),
            live=_Live(kube_context) if crd_from_cluster else None,
            changed_since=changed_since,
            others_allowed=others_allowed,
            output=output,
            cached=not (no_cache or fix),
        )
        if listing:
            context.exit(_list_prerequisites(request, style, output))
        report = _with_settings(_fixed(request) if fix else _run(request), request)
    except UNUSABLE as error:
        raise click.UsageError(_sentence(error)) from error
    _print(report, style, output)
    # That nothing changed is what was asked, and no failure.
    allowed = others_allowed or changed_since is not None
    context.exit(_exit_code(report, strict=strict, others_allowed=allowed))


def _sentence(error: Exception) -> str:
    """Return what is wrong, with the file's name where there is one."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return _safe(f"{os.fsdecode(error.filename)}: {error.strerror}")
    return _safe(str(error))


def _safe(text: str) -> str:
    """Return a text as one line, without secrets and what a terminal or a runner obeys."""
    from dynamo_conformance.manifest.masking import masked
    from dynamo_conformance.manifest.terminal_safe import shown

    return shown(masked(" ".join(text.split("\n"))))


def _request(
    words: tuple[str, ...],
    *,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    cluster_has: str | None,
    release: str | None,
    operator: str | None,
    crd: str | None,
    live: _Live | None,
    changed_since: str | None,
    others_allowed: bool,
    output: str | None,
    cached: bool,
) -> _Request:
    """Return what the settings and, above them, the command line ask for."""
    from dynamo_conformance.lint.pyproject import (
        cluster_of,
        find_settings,
        known_operator,
        known_release,
        known_rules,
    )

    settings = find_settings(Path.cwd())
    options = settings.options
    if only:
        options = replace(options, only=known_rules(only))
    if skip:
        options = replace(options, skip=known_rules(skip))
    if cluster_has is not None:
        options = replace(options, cluster=cluster_of(cluster_has.split(",")))
    if release is not None:
        options = replace(options, release=known_release(release))
    if operator is not None:
        options = replace(options, operator=known_operator(operator))
    if crd is not None:
        options = replace(options, crd=crd)
        _check_crd(options)
    judge = f"operator {options.operator}" if options.operator is not None else ""
    if live is not None and options.operator is None:
        from dynamo_conformance.lint.cluster_operator import operator_from_cluster

        theirs = operator_from_cluster(live.context)
        options = replace(options, operator=theirs.judged_by)
        judge = str(theirs)
    return _Request(
        words=words,
        options=options,
        judge=judge,
        exclude=settings.exclude,
        changed_since=changed_since,
        others_allowed=others_allowed,
        output=output,
        cached=cached,
    )


def _check_crd(options: LintOptions) -> None:
    """Refuse a file that holds no CRD now; there may be no graph that needs it."""
    from dynamo_conformance.lint.crd_choice import load

    load(options)


def _crd(
    context: click.Context, crd: str | None, *, live: bool, kube_context: str | None
) -> str | None:
    """Return the file with the CRD to judge by; None stands for the one of the program."""
    if live and crd is not None:
        raise click.UsageError("--crd and --crd-from-cluster: give one of them")
    if kube_context is not None and not live:
        raise click.UsageError("--kube-context says which cluster --crd-from-cluster asks")
    if not live:
        return crd
    from tempfile import TemporaryDirectory

    from dynamo_conformance.lint.cluster_operator import crd_from_cluster

    folder = context.with_resource(TemporaryDirectory())
    return str(crd_from_cluster(kube_context, folder=Path(folder)))


def _run(request: _Request) -> LintReport:
    from dynamo_conformance.lint.runner import lint as check

    cache = _cache(request.options) if request.cached else None
    report = check(_contents(request), request.options, cache=cache)
    return replace(report, judge=request.judge) if request.judge else report


def _with_settings(report: LintReport, request: _Request) -> LintReport:
    """Return the report with what it shows about the settings."""
    if not request.options.suppressions or request.changed_since is not None:
        return report
    from dynamo_conformance.lint.suppression import with_unused

    return with_unused(report, request.options, request.words)


def _cache(options: LintOptions) -> ResultCache | None:
    from dynamo_conformance.lint.cache import open_cache

    return open_cache(options)


def _contents(request: _Request) -> Iterator[FileContent]:
    """Yield the name and content of everything that was asked for."""
    from dynamo_conformance.lint.finding import FileContent
    from dynamo_conformance.lint.manifest_files import manifest_files
    from dynamo_conformance.lint.options import SettingsError
    from dynamo_conformance.manifest.document import MAX_BYTES
    from dynamo_conformance.manifest.files import read_file, read_stdin, real
    from dynamo_conformance.manifest.terminal_safe import shown

    written = real(Path(request.output)) if request.output is not None else None
    changed = None
    if request.changed_since is not None:
        from dynamo_conformance.lint.changed import changed_since

        changed = changed_since(request.changed_since, folder=Path.cwd())
    if STDIN in request.words:
        yield FileContent(STDIN_NAME, read_stdin(most=MAX_BYTES))
    words = [str(Path(word)) for word in request.words if word != STDIN]
    left_out: list[LeftOut] = []
    files = manifest_files(
        words, exclude=request.exclude, exclude_named=request.others_allowed, left_out=left_out
    )
    for path in files:
        if changed is None or real(path) in changed:
            named = str(path) in words and not request.others_allowed
            if written is not None and real(path) == written:
                raise SettingsError(f"--output {path} is one of the files to check; name another")
            yield FileContent(str(path), read_file(path, most=MAX_BYTES), named=named)
    if not request.others_allowed:
        for line in _passed_over(left_out):
            click.echo(shown(line), err=True)


def _passed_over(left_out: list[LeftOut]) -> Iterator[str]:
    """Yield a line for each file that was named, and one for each kind of those in folders."""
    kinds: dict[str, int] = {}
    for file in left_out:
        if file.named:
            yield f"{file.path}: {file.reason}"
        else:
            kinds[file.reason] = kinds.get(file.reason, 0) + 1
    for reason, count in kinds.items():
        files = "1 file" if count == 1 else f"{count} files"
        yield f"passed over {files}: {reason}"


def _fixed(request: _Request) -> LintReport:
    """Apply safe fixes, and return what is left."""
    from dynamo_conformance.lint.fix import fix_files

    if STDIN in request.words:
        raise click.UsageError("--fix writes into files; standard input is none")
    fixed = 0
    report = _run(request)
    # A fixed field can have a value that then is seen to need a fix of its own.
    try:
        while (now := fix_files(report)) and fixed < _MOST_FIXES:
            fixed += now
            report = _run(request)
    except OSError as error:
        raise click.UsageError(f"cannot write {error.filename}: {error.strerror}") from error
    click.echo(f"Fixed {fixed}", err=True)
    return report


def _print(report: LintReport, style: str, output: str | None) -> None:
    from dynamo_conformance.lint.output import render, text

    if output is None:
        click.echo(_bytes(render(report, style)))
        return
    _write(output, render(report, style))
    click.echo(_bytes(text.render(report)))


def _write(output: str, text: str) -> None:
    from dynamo_conformance.manifest.files import write_file

    try:
        write_file(Path(output), _bytes(f"{text}\n"))
    except OSError as error:
        raise click.UsageError(_safe(f"cannot write {output}: {error.strerror}")) from error


def _bytes(text: str) -> bytes:
    """Return a report as it is written; the name of a file in it may be no UTF-8 text."""
    return text.encode(errors="surrogateescape")


def _list_prerequisites(request: _Request, style: str, output: str | None) -> int:
    """Print what must be in the cluster already, and return the exit code."""
    from dynamo_conformance.lint.output import prerequisites as listed
    from dynamo_conformance.manifest.prerequisites import graphs_in, prerequisites

    if style not in ("text", "json"):
        raise click.UsageError(f"--prerequisites has no format {style}; text and json are there")
    files = [_documents(content) for content in _contents(request)]
    documents = [document for file in files for document in file]
    if not graphs_in(documents):
        click.echo(NOTHING, err=True)
        return EXIT_NOTHING
    needed = tuple(sorted({*prerequisites(documents), *_servers(files, request.options)}))
    text = listed.render_json(needed) if style == "json" else listed.render_text(needed)
    if output is not None:
        _write(output, text)
        text = listed.render_text(needed)
    click.echo(_bytes(text))
    return 0


def _servers(files: list[tuple[Document, ...]], options: LintOptions) -> Iterator[Prerequisite]:
    """Yield what the graphs of each file talk to."""
    from dynamo_conformance.lint.servers import prerequisites_of
    from dynamo_conformance.manifest.config_maps import usable_config_maps
    from dynamo_conformance.manifest.prerequisites import graphs_in
    from dynamo_conformance.manifest.read import read_graph

    for documents in files:
        beside = usable_config_maps(documents)
        for document in graphs_in(documents):
            graph = replace(read_graph(document), config_maps=beside)
            yield from prerequisites_of(document, graph, options.release)


def _documents(content: FileContent) -> tuple[Document, ...]:
    """Return the documents of a file; none when it is no YAML and not to be checked."""
    from dynamo_conformance.manifest.document import MAX_BYTES, DocumentText, decoded
    from dynamo_conformance.manifest.errors import ManifestError
    from dynamo_conformance.manifest.prerequisites import documents_in

    try:
        return documents_in(decoded(content.data, file=content.name), file=content.name)
    except ManifestError:
        text = content.data[:MAX_BYTES].decode("utf-8", "replace")
        if content.named or DocumentText(content.name, 0, 1, text).may_hold_graphs:
            raise
        return ()


def _rule_list() -> str:
    from dynamo_conformance.lint.rule_pages import pages

    rules = pages()
    width = max(len(document.id) for document in rules)
    return "\n".join(
        f"{document.id:<{width}}  {document.severity:<7}  {document.title}" for document in rules
    )


def _exit_code(report: LintReport, *, strict: bool, others_allowed: bool) -> int:
    from dynamo_conformance.lint.finding import Severity

    failing = (Severity.ERROR, Severity.WARNING) if strict else (Severity.ERROR,)
    if any(report.count(severity) for severity in failing):
        return EXIT_FINDINGS
    if not report.documents and not others_allowed:
        click.echo(NOTHING, err=True)
        return EXIT_NOTHING
    return 0
