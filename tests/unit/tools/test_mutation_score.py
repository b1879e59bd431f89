"""What is counted of mutmut's own notes, and which tests are run for a mutant."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from mutation_score import chosen, codes_of, drawn, link_sources, score, survivors, table
from near_tests import near

ROOT = Path(__file__).parents[3]
TESTS = ROOT / "tests/unit"


def plant(folder: Path) -> None:
    """Write notes of two modules, as mutmut has them, and a copy of a file without mutants."""
    notes = {
        "manifest/merge": {"a__mutmut_1": 1, "a__mutmut_2": 0, "a__mutmut_3": -24, "b": None},
        "lint/rules/placeholder": {"c__mutmut_1": 33, "c__mutmut_2": 3},
        "manifest/__init__": {},
    }
    for name, codes in notes.items():
        path = folder / "mutants/conformance/dynamo_conformance" / f"{name}.py.meta"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"exit_code_by_key": codes, "durations_by_key": {}}))


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools/mutation_score.py"), "--no-run", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_score_counts_what_was_tested(tmp_path: Path) -> None:
    plant(tmp_path)
    modules = chosen(codes_of(tmp_path / "mutants"), ["dynamo_conformance.manifest.*"])
    assert list(modules) == ["dynamo_conformance.manifest.merge"]
    codes = modules["dynamo_conformance.manifest.merge"]
    found = score("merge", codes, codes)
    assert (found.mutants, found.killed, found.survived) == (4, 2, 1)  # One never ended.
    assert survivors(codes) == ["a__mutmut_2", "b"]  # `b` was not tested yet.
    assert score("merge", codes, []).percent == 100


def test_a_mutant_that_no_test_reaches_survives(tmp_path: Path) -> None:
    plant(tmp_path)
    codes = codes_of(tmp_path / "mutants")["dynamo_conformance.lint.rules.placeholder"]
    assert survivors(codes) == ["c__mutmut_1"]
    assert score("placeholder", codes, codes).percent == 50


def test_the_path_of_a_module_in_src_is_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("conformance", "launch"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    for _ in range(2):
        link_sources()
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
    for path in config["source_paths"]:
        package = ".".join(Path(path).relative_to("src").parts)
        assert import_module(package).__name__ == package
        assert Path(path).resolve() in {ROOT / "conformance" / package, ROOT / "launch" / package}
    ignored = [one.partition("=*/")[2] for one in config["pytest_add_cli_args"] if "=*/" in one]
    assert ignored
    assert all(list(TESTS.rglob(one)) for one in ignored)
    patterns = [*config["only_mutate"], *config["source_paths"]]
    assert all(list(tmp_path.glob(one)) for one in patterns)


def test_a_seed_draws_the_same_mutants() -> None:
    codes: dict[str, int | None] = {f"x__mutmut_{number}": None for number in range(40)}
    backwards = dict(reversed(codes.items()))
    first = drawn(codes, sample=8, seed=1)
    assert len(set(first)) == 8
    assert first == drawn(backwards, sample=8, seed=1)
    assert first != drawn(codes, sample=8, seed=2)
    assert drawn(codes, sample=99, seed=1) == sorted(codes)


def test_the_lowest_score_is_the_last_one() -> None:
    low, high = (score(name, {"a": code}, ["a"]) for name, code in (("low", 0), ("high", 1)))
    assert [line.split()[-1] for line in table([low, high]).splitlines()[1:]] == ["high", "low"]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], 0),
        (["--at-least", "60"], 1),
        (["--at-least", "60", "dynamo_conformance.manifest.*"], 0),
        (["conformance.nothing"], 2),
    ],
)
def test_the_exit_code_is_the_lowest_score(tmp_path: Path, options: list[str], code: int) -> None:
    plant(tmp_path)
    done = run(tmp_path, *options)
    assert done.returncode == code, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "test", "is_near"),
    [
        ("lint/test_rules.py", "test_passing_cases_pass[half-feature-planner]", True),
        ("lint/test_rules.py", "test_passing_cases_pass[planner-config-half]", False),
        ("lint/test_rules.py", "test_a_rule_says_what_it_said_before[half-feature]", True),
        ("lint/test_halves.py", "test_any", True),
        ("lint/test_label.py", "test_any", False),
        ("manifest/test_merge.py", "test_any", False),
    ],
)
def test_a_rule_is_tested_by_its_cases_and_by_what_names_it(
    *, file: str, test: str, is_near: bool
) -> None:
    assert near("dynamo_conformance.lint.rules.half_feature", TESTS / file, test) is is_near


def test_another_module_is_tested_by_its_room() -> None:
    module = "dynamo_conformance.manifest.merge"
    assert near(module, TESTS / "manifest/test_yaml.py", "test_any")
    assert not near(module, TESTS / "convert/test_lossless.py", "test_any")
