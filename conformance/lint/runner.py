"""The runner: files to one report, on as many cores as pay."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from conformance.lint.finding import CheckedDocument, LintReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from conformance.lint.cache import ResultCache
    from conformance.lint.options import LintOptions


class Content(NamedTuple):
    """What is to be checked.

    Attributes:
        name: The file's name, for findings.
        data: What is in it.
        named: Whether somebody asked for this very file; one that was only found below a folder
            may be no business of ours, and no YAML either.
    """

    name: str
    data: bytes
    named: bool = True


Checked: TypeAlias = tuple[CheckedDocument, ...]

WORTH_A_POOL = 40
"""Files; for fewer, starting processes takes longer than they save."""

_BATCH = 512
_CHUNK = 16


def lint(
    contents: Iterable[Content],
    options: LintOptions,
    *,
    cache: ResultCache | None = None,
    jobs: int | None = None,
) -> LintReport:
    """Check the contents of files.

    Args:
        contents: The files, read one batch at a time.
        options: How to lint.
        cache: Where results are kept from run to run; nowhere when None.
        jobs: How many processes to use; as many as there are cores when None.
    """
    documents: list[CheckedDocument] = []
    files = 0
    for batch in _batches(contents):
        files += len(batch)
        known = cache.find(batch) if cache is not None else {}
        fresh = [content for content in batch if content.name not in known]
        found = _check_all(fresh, options, jobs=jobs or os.cpu_count() or 1)
        if cache is not None:
            cache.keep(fresh, found)
        for content in batch:
            name = content.name
            documents += known[name] if name in known else found[name]
    return LintReport(files=files, documents=tuple(documents))


def _check_all(contents: list[Content], options: LintOptions, *, jobs: int) -> dict[str, Checked]:
    if not contents:
        return {}
    check = partial(check_content, options)
    with _mapping(jobs if len(contents) >= WORTH_A_POOL else 1) as mapped:
        return dict(zip((one.name for one in contents), mapped(check, contents), strict=True))


def check_content(options: LintOptions, content: Content) -> Checked:
    """Check one file's content; a function of its own so that a process can be given it."""
    from conformance.lint.check import check_bytes

    return check_bytes(content.data, file=content.name, options=options, named=content.named)


@contextmanager
def _mapping(
    jobs: int,
) -> Iterator[Callable[[Callable[[Content], Checked], list[Content]], Iterable[Checked]]]:
    """Give a `map` over one process or several."""
    if jobs == 1:
        yield map
        return
    # A forked process has all modules and schemas already; one thread runs here, so it is safe.
    from multiprocessing import get_context

    _warm()
    with get_context("fork").Pool(jobs) as pool:
        yield partial(pool.imap, chunksize=_CHUNK)


def _warm() -> None:
    """Load what every process needs, once."""
    from conformance.api import crd
    from conformance.lint.rule import load_rules

    import_module("conformance.lint.check")
    load_rules()
    crd.load()


def _batches(contents: Iterable[Content]) -> Iterator[list[Content]]:
    batch: list[Content] = []
    for content in contents:
        batch.append(content)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
