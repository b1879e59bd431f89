"""Public shapes of disaggregated graphs on the releases that their images name.

`verdicts/old-shapes.json` has what each release's own worker says of them.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TypedDict

import pytest

from dynamo_conformance.engines import releases
from dynamo_conformance.engines.releases import Release
from dynamo_conformance.lint.check import check_bytes
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.options import LintOptions


class Recorded(TypedDict):
    """Words of each shape's workers, and why each release's worker ends at start, or None."""

    shapes: dict[str, dict[str, list[str]]]
    refused: dict[str, dict[str, dict[str, str | None]]]


VERDICTS: Recorded = json.loads(
    (Path(__file__).parent / "verdicts" / "old-shapes.json").read_text(encoding="utf-8")
)
RELEASES = [str(release) for release in releases.known()]
ENDS = ("engine-flag", "kv-connector")
"""The rules that say what a worker itself refuses."""

_HEAD = """apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: {{name: g}}
spec:
  services:
    Frontend:
      componentType: frontend
      extraPodSpec: {{mainContainer: {{image: "{image}"}}}}
"""
_WORKER = """    {worker}:
      componentType: worker
      subComponentType: {worker}
      resources: {{limits: {{gpu: "1"}}}}
      extraPodSpec:
        mainContainer:
          image: "{image}"
          command: [python3, -m, dynamo.vllm]
          args: {args}
"""


def _errors(shape: str, release: str) -> Counter[tuple[str, str]]:
    """Return how often which rule has an error in which worker."""
    image = f"nvcr.io/nvidia/ai-dynamo/vllm-runtime:{release}"
    text = _HEAD.format(image=image)
    for worker, words in VERDICTS["shapes"][shape].items():
        text += _WORKER.format(worker=worker, image=image, args=json.dumps(words))
    (checked,) = check_bytes(text.encode(), file="g.yaml", options=LintOptions())
    return Counter(
        (finding.path.split(".")[2], finding.rule)
        for finding in checked.findings
        if finding.severity is Severity.ERROR
    )


def _known(release: str) -> Release:
    known = Release.parse(release)
    assert known is not None
    return known


def test_the_verdicts_are_of_every_release_and_shape() -> None:
    assert len(VERDICTS["shapes"]) == 7
    for asked in VERDICTS["refused"].values():
        assert set(asked) == {str(release) for release in releases.known()}
    answers = [
        answer
        for asked in VERDICTS["refused"].values()
        for workers in asked.values()
        for answer in workers.values()
    ]
    assert 60 < answers.count(None) < len(answers) - 60


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("shape", VERDICTS["shapes"])
def test_a_worker_has_an_error_exactly_when_its_release_ends_it(shape: str, release: str) -> None:
    errors = _errors(shape, release)
    found = {worker for worker, rule in errors if rule in ENDS}
    refused = {w for w, why in VERDICTS["refused"][shape][release].items() if why is not None}
    assert found == refused


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("shape", [name for name in VERDICTS["shapes"] if "without a mode" in name])
def test_decode_needs_a_mode_since_workers_register_what_they_are(shape: str, release: str) -> None:
    errors = _errors(shape, release)
    wrong = {rule for worker, rule in errors if rule not in ENDS}
    expected = {"role-mismatch", "disagg-pair"} if _known(release).line >= (1, 3) else set()
    assert wrong == expected
    assert not [worker for worker, rule in errors if rule == "role-mismatch" and worker != "decode"]


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("shape", [name for name in VERDICTS["shapes"] if "both by" in name])
def test_roles_that_are_said_are_never_wrong(shape: str, release: str) -> None:
    assert not [rule for _worker, rule in _errors(shape, release) if rule not in ENDS]
