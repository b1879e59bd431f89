"""Catalogs of older releases: their files, and what is said by release."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.engines import catalog, catalog_files, planner, release_names
from dynamo_conformance.engines.catalog_files import FOLDER, NEWEST, numbers
from dynamo_conformance.engines.flag_values import TYPES

if TYPE_CHECKING:
    from dynamo_conformance.engines.flag import FlagData

SECONDS = 20
OLDER = [
    pytest.param(module, release, id=f"{module} {release}")
    for release in catalog.releases()
    if release != NEWEST
    for module in catalog.modules(release=release)
]
READS = """
import sys
opened = []
sys.addaudithook(lambda name, args: opened.append(str(args[0])) if name == "open" else None)
from dynamo_conformance.engines import catalog, release_names
for module in catalog.modules():
    catalog.load(module).faults(["--nope", "--is-prefill-worker"])
release_names.load()
print("\\n".join(name for name in opened if name.endswith(".json")))
"""


def row(name: str) -> FlagData:
    return {
        "names": [name],
        "dest": name.strip("-"),
        "owner": "dynamo",
        "stage": 0,
        "takes": "none",
        "default": None,
    }


@pytest.mark.parametrize(("module", "release"), OLDER)
def test_every_older_catalog_is_whole(module: str, release: str) -> None:
    known = catalog.load(module, release=release)
    assert (known.module, known.release) == (module, release)
    assert {flag.type for flag in known.flags} <= TYPES
    assert {flag.stage for flag in known.flags} <= set(range(len(known.stages)))
    assert known.flag("--help") is not None or module == "dynamo.sglang"
    assert len({name for flag in known.flags for name in flag.names}) >= len(known.flags) - 1


def test_a_file_names_the_next_newer_release_that_has_the_module() -> None:
    for path in FOLDER.glob("*-*.json"):
        data = json.loads(path.read_text(encoding="utf-8"))
        newer = [
            release
            for release in catalog_files.releases(data["module"])
            if numbers(release) > numbers(data["release"])
        ]
        assert data.get("base") == (newer[0] if newer else None), path.name


def test_runs_are_the_bases_flags_first_and_last_included() -> None:
    base = [row("--a"), row("--b"), row("--c")]
    assert catalog_files.joined([[0, 1], row("--x"), [2, 2]], base=base) == [
        *base[:2],
        row("--x"),
        base[2],
    ]


def test_nothing_old_is_read_for_the_newest_release() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", READS], capture_output=True, text=True, timeout=SECONDS, check=True
    )
    files = {name.rpartition("/")[2] for name in ended.stdout.split()}
    assert f"vllm-{NEWEST}.json" in files
    old = [name for name in files if re.search(r"-\d", name) and f"-{NEWEST}.json" not in name]
    assert old == []


@pytest.mark.parametrize(
    ("module", "release", "words", "advice"),
    [
        ("vllm", "1.3.1", ["--is-prefill-worker"], None),
        ("vllm", "1.4.2", ["--is-prefill-worker"], "use --disaggregation-mode prefill"),
        ("vllm", "0.9.1", ["--is_prefill_worker"], None),
        ("vllm", "0.9.1", ["--disaggregation-mode", "x"], "comes with Dynamo 1.0"),
        ("vllm", "0.9.1", ["--connector", "nixl"], None),
        ("vllm", "1.0.2", ["--connector", "nixl"], "gone as of 1.0, use --kv-transfer-config"),
        ("vllm", "1.0.2", ["--migration-limit", "3"], "use --migration-limit of dynamo.frontend"),
        ("frontend", "0.9.1", ["--migration-limit", "3"], "comes with Dynamo 1.0"),
        ("frontend", "0.9.1", ["--store-kv", "file"], None),
        ("frontend", "1.0.2", ["--store-kv", "file"], "use --discovery-backend"),
        ("frontend", "0.9.1", ["--static-endpoint", "a.b.c"], "gone as of 0.8, remove it"),
        ("frontend", "0.7.1", ["--static-endpoint", "a.b.c"], None),
        ("frontend", "1.0.2", ["--enforce-disagg"], "comes with Dynamo 1.1"),
        ("trtllm", "1.2.1", ["--publish-kv-events"], "comes with Dynamo 1.3"),
        ("trtllm", "1.2.1", ["--disaggregation-mode", "prefill_and_decode"], None),
        ("mocker", "1.5.1", ["--num-g2-blocks", "1"], "gone as of 1.5, remove it"),
    ],
)
def test_a_flag_is_judged_by_its_release(
    module: str, release: str, words: list[str], advice: str | None
) -> None:
    faults = catalog.load(f"dynamo.{module}", release=release).faults(words)
    said = [fault.advice for fault in faults if fault.index == 0]
    assert (said == []) if advice is None else said[0].endswith(advice), said


@pytest.mark.parametrize(
    ("module", "release", "words", "said"),
    [
        ("mocker", "1.5.1", ["--max-model-len", "0"], "must be positive, got 0"),
        ("mocker", "1.4.2", ["--num-g2-blocks", "-1"], "must be non-negative, got -1"),
        ("mocker", "1.4.2", ["--bandwidth-g1-to-g2-gbps=-0.5"], "must be non-negative, got -0.5"),
        ("mocker", "1.4.2", ["--num-g2-blocks", "0"], None),
        ("frontend", "1.1.1", ["--active-decode-blocks-threshold", "None"], None),
        ("frontend", "1.1.1", ["--active-decode-blocks-threshold", "none"], "value: 'none'"),
        (
            "frontend",
            "0.7.1",
            ["--static-endpoint", "a.b"],
            "by dots, got: a.b",
        ),
    ],
)
def test_values_that_only_older_releases_judge(
    module: str, release: str, words: list[str], said: str | None
) -> None:
    faults = catalog.load(f"dynamo.{module}", release=release).faults(words)
    assert (faults == []) if said is None else faults[0].message.endswith(said), faults


def test_what_may_be_an_unknown_engines_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog_files, "engine_rows", lambda **_engine: None)
    known = catalog.load.__wrapped__("dynamo.vllm", release="1.2.1")
    assert not known.engine_known
    assert known.faults(["--nope", "3", "--kv-events-config", "{"]) == []
    assert known.parse_leniently(["--nope"]).open
    said = [fault.advice for fault in known.faults(["--request-plane", "x", "--omni"])]
    assert ["invalid choice" in said[0], "gone as of 1.1" in said[1]] == [True, True]


def test_the_date_at_which_a_flag_went_is_the_catalogs() -> None:
    gone = json.loads((FOLDER / "removed.json").read_text(encoding="utf-8"))["removed"]
    for entry in gone:
        releases = catalog_files.releases(entry["module"])
        had = [
            release
            for release in releases
            if any(
                entry["flag"] in flag.names and flag.owner != "engine"
                for flag in catalog.load(entry["module"], release=release).flags
            )
        ]
        if entry.get("parses") or not had:
            continue
        after = releases[releases.index(had[-1]) + 1]
        assert entry["gone_by"] == after.rpartition(".")[0], entry


def test_what_is_written_instead_is_there_in_each_release() -> None:
    for release in catalog.releases():
        for module in catalog.modules(release=release):
            known = catalog.load(module, release=release)
            for removed in known.removed.values():
                flag, _, home = (removed.instead or "").partition(" of ")
                there = catalog.load(home, release=release) if home else known
                for word in re.findall(r"--[a-z-]+", flag if "in --config" not in flag else ""):
                    assert there.flag(word) is not None, (release, module, removed)


@pytest.mark.parametrize(
    ("variable", "first", "last"),
    [
        ("DYN_STORE_KV", "0.7.1", "0.9.1"),
        ("DYN_EVENT_PLANE", "0.9.1", NEWEST),
        ("DYN_RESPONSE_PLANE", NEWEST, NEWEST),
        ("DYN_KVBM_CPU_CACHE_GB", "0.4.1", NEWEST),
    ],
)
def test_a_variable_is_read_by_release(variable: str, first: str, last: str) -> None:
    reading = [
        release
        for release in catalog.releases()
        if release_names.load(release=release).reads(variable)
    ]
    assert (reading[0], reading[-1]) == (first, last)


def test_modules_are_known_by_release() -> None:
    loads = {release: release_names.load(release=release) for release in catalog.releases()}
    assert "dynamo.planner.planner_sla" in loads["0.9.1"].modules
    assert "dynamo.planner.planner_sla" not in loads["1.0.2"].modules
    assert "dynamo.router" not in loads["0.5.1"].modules
    for release, names in loads.items():
        assert set(catalog.modules(release=release)) <= names.modules


def test_the_planners_config_is_known_by_release() -> None:
    assert planner.fields(release="0.9.1") == frozenset()
    assert "ttft" in planner.fields(release="1.0.2")
    assert "ttft_ms" not in planner.fields(release="1.0.2")
    assert "ttft_ms" in planner.fields(release="1.2.1")
    assert list(planner.faults({"no_operation": True}, release="1.0.2")) == []
    (fault,) = planner.faults({"no_operation": True}, release="1.3.1")
    assert "write advisory" in fault.message
    (fault,) = planner.faults({"aic_perf_model": {}}, release="1.1.1")
    assert "ais_perf_model" not in fault.message


@pytest.mark.index
def test_the_index_has_no_newer_release() -> None:
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv, which asks the package index, is not installed")
    asked = subprocess.run(
        [uv, "pip", "compile", "-q", "--no-deps", "--no-header", "--no-annotate", "-"],
        input="ai-dynamo", capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    if asked.returncode:
        pytest.skip(f"the package index does not answer: {asked.stderr.strip().splitlines()[-1:]}")
    (found,) = re.findall(r"^ai-dynamo==(\d+(?:\.\d+)*)$", asked.stdout, re.MULTILINE)
    assert numbers(found) <= numbers(NEWEST), f"python tools/new_release.py {found}"
