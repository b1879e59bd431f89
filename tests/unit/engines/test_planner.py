"""The planner's config: what is said of one, against the planner's own model."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.engines import planner
from dynamo_conformance.engines.catalog import RELEASE

if TYPE_CHECKING:
    from dynamo_conformance.engines.flag import Json

ROOT = Path(__file__).parents[3]
TOOL = ROOT / "tools" / "planner_config.py"
DATA = ROOT / "conformance/dynamo_conformance/engines/data" / f"planner-config-{RELEASE}.json"
SECONDS = 120
VALUES: list[Json] = [
    None, 0, 1, -1, 2, 5, 15, 16, 100, 180, 1.5, 2.0, True, False, "", "x", "4.0", "true", "YES",
    "none", "rapid", "disagg", "agg", "prefill", "decode", "kubernetes", "virtual", "load", "sla",
    "global-planner", [], {}, [1], {"a": 1}, {"scale_interval_seconds": 5}, {"nope": 1},
    {"external_plugins": [{"plugin_id": ""}]}, {"tick_max_duration_seconds": 0},
]  # fmt: skip
SMALL: list[Json] = [0, 1, 5, 16, 100, 180, None, True]
# Judged by a library that is not here, or by the machine's files.
ELSEWHERE = {"ais_perf_model", "metric_pulling_prometheus_ca_bundle"}


def run(*words: str, stdin: str = "") -> str:
    ended = subprocess.run(
        [sys.executable, str(TOOL), *words],
        input=stdin, capture_output=True, text=True, timeout=SECONDS, check=True,
    )  # fmt: skip
    return ended.stdout


def configs(count: int) -> list[dict[str, Json]]:
    data = json.loads(DATA.read_text(encoding="utf-8"))
    names = [one for one in data["schema"]["properties"] if one not in ELSEWHERE]
    names += [*data["aliases"], "no_field"]
    pairs = [one for one in names if "scale" in one or "interval" in one or "power" in one]
    chance = random.Random(7)  # noqa: S311 - not secret, and the same each time
    found: list[dict[str, Json]] = []
    for _ in range(count):
        config = {
            name: chance.choice(VALUES) for name in chance.sample(names, chance.randint(0, 2))
        }
        config |= {name: chance.choice(SMALL) for name in chance.sample(pairs, 2)}
        if chance.random() < 0.5:
            config["mode"] = chance.choice(["disagg", "agg", "prefill", "decode"])
            config["optimization_target"] = chance.choice(["sla", "load", "throughput"])
        found.append(config)
    return found


def test_agrees_with_the_planners_own_model() -> None:
    tried = configs(4000)
    real: list[str | None] = json.loads(run("--judge", stdin=json.dumps(tried)))
    ours = [[one.message for one in planner.faults(config) if one.ends] for config in tried]
    both = zip(tried, real, ours, strict=True)
    differ = [one for one in both if (one[1] is None) != (not one[2])]
    assert differ == []
    assert sum(one is None for one in real) > 400


def test_schema_is_what_the_installed_planner_gives(tmp_path: Path) -> None:
    date = json.loads(DATA.read_text(encoding="utf-8"))["date"]
    run("--date", date, "--out", str(tmp_path))
    made = (tmp_path / DATA.name).read_text(encoding="utf-8")
    assert made == DATA.read_text(encoding="utf-8"), "run tools/planner_config.py again"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"mode": "disaggregated"}, "known are disagg"),
        ({"mode": "aggr"}, 'did you mean "agg"'),
        ({"max_gpu_budget": "four"}, "must be a whole number"),
        ({"optimisation_target": "sla"}, 'did you mean "optimization_target"'),
        ({"no_operation": True}, "write advisory"),
        ({"scheduling": {"gateway": {"enabled": "maybe"}}}, "scheduling.gateway.enabled must be"),
    ],
)
def test_names_the_field_and_the_nearest_right_word(config: dict[str, Json], said: str) -> None:
    (fault,) = planner.faults(config)
    assert said in fault.message


def test_a_field_that_is_passed_over_ends_nothing() -> None:
    assert [one.ends for one in planner.faults({"no_field": 1})] == [False]


@pytest.mark.parametrize("value", ['{"mode": "agg"}', "mode: agg", "", "[1]", '"text"', "a\nb"])
def test_what_can_be_no_file_is_inline(value: str) -> None:
    assert planner.is_inline(value)


@pytest.mark.parametrize("value", ["/cfg/planner.yaml", "planner.json", "config"])
def test_what_can_be_a_file_may_hold_anything(value: str) -> None:
    assert planner.read(value, {}) is None
