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
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.lint.finding import CheckedDocument, Finding, Fix, Severity
from conformance.lint.options import SettingsWaiver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.lint.content import Checked, Content
    from conformance.lint.options import LintOptions

FILE = "dynamo-lint/results.sqlite"
KEPT_DAYS = 30

_Fields = tuple[str, str, int, int, str, str, str, tuple[int, int, str, str] | None]

_ROOMS = ("api", "engines", "lint", "manifest", "rendering")
_DAY = 24 * 3600
_AT_ONCE = 500


class ResultCache:
    """Results by content."""

    def __init__(self, path: Path, options: LintOptions) -> None:
        """Open the cache.

        Raises:
            sqlite3.Error: It cannot be used.
            OSError: It cannot be made.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._program = _program(options)
        self._database = sqlite3.connect(path, timeout=2)
        with self._database as changes:
            changes.execute(
                "CREATE TABLE IF NOT EXISTS results (key BLOB PRIMARY KEY, day INT, found TEXT)"
                " WITHOUT ROWID"
            )
            old = (int(time.time() / _DAY) - KEPT_DAYS,)
            changes.execute("DELETE FROM results WHERE day < ?", old)

    def find(self, contents: list[Content]) -> dict[str, Checked]:
        """Return the results that are known, by file name; none when they cannot be read."""
        try:
            return self._found({self._key(content): content.name for content in contents})
        except (sqlite3.Error, ValueError, TypeError):
            return {}

    def _found(self, keys: dict[bytes, str]) -> dict[str, Checked]:
        found: dict[str, Checked] = {}
        for some in _pieces(list(keys)):
            marks = ",".join("?" * len(some))
            rows = self._database.execute(
                f"SELECT key, found FROM results WHERE key IN ({marks})",  # noqa: S608 - only marks
                some,
            )
            for key, text in rows:
                name = keys[key]
                found[name] = _documents(text, name)
        return found

    def keep(self, contents: list[Content], found: dict[str, Checked]) -> None:
        """Keep the results of contents; that another process is writing is no failure."""
        day = int(time.time() / _DAY)
        rows = [(self._key(one), day, _text(found[one.name])) for one in contents]
        with contextlib.suppress(sqlite3.Error), self._database as changes:
            changes.executemany("INSERT OR REPLACE INTO results VALUES (?, ?, ?)", rows)

    def _key(self, content: Content) -> bytes:
        head = os.fsencode(f"{content.name}\0{content.named}\0")
        return hashlib.sha256(self._program + head + content.data).digest()


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
    here = Path.cwd() if options.waivers else ""
    digest = hashlib.sha256(os.fsencode(f"{sys.version_info}{options}{here}"))
    rooms = Path(__file__).parents[1]
    for room in _ROOMS:
        for entry in sorted(_files(rooms / room), key=lambda one: one.path):
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


def _text(found: Checked) -> str:
    return json.dumps(
        [
            [
                one.index,
                one.kind,
                one.name,
                [
                    [f.rule, f.severity, f.line, f.column, f.path, f.message, f.source, f.fix]
                    for f in one.findings
                ],
                [[w.rule, w.files, w.reason] for w in one.waived],
            ]
            for one in found
        ],
        separators=(",", ":"),
    )


def _documents(text: str, file: str) -> Checked:
    return tuple(
        CheckedDocument(
            file=file,
            index=index,
            kind=kind,
            name=name,
            findings=tuple(_finding(file, fields) for fields in findings),
            waived=tuple(
                SettingsWaiver(rule=rule, files=files, reason=reason)
                for rule, files, reason in waived
            ),
        )
        for index, kind, name, findings, waived in json.loads(text)
    )


def _finding(file: str, fields: _Fields) -> Finding:
    rule, severity, line, column, path, message, source, fix = fields
    return Finding(
        rule=rule,
        severity=Severity(severity),
        file=file,
        line=line,
        column=column,
        path=path,
        message=message,
        source=source,
        fix=Fix(*fix) if fix is not None else None,
    )
