"""Images of releases that are not known here: nothing is an error that depends on the release."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dynamo_conformance.lint.check import check_bytes
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.options import LintOptions

CASES = Path(__file__).parent / "cases"
JUDGED_BY_RELEASE = (
    "appended-flag", "block-size", "command-retired", "deprecated-field", "disagg-pair",
    "encoder-link", "engine-backend", "engine-flag", "flag-conflict", "gpu-transport",
    "half-feature", "kv-connector", "kv-events", "model-mismatch", "parallel-size",
    "planner-config", "planner-workers", "pod-loopback", "probe-target", "repeated-flag",
    "role-mismatch", "shared-memory", "unread-variable", "variable-value",
)  # fmt: skip
"""Rules that know flags, modules, roles, variables or choices."""

_IMAGE = re.compile(r"(ai-dynamo/[\w-]+):1\.6\.\d+")
_OTHERS = (
    "0.5.0", "0.9", "v0.9.1-cuda13", "1.4.0", "dynamo-1.4.1-vllm0.26.0", "1.6.0-some-model-dev.1",
    "1.7.0",
)  # fmt: skip
_FAILING = [
    path for rule in JUDGED_BY_RELEASE for path in sorted((CASES / rule / "fail").iterdir())
]


@pytest.mark.parametrize("release", _OTHERS)
@pytest.mark.parametrize(
    "path", _FAILING, ids=lambda path: f"{path.parent.parent.name}-{path.stem}"
)
def test_nothing_is_an_error_by_what_another_release_has(path: Path, release: str) -> None:
    text, count = _IMAGE.subn(rf"\1:{release}", path.read_text(encoding="utf-8"))
    if not count or re.search(r"image: (?!.*ai-dynamo/)", text):
        pytest.skip("it runs images of its own")
    checked = check_bytes(text.encode(), file=path.name, options=LintOptions())
    found = [one for document in checked for one in document.findings]
    wrong = [one for one in found if one.rule in JUDGED_BY_RELEASE and one.rule != "engine-flag"]
    fields = ("eppConfig", "scalingAdapter", "checkpoint", "serviceName", "ingress")
    assert [one for one in wrong if not any(word in one.message for word in fields)] == []
    said = [one for one in found if one.rule == "engine-flag"]
    assert len(said) <= 1
    assert all(one.severity is Severity.WARNING and release in one.message for one in said)


def test_the_release_may_be_told_by_the_component() -> None:
    path = CASES / "engine-flag" / "fail" / "other-release.yaml"
    text = path.read_text(encoding="utf-8").replace("vllm-runtime:1.3.0", "vllm-runtime:mine")
    told = text.replace(
        "    type: decode\n", "    type: decode\n    runtimeVersionOverride: 1.3.0\n"
    )
    assert told != text
    (checked,) = check_bytes(told.encode(), file="g.yaml", options=LintOptions())
    found = [one for one in checked.findings if one.rule in JUDGED_BY_RELEASE]
    assert [one.rule for one in found] == ["engine-flag"]
    assert "runs Dynamo 1.3.0" in found[0].message
