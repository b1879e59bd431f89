"""Every form of `dynamo serve` and every refusal, from case files."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import yaml

from dynamo_launch.serve.serve_command import serve

CASES = Path(__file__).parent / "cases"
Case = dict[str, object]


def _cases(name: str) -> list[object]:
    entries = yaml.safe_load((CASES / name).read_text(encoding="utf-8"))
    return [pytest.param(entry, id=entry["name"]) for entry in entries]


def _mapping(case: Case, key: str) -> dict[str, str]:
    value = case.get(key, {})
    assert isinstance(value, dict)
    return value


def _dry_run(case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    for name, text in _mapping(case, "files").items():
        (folder / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.setattr("os.environ", _mapping(case, "env"))
    words = shlex.split(str(case["words"]))
    return serve(["--dry-run", *words])


@pytest.mark.parametrize("case", _cases("forms.yaml"))
def test_form_gives_line(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = _dry_run(case, tmp_path, monkeypatch)

    printed = capsys.readouterr()
    assert printed.out == f"{case['line']}\n", printed.err
    notes = case.get("notes", [])
    assert isinstance(notes, list)
    assert printed.err.splitlines() == [f"# {note}" for note in notes]
    assert code == 0


@pytest.mark.parametrize("case", _cases("errors.yaml"))
def test_error_in_words(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = _dry_run(case, tmp_path, monkeypatch)

    printed = capsys.readouterr()
    assert printed.err == f"dynamo serve: {case['error']}\n"
    assert printed.out == ""
    assert code == 2


def test_case_names_are_unique() -> None:
    for name in ("forms.yaml", "errors.yaml"):
        names = [entry["name"] for entry in yaml.safe_load((CASES / name).read_text("utf-8"))]
        assert len(set(names)) == len(names)
