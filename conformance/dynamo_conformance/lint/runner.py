"""The runner: files to one report, on as many cores as pay."""

from __future__ import annotations

import gc
import os
import signal
from functools import partial
from typing import TYPE_CHECKING, Self

from dynamo_conformance.lint.finding import CheckedDocument, LintReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from multiprocessing.pool import Pool

    from dynamo_conformance.lint.cache import ResultCache
    from dynamo_conformance.lint.finding import Checked, FileContent
    from dynamo_conformance.lint.options import LintOptions


WORTH_A_POOL = 100
"""Files; for fewer, starting processes takes longer than they save."""

MOST_JOBS = 8
"""More processes take memory, and hardly any time off: all of them wait for one that reads."""

_BATCH = 512
_BATCH_BYTES = 32 * 2**20
_CHUNK = 16


def lint(
    contents: Iterable[FileContent],
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
        jobs: How many processes to use; as many as there are cores, up to 8, when None.
    """
    documents: list[CheckedDocument] = []
    files = 0
    with _Workers(options, jobs or min(os.cpu_count() or 1, MOST_JOBS)) as workers:
        for batch in _batches(contents):
            files += len(batch)
            known = cache.find(batch) if cache is not None else {}
            fresh = [content for content in batch if content.name not in known]
            checked = workers.check(fresh)
            if cache is not None:
                cache.keep(fresh, checked)
            for content in batch:
                name = content.name
                documents += known[name] if name in known else checked[name]
    return LintReport(files=files, documents=tuple(documents))


def check_content(options: LintOptions, content: FileContent) -> Checked:
    """Check one file's content; a function of its own so that a process can be given it."""
    from dynamo_conformance.lint.check import check_bytes

    return check_bytes(content.data, file=content.name, options=options, named=content.named)


class _Workers:
    """This process, and once there are files enough, one for each job."""

    def __init__(self, options: LintOptions, jobs: int) -> None:
        self._check = partial(check_content, options)
        self._jobs = jobs
        self._pool: Pool | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.terminate()
            self._pool.join()

    def check(self, contents: list[FileContent]) -> dict[str, Checked]:
        """Return what was found, by file name."""
        results: list[Checked] = []
        if self._pool is None and self._jobs > 1 and len(contents) >= WORTH_A_POOL:
            # The first one is checked here: a forked process then has the modules, the schema and
            # the catalogs already. Only one thread runs here, so forking is safe.
            results.append(self._check(contents[0]))
            self._pool = _forked(self._jobs)
        rest = contents[len(results) :]
        if self._pool is None:
            results += map(self._check, rest)
        else:
            results += self._pool.imap(self._check, rest, chunksize=_CHUNK)
        return dict(zip((content.name for content in contents), results, strict=True))


def _forked(jobs: int) -> Pool:
    from multiprocessing import get_context

    import dynamo_conformance.manifest.masking  # noqa: F401 - each would load it, at its first finding

    # What is there by now stays: no worker looks through it, or has its pages copied for that.
    gc.freeze()
    return get_context("fork").Pool(jobs, initializer=_take_no_signals)


def _take_no_signals() -> None:
    """Let the kernel end a worker, as the pool asks for it, and leave Ctrl-C to the first process.

    A handler in Python would not run while a worker waits for work: if the signal comes just before
    it begins to, it waits for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _batches(contents: Iterable[FileContent]) -> Iterator[list[FileContent]]:
    batch: list[FileContent] = []
    size = 0
    for content in contents:
        batch.append(content)
        size += len(content.data)
        if len(batch) == _BATCH or size > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
