"""The ledger: all rows of a tree, what a run adds to them, and the text that they are kept as."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from dynamo_conformance.engines.catalog import RELEASE
from dynamo_conformance.engines.catalog_files import numbers
from dynamo_conformance.ledger.row import NOT_RUN, Gap, Level, Proof, Row
from dynamo_conformance.manifest.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from dynamo_conformance.ledger.row import Observation
    from dynamo_conformance.ledger.tree import Form, Tree

ABOUT = (
    "What has been proven of each file of this tree, at each level. "
    "Written by `tox run -e ledger`; docs/ledger.md tells how to read it."
)

AT = "local@"
"""What the name of a row begins with that is about another release, which follows."""

_ALONE = re.compile(r"\{\n +(\"unproven\": .*)\n +\}")
"""A gap; it stands on one line, so that a glance over the file finds what is proven."""

Rows: TypeAlias = "Mapping[str, Mapping[Level, Row]]"
_Entry: TypeAlias = "dict[str, str | dict[str, str]]"


class LedgerError(Exception):
    """A ledger that cannot be read; one line says where and why."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Rows by file and level.

    Attributes:
        rows: The rows; a file is called by its path in the tree.
        elsewhere: By file and release, what other releases than today's make of it on one machine.
    """

    rows: Rows = field(default_factory=dict)
    elsewhere: Mapping[str, Mapping[str, Row]] = field(default_factory=dict)

    def row(self, file: str, level: Level) -> Row | None:
        """Return the row of a file at a level, or None when there is none."""
        return self.rows.get(file, {}).get(level)

    def proof(self, file: str, level: Level) -> Proof | None:
        """Return the row of a file at a level when it is a proof."""
        row = self.row(file, level)
        return row if isinstance(row, Proof) else None

    def text(self) -> str:
        """Return the ledger as text: the same rows are always the same text."""
        data: dict[str, str | dict[str, _Entry]] = {"about": ABOUT}
        for file in sorted(self.rows):
            rows = self.rows[file]
            others = self.elsewhere.get(file, {})
            data[file] = {
                **{str(level): _entry(rows[level]) for level in Level if level in rows},
                **{f"{AT}{name}": _entry(others[name]) for name in sorted(others, key=numbers)},
            }
        text = json.dumps(data, indent=2, ensure_ascii=False)
        return _ALONE.sub(r"{\1}", text) + "\n"


def read_ledger(path: Path) -> Ledger:
    """Return the ledger that a file holds; a file that is not there holds none.

    Raises:
        LedgerError: It holds something else.
    """
    if not path.exists():
        return Ledger()
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        data.pop("about", None)
        rows = {
            str(file): {
                Level(level): _row(entry)
                for level, entry in levels.items()
                if not level.startswith(AT)
            }
            for file, levels in data.items()
        }
        elsewhere = {
            str(file): others
            for file, levels in data.items()
            if (others := {k.removeprefix(AT): _row(v) for k, v in levels.items() if AT in k})
        }
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        what = f"{type(error).__name__}: {error}"
        raise LedgerError(f"{path} is no ledger ({what}); write it again") from error
    return Ledger(rows, elsewhere)


def merged(ledger: Ledger, observations: Iterable[Observation]) -> Ledger:
    """Return the ledger with the rows of a run.

    What was seen in part changes nothing, and what was seen again keeps its day. A run of today's
    release takes no proof away that is of the release that a file is for.
    """
    rows = {file: dict(levels) for file, levels in ledger.rows.items()}
    elsewhere = {file: dict(others) for file, others in ledger.elsewhere.items()}
    for seen in observations:
        if seen.whole and seen.is_elsewhere:
            known = elsewhere.setdefault(seen.file, {})
            old = known.get(seen.release)
            # What stands for a file counts where the file itself shows nothing.
            if not seen.by or not isinstance(old, Proof) or old.by:
                known[seen.release] = _dated(seen.row, old)
        elif seen.whole:
            before = ledger.row(seen.file, seen.level)
            if isinstance(before, Proof) and before.release == seen.images:
                continue
            rows.setdefault(seen.file, {})[seen.level] = _dated(seen.row, before)
    return Ledger(rows, elsewhere)


def fitted(ledger: Ledger, tree: Tree) -> Ledger:
    """Return the ledger with exactly the rows that a tree has.

    What was proven of other bytes, or of another release, is no longer proven and says so.
    """
    return Ledger(
        {
            form.key: {level: _fitting(ledger, form, level) for level in form.kind.levels}
            for form in tree.forms
        },
        {
            form.key: {
                release: _fitting_elsewhere(row, form)
                for release, row in ledger.elsewhere[form.key].items()
            }
            for form in tree.forms
            if form.key in ledger.elsewhere
        },
    )


def _fitting_elsewhere(row: Row, form: Form) -> Row:
    if isinstance(row, Proof) and not row.by and row.files != form.content.sha256:
        return Gap(f"{NOT_RUN} since its files changed; proven before, on {row.date}")
    return row


def _dated(row: Row, before: Row | None) -> Row:
    if isinstance(row, Proof) and isinstance(before, Proof):
        again = replace(row, date=before.date)
        return again if again == before else row
    return row


def _fitting(ledger: Ledger, form: Form, level: Level) -> Row:
    row = ledger.row(form.key, level)
    if row is None:
        return Gap(level.not_run)
    if not isinstance(row, Proof):
        # The words for what was never tried are ours, and may have changed.
        return Gap(level.not_run) if row.why in (NOT_RUN, level.not_run) else row
    if row.files != form.content.sha256:
        return Gap(f"{NOT_RUN} since its files changed; proven before, on {row.date}")
    if row.release not in form.releases:
        return Gap(f"{NOT_RUN} with Dynamo {RELEASE}; proven with {row.release} on {row.date}")
    return row


def write_text(path: Path, text: str) -> bool:
    """Make a file hold `text`; whether it held something else.

    Raises:
        OSError: It cannot be written; then it is as it was.
    """
    data = text.encode()
    if path.exists() and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, data)
    return True


def _entry(row: Row) -> _Entry:
    if isinstance(row, Gap):
        return {"unproven": row.why}
    entry: _Entry = {
        "proven": row.date,
        "files": row.files,
        "release": row.release,
        "engine": row.engine,
        "how": row.how,
        "profile": row.profile,
        "passed": _counts_text(row.passed),
        "deviations": _counts_text(row.deviations),
        "unsupported": dict(sorted(row.unsupported.items())),
        "by": row.by,
    }
    return {name: value for name, value in entry.items() if value}


def _row(entry: Mapping[str, str | Mapping[str, str]]) -> Row:
    def text(name: str) -> str:
        value = entry.get(name, "")
        if not isinstance(value, str):
            raise TypeError(f"{name} is no text")
        return value

    if "unproven" in entry:
        return Gap(text("unproven"))
    unsupported = entry.get("unsupported", {})
    if "proven" not in entry or isinstance(unsupported, str):
        raise TypeError("a row is `proven` or `unproven`")
    return Proof(
        date=text("proven"),
        files=text("files"),
        release=text("release"),
        engine=text("engine"),
        how=text("how"),
        profile=text("profile"),
        passed=_counts(text("passed")),
        deviations=_counts(text("deviations")),
        unsupported=dict(unsupported),
        by=text("by"),
    )


def _counts_text(counts: Mapping[str, int]) -> str:
    """Return counts by area in one line, such as `models 11, chat 37`."""
    return ", ".join(f"{area} {count}" for area, count in counts.items())


def _counts(text: str) -> dict[str, int]:
    """Return the counts of a line.

    Raises:
        ValueError: They are none.
    """
    pairs = (part.rpartition(" ") for part in text.split(", ") if text)
    return {area: int(count) for area, _, count in pairs}
