"""The result cache: what was found in content that has been seen before.

One SQLite file in the user's cache folder. A result is found again by the content, the options and
the program itself, so that a new rule or other data makes all old results unknown. Nothing depends
on it: without it, or with a broken one, everything is judged anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import stat
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.engines.releases import Release
from dynamo_conformance.lint.finding import CheckedDocument, Finding, Fix, Severity
from dynamo_conformance.lint.options import SettingsSuppression
from dynamo_conformance.lint.rule import all_ids

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.finding import Checked, FileContent
    from dynamo_conformance.lint.options import LintOptions

FILE = "dynamo-lint/results.sqlite"
KEPT_DAYS = 30

_Fields = tuple[str, str, int, int, str, str, str, tuple[int, int, str, str] | None]

_ROOMS = ("api", "engines", "lint", "manifest", "rendering")
_DAY = 24 * 3600
_AT_ONCE = 500
_LONGEST = 32 * 2**20


class ResultCache:
    """Results by content."""

    def __init__(self, path: Path, options: LintOptions) -> None:
        """Open the cache.

        Raises:
            sqlite3.Error: It cannot be used.
            OSError: It cannot be made, or others can write to it.
        """
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_ours(path)
        self._program = _program(options)
        self._database = sqlite3.connect(path, timeout=2)
        with self._database as changes:
            changes.execute(
                "CREATE TABLE IF NOT EXISTS results (key BLOB PRIMARY KEY, day INT, found TEXT)"
                " WITHOUT ROWID"
            )
            old = (int(time.time() / _DAY) - KEPT_DAYS,)
            changes.execute("DELETE FROM results WHERE day < ?", old)

    def find(self, contents: list[FileContent]) -> dict[str, Checked]:
        """Return the results that are known, by file name; none when they cannot be read."""
        try:
            return self._found({self._key(content): content.name for content in contents})
        except (sqlite3.Error, ValueError, TypeError, KeyError, RecursionError):
            return {}

    def _found(self, keys: dict[bytes, str]) -> dict[str, Checked]:
        known: dict[str, Checked] = {}
        for some in _pieces(list(keys)):
            marks = ",".join("?" * len(some))
            rows = self._database.execute(
                f"SELECT key, found FROM results WHERE length(found) < ? AND key IN ({marks})",  # noqa: S608
                (_LONGEST, *some),
            )
            for key, text in rows:
                name = keys[key]
                known[name] = _documents(text, name)
        return known

    def keep(self, contents: list[FileContent], results: dict[str, Checked]) -> None:
        """Keep the results of contents; that another process is writing is no failure."""
        day = int(time.time() / _DAY)
        rows = [(self._key(content), day, _text(results[content.name])) for content in contents]
        with contextlib.suppress(sqlite3.Error), self._database as changes:
            changes.executemany("INSERT OR REPLACE INTO results VALUES (?, ?, ?)", rows)

    def _key(self, content: FileContent) -> bytes:
        head = os.fsencode(f"{content.name}\0{content.named}\0")
        return hashlib.sha256(self._program + head + content.data).digest()


def _check_ours(path: Path) -> None:
    """Refuse what somebody else could have filled: a wrong result is worse than none.

    Raises:
        OSError: It is not the user's alone, or no file.
    """
    for place in (path.parent, path):
        if not place.exists():
            continue
        state = place.stat()
        if state.st_uid != os.geteuid() or state.st_mode & stat.S_IWOTH:
            raise PermissionError(f"{place} is not the user's alone")
    if path.exists() and not path.is_file():
        raise OSError(f"{path} is no file")


def open_cache(options: LintOptions) -> ResultCache | None:
    """Return the user's cache, or None when it cannot be used."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        path = Path(base).expanduser() / FILE
        try:
            return ResultCache(path, options)
        except sqlite3.OperationalError:
            return None
        except sqlite3.DatabaseError:
            # No database, or a broken one; what it held can be found out again.
            path.unlink()
            return ResultCache(path, options)
    except (sqlite3.Error, OSError, RuntimeError):
        return None  # RuntimeError: there is no home.


def _program(options: LintOptions) -> bytes:
    """Return what results depend on beside the content: the program, its data, the options."""
    here = Path.cwd() if options.suppressions else ""
    digest = hashlib.sha256(os.fsencode(f"{sys.version_info}{options}{here}"))
    rooms = Path(__file__).parents[1]
    for room in _ROOMS:
        for entry in sorted(_files(rooms / room), key=lambda file: file.path):
            state = entry.stat()
            digest.update(f"{entry.path}{state.st_size}{state.st_mtime_ns}".encode())
    if options.crd is not None:
        digest.update(Path(options.crd).read_bytes())
    return digest.digest()


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    for entry in os.scandir(folder):
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _files(Path(entry.path))
        elif entry.name.endswith((".py", ".json")):
            yield entry


def _pieces(keys: list[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(keys), _AT_ONCE):
        yield keys[start : start + _AT_ONCE]


def _text(documents: Checked) -> str:
    return json.dumps(
        [
            [
                document.index,
                document.kind,
                document.name,
                [
                    [f.rule, f.severity, f.line, f.column, f.path, f.message, f.source, f.fix]
                    for f in document.findings
                ],
                [[w.rule, w.files, w.reason] for w in document.suppressed],
                document.releases,
            ]
            for document in documents
        ],
        separators=(",", ":"),
    )


def _documents(text: str, file: str) -> Checked:
    """Return what a row tells.

    Raises:
        ValueError: The row is of another shape, or with values of other types.
        TypeError: See above.
    """
    rows = json.loads(text)
    if not isinstance(rows, list):
        raise TypeError("no list of documents")
    return tuple(
        CheckedDocument(
            file=file,
            index=_whole(index),
            kind=_text_of(kind),
            name=_text_of(name),
            findings=tuple(_finding(file, fields) for fields in findings),
            suppressed=tuple(
                SettingsSuppression(
                    rule=_text_of(rule), files=_text_of(files), reason=_text_of(reason)
                )
                for rule, files, reason in suppressed
            ),
            releases=tuple(
                (Release(*map(_whole, numbers)), _whole(count)) for numbers, count in releases
            ),
        )
        for index, kind, name, findings, suppressed, releases in rows
    )


def _finding(file: str, fields: _Fields) -> Finding:
    rule, severity, line, column, path, message, source, fix = fields
    return Finding(
        rule=_known_rule(rule),
        severity=Severity(severity),
        file=file,
        line=_whole(line),
        column=_whole(column),
        path=_text_of(path),
        message=_text_of(message),
        source=_text_of(source),
        fix=_fix(*fix) if fix is not None else None,
    )


def _fix(line: object, column: object, old: object, new: object) -> Fix:
    return Fix(_whole(line), _whole(column), _text_of(old), _text_of(new))


def _known_rule(value: object) -> str:
    if value not in all_ids():
        raise ValueError(f"no rule: {value}")
    return _text_of(value)


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _LONGEST:
        raise ValueError(f"no number of a line: {value}")
    return value


def _text_of(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"no text: {value}")
    return value
