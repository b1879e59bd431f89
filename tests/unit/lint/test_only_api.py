"""`dynamo lint --only api` gives the recorded verdicts, through the command itself."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from click.testing import CliRunner

from dynamo_conformance.lint.command import lint

ADMISSION = Path(__file__).parents[2] / "data" / "observed" / "admission.yaml"
NONE = ["--only", "api", "--cluster-has", "none", "--no-cache", "--format", "json"]


def test_all_207_verdicts_and_warnings(tmp_path: Path) -> None:
    cases = list(yaml.safe_load_all(ADMISSION.read_text(encoding="utf-8")))
    for number, case in enumerate(cases):
        path = tmp_path / f"{number:03}.yaml"
        path.write_text(json.dumps(case["manifest"]), encoding="utf-8")
    ended = CliRunner().invoke(lint, [*NONE, str(tmp_path)])
    assert ended.exit_code == 1
    documents = json.loads(ended.stdout)["documents"]
    assert len(documents) == len(cases) == 207
    wrong = []
    for case, document in zip(cases, documents, strict=True):
        severities = [finding["severity"] for finding in document["findings"]]
        refused = "error" in severities
        warnings = len(case["operator"].get("warnings", []))
        if refused != (case["verdict"] == "refused"):
            wrong.append((case["case"], case["verdict"], document["findings"]))
        elif not refused and severities.count("warning") != warnings:
            wrong.append((case["case"], case["operator"], document["findings"]))
    assert wrong == []
