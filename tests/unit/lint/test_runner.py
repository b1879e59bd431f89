"""The runner: what it found before, and many files at once, change nothing in a report."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.lint.cache import FILE, ResultCache, open_cache
from dynamo_conformance.lint.finding import FileContent
from dynamo_conformance.lint.options import LintOptions
from dynamo_conformance.lint.runner import WORTH_A_POOL, _forked, lint
from lint_helpers import GRAPH, REPLICAS, Linter, graph

if TYPE_CHECKING:
    from pathlib import Path

WRONG = graph(REPLICAS, "      Replicas: 1\n")
OPTIONS = LintOptions()


@pytest.fixture
def linter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Linter:
    return Linter.opened(tmp_path, monkeypatch)


def database(linter: Linter) -> Path:
    return linter.folder.parent / "cache" / FILE


def cache(options: LintOptions = OPTIONS) -> ResultCache:
    found = open_cache(options)
    assert found is not None
    return found


def content(name: str = "g.yaml", text: str = WRONG, *, named: bool = True) -> FileContent:
    return FileContent(name, text.encode(), named=named)


def contents(count: int) -> list[FileContent]:
    """Return files of all sorts, some of them the same."""
    texts = (GRAPH, WRONG, "kind: ConfigMap\n", "a: [\n", f"{WRONG}---\n{GRAPH}", "\0")
    return [content(f"{n:03}.yaml", texts[n % len(texts)], named=n % 4 > 0) for n in range(count)]


def test_what_was_found_before_is_the_same(linter: Linter) -> None:
    given = contents(30)
    fresh = lint(given, OPTIONS)
    assert lint(given, OPTIONS, cache=cache()) == fresh
    known = cache().find(given)
    assert set(known) == {one.name for one in given}
    assert lint(given, OPTIONS, cache=cache()) == fresh
    assert any(one.fix for one in fresh.findings)


def test_the_command_finds_what_it_found(linter: Linter) -> None:
    linter.write("g.yaml", WRONG)
    first = linter.run("g.yaml").stdout
    assert database(linter).is_file()
    with sqlite3.connect(database(linter)) as rows:
        (text,) = rows.execute("SELECT found FROM results").fetchone()
        rows.execute(
            "UPDATE results SET found = ?", (text.replace("unknown field", "remembered field"),)
        )
    rows.close()
    assert linter.run("g.yaml").stdout == first.replace("unknown", "remembered")
    assert linter.run("--no-cache", "g.yaml").stdout == first


def test_no_cache_leaves_nothing_behind(linter: Linter) -> None:
    linter.write("g.yaml", WRONG)
    linter.run("--no-cache", "g.yaml")
    assert not database(linter).exists()


@pytest.mark.parametrize(
    ("changed", "options"),
    [
        (content(text=f"{WRONG}# more\n"), OPTIONS),
        (content(name="h.yaml"), OPTIONS),
        (content(named=False), OPTIONS),
        (content(), LintOptions(only=("api",))),
        (content(), LintOptions(operator="1.3.0")),
    ],
    ids=["content", "name", "named", "rules", "operator"],
)
def test_another_question_has_no_answer_yet(
    linter: Linter, changed: FileContent, options: LintOptions
) -> None:
    lint([content()], OPTIONS, cache=cache())
    assert cache().find([content()])
    assert cache(options).find([changed]) == {}


@pytest.mark.parametrize("broken", [b"", b"no database", b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_broken_cache_is_made_anew(linter: Linter, broken: bytes) -> None:
    path = database(linter)
    path.parent.mkdir(parents=True)
    path.write_bytes(broken)
    linter.write("g.yaml", WRONG)
    assert linter.run("g.yaml").stdout == linter.run("--no-cache", "g.yaml").stdout
    assert cache().find([content()])


@pytest.mark.parametrize("text", ["no JSON", "[1]", '[[0, "", "", [[1]]]]', "null"])
def test_a_broken_result_is_found_out_anew(linter: Linter, text: str) -> None:
    linter.write("g.yaml", WRONG)
    first = linter.run("g.yaml").stdout
    with sqlite3.connect(database(linter)) as rows:
        rows.execute("UPDATE results SET found = ?", (text,))
    rows.close()
    assert linter.run("g.yaml").stdout == first


def test_a_cache_that_breaks_meanwhile(linter: Linter) -> None:
    lint(contents(30), OPTIONS, cache=cache())
    opened = cache()
    path = database(linter)
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 8192)
    assert lint(contents(30), OPTIONS, cache=opened) == lint(contents(30), OPTIONS)


def test_a_folder_that_cannot_be_written(linter: Linter, monkeypatch: pytest.MonkeyPatch) -> None:
    linter.write("g.yaml", WRONG)
    monkeypatch.setenv("XDG_CACHE_HOME", str(linter.write("file", "")))
    assert open_cache(OPTIONS) is None
    assert linter.run("g.yaml").exit_code == 1


def test_a_user_without_a_home(linter: Linter, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(_path: object) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("pathlib.Path.expanduser", homeless)
    assert open_cache(OPTIONS) is None


def test_a_cache_that_another_process_holds(
    linter: Linter, monkeypatch: pytest.MonkeyPatch
) -> None:
    lint([content()], OPTIONS, cache=cache())
    opened = cache()
    opened._database.execute("PRAGMA busy_timeout = 10")
    with sqlite3.connect(database(linter)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert lint([content()], OPTIONS, cache=opened) == lint([content()], OPTIONS)
    other.close()


def test_processes_at_once(linter: Linter) -> None:
    for one in contents(30):
        linter.write(f"many/{one.name}", one.data)
    words = [sys.executable, "-c", "from dynamo_conformance.lint.command import lint; lint()"]
    words += ["--format", "json", "many"]
    started = [subprocess.Popen(words, stdout=subprocess.PIPE) for _ in range(4)]
    printed = [one.communicate(timeout=60)[0] for one in started]
    assert [one.returncode for one in started] == [1] * 4
    expected = linter.run("--no-cache", "--format", "json", "many").stdout
    assert [json.loads(one) for one in printed] == [json.loads(expected)] * 4


@pytest.mark.parametrize("jobs", [2, 3])
def test_many_files_at_once_give_the_same_report(linter: Linter, jobs: int) -> None:
    given = contents(WORTH_A_POOL * 3 + 1)
    alone = lint(given, OPTIONS, jobs=1)
    assert lint(given, OPTIONS, jobs=jobs) == alone
    assert alone.files == len(given)
    files = [one.file for one in alone.documents]
    assert files == sorted(files)


def test_many_files_that_nobody_can_judge(linter: Linter) -> None:
    given = contents(WORTH_A_POOL * 3)
    with pytest.raises(ValueError, match="no CRD can be read from it"):
        lint(given, LintOptions(crd="none.yaml"), jobs=2)


def test_workers_leave_signals_to_the_kernel() -> None:
    before = signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    try:
        with _forked(1) as pool:
            ends = pool.map(signal.getsignal, [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ends == [signal.SIG_DFL, signal.SIG_DFL, signal.SIG_IGN]
