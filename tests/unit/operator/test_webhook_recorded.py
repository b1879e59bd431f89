"""Every verdict that a real API server gave with the real operator, from our webhooks.

The API server's own part is played by `dynamo_conformance.api`; tests/kind/test_webhooks.py asks a
real one.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from webhook_helpers import Answered, Body, create

from dynamo_conformance.kube.resources import table

ADMISSION = Path(__file__).parents[2] / "data" / "observed" / "admission.yaml"
PATHS = re.compile(r"(?:spec|metadata|status|metdata)(?:[.\[][\w./-]*\]?)*(?=[:\" ])")
QUANTITY = "quantities must match"
"""All that Go says of a quantity that is none."""

CASES: list[Body] = [
    one for one in yaml.load_all(ADMISSION.read_bytes(), Loader=yaml.CSafeLoader) if one
]


def paths(message: str) -> set[str]:
    """Return the fields of a message, without the positions and keys that Go does not tell."""
    return {re.sub(r"\[\d+\]|\.VllmWorker|\.a$", "", path) for path in PATHS.findall(message)}


def test_all_cases_are_there() -> None:
    assert len(CASES) == 207


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["case"]))
def test_the_answer_is_the_operator_s(case: Body) -> None:
    recorded = table(case["operator"])
    answered: Answered = create(table(case["manifest"]))
    assert answered.accepted == recorded["accepted"], answered.message
    if answered.accepted:
        warnings = recorded.get("warnings", [])
        assert isinstance(warnings, list)
        # The recording ends where a header held an escaped quotation mark.
        cut = [str(text).partition("\\")[0] for text in warnings]
        assert [text[: len(end)] for text, end in zip(answered.warnings, cut, strict=True)] == cut
    elif QUANTITY not in str(recorded["message"]) and "no matches" not in answered.message:
        assert paths(answered.message) & paths(str(recorded["message"])), answered.message
