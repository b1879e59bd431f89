"""Checking: texts to documents, documents to findings."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from dynamo_conformance.api.operator_releases import DEFAULT_OPERATOR
from dynamo_conformance.lint import crd_choice
from dynamo_conformance.lint.finding import CheckedDocument, Finding, Severity
from dynamo_conformance.lint.operator_choice import Choice, choose
from dynamo_conformance.lint.options import LintOptions, names
from dynamo_conformance.lint.rule import (
    API_KIND_RULE,
    API_VERSION_RULE,
    PLACEHOLDER_RULE,
    YAML_RULE,
    Problem,
    Rule,
    Subject,
    id_of,
    load_rules,
    rule_ids,
)
from dynamo_conformance.lint.suppression import Suppressions, find_suppressions
from dynamo_conformance.manifest.config_maps import KIND as CONFIG_MAP
from dynamo_conformance.manifest.config_maps import usable_config_maps
from dynamo_conformance.manifest.document import (
    GROUP,
    JSON,
    KIND,
    MAX_BYTES,
    OTHER_KINDS,
    DocumentText,
    decoded,
    sources,
)
from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.node import Mapping, Mark, Scalar, path_text, walk
from dynamo_conformance.manifest.read import read_graph
from dynamo_conformance.manifest.suggest import nearest
from dynamo_conformance.manifest.yaml import MAX_TEXT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from dynamo_conformance.engines.releases import Release
    from dynamo_conformance.lint.options import SettingsSuppression
    from dynamo_conformance.manifest.config_maps import ConfigMaps
    from dynamo_conformance.manifest.document import Document
    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.manifest.node import Path as NodePath

_API = "api"
_TEMPLATE = "{{"
_JSON_GRAPH = re.compile(r'"kind"\s*:\s*"Dynamo')
_USES_CONFIG_MAP = "configMap"
_SHOWN_LINES = 9999

MOST_GRAPHS = 1_000
"""In one file; each takes about a millisecond."""

MOST_VALUES = 5_000
"""In one graph; the largest ones that people publish have some 200."""

MOST_CHARACTERS = 128 * 1024
"""In one value; Linux starts no program with a longer word or variable."""

MOST_FINDINGS = 1_000
"""Of one rule in one graph; nobody reads on."""

_CANNOT_HOLD = 2 * MOST_VALUES
"""Characters that cannot hold more values, were it not for aliases."""

_SHOWN_WIDTH = 1000
"""A manifest may be one line of JSON; nobody wants to see that for each finding."""


def check_file(path: Path, options: LintOptions | None = None) -> tuple[CheckedDocument, ...]:
    """Return every DynamoGraphDeployment of a file with what is wrong with it.

    Raises:
        OSError: The file cannot be read.
    """
    return check_bytes(path.read_bytes(), file=str(path), options=options or LintOptions())


def check_bytes(
    data: bytes, *, file: str, options: LintOptions, named: bool = True
) -> tuple[CheckedDocument, ...]:
    """Return every DynamoGraphDeployment in `data`; other kinds are passed over.

    Args:
        data: The content of the file.
        file: The name to use in findings.
        options: How to lint.
        named: Whether somebody asked for this very file; then it is an error when it holds no
            graph and is no YAML.
    """
    try:
        text = decoded(data, file=file)
    except ManifestError as error:
        return tuple(_undecoded(error, data, file=file, options=options, named=named))
    if not named and is_other_json(text, file=file):
        return ()
    used = _rules(options)
    said: set[str] = set()
    checked: list[CheckedDocument] = []
    texts = sources(text, file=file)
    # The API server looks at no ConfigMap.
    beside = {} if _only_api(used) else _config_maps(texts)
    candidates = [source for source in texts if source.may_hold_graphs]
    if len(candidates) > MOST_GRAPHS:
        over = candidates[MOST_GRAPHS]
        return (_page(over).unreadable(_too_many(file, Mark(over.line, 1)), options),)
    for source in candidates:
        checked += _check_source(source, used, options, beside, said)
    if not checked and named:
        checked += _unreadable(text, file, options)
    return tuple(checked)


@cache
def _rules(options: LintOptions) -> tuple[Rule, ...]:
    return load_rules(rule for rule in rule_ids() if options.applies(rule))


def problems(document: Document) -> Iterator[tuple[str, Severity, Problem]]:
    """Yield the rule, the severity and what it finds, for a document that stands in no file."""
    options = LintOptions()
    return _problems(document, _subject(document, options, {}), _rules(options), 0)


def _only_api(rules: tuple[Rule, ...]) -> bool:
    return all(names(_API, id_of(rule)) for rule in rules)


def _undecoded(
    error: ManifestError, data: bytes, *, file: str, options: LintOptions, named: bool
) -> Iterator[CheckedDocument]:
    """Yield the file that is no text at all; it may be no manifest when nobody named it."""
    # In UTF-16 every other byte of such text is NUL.
    text = data[:MAX_BYTES].decode("utf-8", "replace").replace("\0", "")
    if named or DocumentText(file, 0, 1, text).may_hold_graphs:
        lines = tuple(line[: _SHOWN_WIDTH + 1] for line in text.splitlines()[:_SHOWN_LINES])
        yield _Page(file, 0, 1, lines, len(text)).unreadable(error, options)


def _unreadable(text: str, file: str, options: LintOptions) -> Iterator[CheckedDocument]:
    """Yield the document that cannot be read, in a file that holds no graph."""
    for source in sources(text, file=file):
        try:
            source.documents()
        except ManifestError as error:
            yield _page(source).unreadable(error, options)
            return


@dataclass(frozen=True, slots=True)
class _Page:
    """The lines that one document is written on, to make findings of problems."""

    file: str
    index: int
    first: int
    lines: tuple[str, ...]
    length: int

    def finding(
        self,
        rule: str,
        severity: Severity,
        problem: Problem,
        path: str,
        secret: AbstractSet[int] = frozenset(),
    ) -> Finding:
        """Return the finding for what a rule found; secret lines are not shown."""
        line = problem.mark.line
        text = self.line(line)
        return Finding(
            rule=rule,
            severity=severity,
            file=self.file,
            line=max(problem.mark.line, 1),
            column=max(problem.mark.column, 1),
            path=path,
            message=problem.message,
            source="" if line in secret or len(text) > _SHOWN_WIDTH else text,
            fix=problem.fix,
        )

    def line(self, number: int) -> str:
        """Return a line of the file, or an empty one where there is none."""
        at = number - self.first
        return self.lines[at] if 0 <= at < len(self.lines) else ""

    def unreadable(self, error: ManifestError, options: LintOptions) -> CheckedDocument:
        """Return the document that could not be read; a Helm template is told what it is."""
        reason = error.reason
        if _TEMPLATE in self.line(error.mark.line):
            reason += "; is it a Helm template? check what `helm template` prints"
        problem = Problem(error.mark, reason)
        finding = self.finding(YAML_RULE, Severity.ERROR, problem, "")
        suppression = options.suppression_for(YAML_RULE, self.file)
        quiet = options.skips(YAML_RULE) or suppression is not None
        suppressed = () if suppression is None else (suppression,)
        return self.checked(None, () if quiet else (finding,), suppressed)

    def checked(
        self,
        document: Document | None,
        findings: Iterable[Finding],
        suppressed: tuple[SettingsSuppression, ...] = (),
        releases: tuple[tuple[Release, int], ...] = (),
    ) -> CheckedDocument:
        """Return a document with its findings in order.

        What an anchor repeats is written in one place, and said once. Everything that is shown of a
        document, or kept in the cache, comes through here: no rule has to think of secrets.
        """
        unique = dict.fromkeys(findings)
        name = document.name if document is not None else ""
        if unique:
            from dynamo_conformance.manifest.masking import secrets_in

            root = document.root if document is not None else None
            secrets = secrets_in("\n".join(self.lines), root)
            unique = dict.fromkeys(finding.without(secrets) for finding in unique)
            name = secrets.masked(name)
        return CheckedDocument(
            file=self.file,
            index=self.index,
            kind=document.kind if document is not None else "",
            name=name,
            findings=tuple(sorted(unique, key=lambda item: (item.line, item.column, item.rule))),
            suppressed=suppressed,
            releases=releases,
        )


def is_other_json(text: str, *, file: str) -> bool:
    """Whether a file is JSON that is no graph, as most JSON is that lies in folders."""
    return file.endswith(JSON) and _JSON_GRAPH.search(text) is None


def _config_maps(texts: tuple[DocumentText, ...]) -> ConfigMaps:
    """Return the ConfigMaps of a file whose graphs use some; one that is wrong is not there."""
    if not any(source.may_hold_graphs and _USES_CONFIG_MAP in source.text for source in texts):
        return {}
    documents: list[Document] = []
    for source in texts:
        if CONFIG_MAP in source.text:
            with suppress(ManifestError):
                documents += source.documents()
    return usable_config_maps(documents)


def _page(source: DocumentText) -> _Page:
    # What is too large is refused as a whole; its lines would take a lot of memory.
    lines = source.text.splitlines() if len(source.text) <= MAX_TEXT else ()
    return _Page(source.file, source.index, source.line, tuple(lines), len(source.text))


def _too_many(file: str, mark: Mark) -> ManifestError:
    return ManifestError(file, mark, f"more than {MOST_GRAPHS} graphs in one file; split it")


def _check_source(
    source: DocumentText,
    rules: tuple[Rule, ...],
    options: LintOptions,
    beside: ConfigMaps,
    said: set[str],
) -> Iterator[CheckedDocument]:
    page = _page(source)
    try:
        documents = source.documents()
        graphs = [document for document in documents if _is_graph(document)]
        if len(graphs) > MOST_GRAPHS:
            raise _too_many(source.file, graphs[MOST_GRAPHS].root.mark)
    except ManifestError as error:
        yield page.unreadable(error, options)
        return
    if not graphs:
        return
    comments = find_suppressions(page.lines, first=source.line)
    suppressions = Suppressions(comments, file=page.file, options=options)
    subjects = [_subject(graph, options, beside) for graph in graphs]
    findings = [
        _quiet_of_placeholders(
            suppressions.kept(_findings(page, graph, subject, rules, options, said=said))
        )
        for graph, subject in zip(graphs, subjects, strict=True)
    ]
    begun = [graph.root.mark.line for graph in graphs]
    for problem in suppressions.problems():
        # A comment belongs to the document that it stands in.
        findings[max(bisect_right(begun, problem.line) - 1, 0)].append(problem)
    for document, subject, kept in zip(graphs, subjects, findings, strict=True):
        is_judged = isinstance(subject, Subject) and not _only_api(rules)
        releases = _releases(subject) if isinstance(subject, Subject) and is_judged else ()
        yield page.checked(document, kept, suppressions.from_settings, releases)


def _releases(subject: Subject) -> tuple[tuple[Release, int], ...]:
    """Return the releases by which the Dynamo programs of a graph are judged."""
    judged = (part.release.known for part in subject.parts if part.catalog is not None)
    return tuple(sorted(Counter(judged).items()))


def _quiet_of_placeholders(kept: Iterable[Finding]) -> list[Finding]:
    """Return the findings without what else is wrong with a value that is to be filled in."""
    findings = list(kept)
    places = {(item.line, item.column) for item in findings if item.rule == PLACEHOLDER_RULE}
    return [
        item
        for item in findings
        if item.rule == PLACEHOLDER_RULE or (item.line, item.column) not in places
    ]


def _findings(
    page: _Page,
    document: Document,
    subject: Subject | _Unread,
    rules: tuple[Rule, ...],
    options: LintOptions,
    *,
    said: set[str],
) -> Iterator[Finding]:
    problems = [*_judge(subject, options), *_problems(document, subject, rules, page.length)]
    secret = {item.mark.line for _rule, _severity, item in problems if item.secret}
    paths = (
        _paths(document) if any(item.path is None for _rule, _severity, item in problems) else {}
    )
    for rule, severity, problem in problems:
        if not options.skips(rule) and problem.once not in said:
            said.update({problem.once} - {""})
            path = paths.get(problem.mark, ()) if problem.path is None else problem.path
            yield page.finding(rule, severity, problem, path_text(path), secret)


def _judge(
    subject: Subject | _Unread, options: LintOptions
) -> Iterator[tuple[str, Severity, Problem]]:
    """Yield that an older operator judges, and for which image."""
    if isinstance(subject, Subject):
        choice = _choice(subject.graph, options)
        if choice.mark is not None:
            yield API_VERSION_RULE, Severity.INFO, Problem(choice.mark, choice.reason)


def _subject(document: Document, options: LintOptions, beside: ConfigMaps) -> Subject | _Unread:
    """Return what rules look at, or why they cannot."""
    if document.kind != KIND:
        mark = document.root.key_mark("kind")
        text = f'unknown kind "{document.kind}"; did you mean "{KIND}"?'
        return _Unread(API_KIND_RULE, Problem(mark, text, ("kind",)))
    try:
        graph = replace(read_graph(document), config_maps=beside)
    except ManifestError as error:
        return _Unread(API_VERSION_RULE, Problem(error.mark, error.reason, ("apiVersion",)))
    used = crd_choice.load(options, operator=_choice(graph, options).operator)
    if document.version not in used.versions:
        mark = document.root.key_mark("apiVersion")
        text = crd_choice.not_served(document.version or "", used, options)
        return _Unread(API_VERSION_RULE, Problem(mark, text, ("apiVersion",)))
    return Subject(
        document,
        graph,
        definition=used,
        cluster=options.cluster,
        models=options.models,
        release=options.release,
    )


class _Unread(NamedTuple):
    """Why no rule can look at a document: the rule that says so, and its words."""

    rule: str
    problem: Problem


def _problems(
    document: Document, subject: Subject | _Unread, rules: tuple[Rule, ...], length: int
) -> Iterator[tuple[str, Severity, Problem]]:
    """Yield what each rule finds in one document."""
    if isinstance(subject, _Unread):
        yield subject.rule, Severity.ERROR, subject.problem
        return
    large = _is_large(document, length)
    for rule in rules:
        if large and not names(_API, id_of(rule)):
            continue
        for number, problem in enumerate(rule.check(subject), 1):
            if number > MOST_FINDINGS:
                text = (
                    f"more than {MOST_FINDINGS} findings of {id_of(rule)}; the others are not shown"
                )
                yield id_of(rule), rule.SEVERITY, replace(problem, message=text)
                break
            yield id_of(rule), problem.severity or rule.SEVERITY, problem
    if large and not _only_api(rules):
        text = (
            f"more than {MOST_VALUES} values in one graph, or {MOST_CHARACTERS} characters in one "
            "value; only the rules of api were applied"
        )
        yield YAML_RULE, Severity.ERROR, Problem(document.root.key_mark("spec"), text, ("spec",))


def _choice(graph: Graph, options: LintOptions) -> Choice:
    """Return the operator that judges a graph; what is given decides, a CRD's file by itself."""
    if options.operator is not None or options.crd is not None:
        return Choice(operator=options.operator or DEFAULT_OPERATOR)
    return choose(graph, options.release)


def _is_graph(document: Document) -> bool:
    """Whether a document is a graph, or was meant to be one."""
    if document.kind == KIND:
        return True
    meant = nearest(document.kind, (KIND, *OTHER_KINDS))
    return document.api_version.startswith(f"{GROUP}/") and meant == KIND


def _is_large(document: Document, length: int) -> bool:
    """Whether a graph, written in so many characters, has more than one has."""
    if length < _CANNOT_HOLD:
        return False
    for number, (_path, node) in enumerate(walk(document.root), 1):
        if number > MOST_VALUES:
            return True
        if isinstance(node, Scalar) and len(node.text) > MOST_CHARACTERS:
            return True
    return False


def _paths(document: Document) -> dict[Mark, NodePath]:
    """Return what was written where: the outermost value, or its key."""
    paths: dict[Mark, NodePath] = {}
    for path, node in walk(document.root):
        paths.setdefault(node.mark, path)
        if isinstance(node, Mapping):
            for entry in node:
                paths.setdefault(entry.mark, (*path, entry.key))
    return paths
