"""Every verdict that a real API server gave, with and without the real operator."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from dynamo_conformance.api import crd
from dynamo_conformance.api.cluster_parts import Cluster
from dynamo_conformance.api.verdict import Verdict, judge
from dynamo_conformance.manifest.document import Document, read_file
from dynamo_conformance.manifest.node import Mapping, path_text

ADMISSION = Path(__file__).parents[2] / "data" / "observed" / "admission.yaml"
PATHS = re.compile(r"(?:spec|metadata|status|metdata)(?:[.\[][\w./-]*\]?)*(?=[:\" ])")


@dataclass(frozen=True)
class Case:
    """One recorded manifest: what the CRD alone said, and what it said with the operator."""

    name: str
    document: Document
    accepted: bool
    crd_accepted: bool
    messages: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        return judge(self.document, cluster=Cluster())


def recorded() -> list[Case]:
    return [case(document.root) for document in read_file(ADMISSION)]


def case(root: Mapping) -> Case:
    manifest, alone, both = (root.mapping(key) for key in ("manifest", "crd", "operator"))
    assert manifest is not None
    assert alone is not None
    assert both is not None
    said = alone.get("accepted")
    assert said is not None
    messages = tuple(text for one in (alone, both) if (text := one.string("message")))
    return Case(
        name=root.string("case") or "",
        document=Document("case.yaml", 0, manifest),
        accepted=root.string("verdict") == "accepted",
        crd_accepted=said.plain() is True,
        messages=messages,
        warnings=tuple(str(one.plain()) for one in both.sequence("warnings")),
    )


SERVED = [one for one in recorded() if one.document.version in crd.load().versions]


def test_all_recorded_cases_but_one_are_of_a_served_version() -> None:
    assert len(recorded()) == 207
    assert len(SERVED) == 206


@pytest.mark.parametrize("case", SERVED, ids=lambda case: case.name)
def test_the_verdict_is_the_api_server_s(case: Case) -> None:
    assert case.verdict.accepted == case.accepted, case.messages


@pytest.mark.parametrize("case", SERVED, ids=lambda case: case.name)
def test_without_the_operator_too(case: Case) -> None:
    alone = not (case.verdict.violations or case.verdict.rules)
    assert alone == case.crd_accepted, case.messages


@pytest.mark.parametrize("case", SERVED, ids=lambda case: case.name)
def test_the_warnings_are_the_api_server_s(case: Case) -> None:
    if case.accepted:
        ours = [one.text for one in case.verdict.warnings]
        assert len(ours) == len(case.warnings)
        # The recording ends where a header held an escaped quotation mark.
        theirs = [text.partition("\\")[0] for text in case.warnings]
        assert [text[: len(cut)] for text, cut in zip(ours, theirs, strict=True)] == theirs


@pytest.mark.parametrize(
    "case", [one for one in SERVED if not one.accepted], ids=lambda case: case.name
)
def test_messages_name_the_same_path(case: Case) -> None:
    verdict = case.verdict
    ours = {path_text(one.path) for one in (*verdict.violations, *verdict.rules, *verdict.refusals)}
    theirs = {path for message in case.messages for path in PATHS.findall(message)}
    assert ours & theirs, (ours, theirs)
