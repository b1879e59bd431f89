"""Old manifests on their way: the lists as they were read by hand, and what holds for all of them.

The lists are in `lists`; run this file to write them anew, and read what has changed.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from dynamo_conformance.convert.source_text import SourceText
from dynamo_conformance.engines.releases import Release
from dynamo_conformance.lint.check import check_bytes
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.options import LintOptions
from dynamo_conformance.upgrade.change import Kind, Target
from dynamo_conformance.upgrade.file_upgrade import Upgrade, upgrade_text
from dynamo_conformance.upgrade.linting import operator_version
from dynamo_conformance.upgrade.report import FileReport, render

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[2]
OLD = sorted((REPOSITORY / "tests" / "data" / "upgrade").iterdir())
FIRST = sorted((REPOSITORY / "examples" / "llm" / "vllm_v0" / "launch" / "k8s").glob("*.yaml"))
ALPHA = sorted((REPOSITORY / "examples" / "llm").glob("*/launch/k8s/v1alpha1/**/*.yaml"))
NEWEST = Target(Release(1, 6, 1), (1, 5))
TARGETS = [
    NEWEST,
    Target(Release(1, 5, 1), (1, 3)),
    Target(Release(1, 4, 2), (1, 4)),
    Target(Release(1, 0, 2), (1, 0)),
    Target(Release(0, 8, 1), (0, 8)),
]
MANIFESTS = [*OLD, *FIRST]
SAID = re.compile(r"(?<=-runtime:|frontend:)\d+\.\d+\.\d+")


@cache
def moved(path: Path, target: Target = NEWEST, *, text: str | None = None) -> Upgrade:
    said = path.read_text(encoding="utf-8") if text is None else text
    return upgrade_text(said, file=path.name, target=target)


def listed(path: Path) -> str:
    """Return what the command prints of a file, without the lines of it."""
    text = path.read_text(encoding="utf-8")
    report = FileReport(name=path.name, text=text, upgrade=moved(path), written=False)
    lines = render((report,), NEWEST, "text").splitlines()
    shown = [line for line in lines if not re.match(r" *\d* *\|", line)]
    return "".join(f"{line}\n" for line in shown)


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_the_list_is_the_one_that_was_read(path: Path) -> None:
    assert listed(path) == (HERE / "lists" / f"{path.name}.txt").read_text(encoding="utf-8")


def cases() -> list[tuple[Path, Target]]:
    """Return every old manifest with each target that is no step back."""
    return [
        (path, target)
        for path in MANIFESTS
        for target in TARGETS
        if newest_of(path) <= target.release
    ]


def newest_of(path: Path) -> Release:
    said = [Release.parse(text) for text in SAID.findall(path.read_text(encoding="utf-8"))]
    return max(release for release in said if release is not None)


def name(value: object) -> str:
    return value.name if isinstance(value, Path) else str(value[0]) if value else ""  # type: ignore[index]


@pytest.mark.parametrize(("path", "target"), cases(), ids=name)
def test_written_once_there_is_nothing_more_to_write(path: Path, target: Target) -> None:
    once = moved(path, target)
    twice = moved(path, target, text=once.text)
    assert twice.text == once.text
    assert all(not graph.safe for graph in twice.graphs)


@pytest.mark.parametrize(("path", "target"), cases(), ids=name)
def test_no_comment_is_lost(path: Path, target: Target) -> None:
    before = comments(path.read_text(encoding="utf-8"))
    after = comments(moved(path, target).text)
    lost = [text for text in (before - after) if not text.startswith("# dynamo-lint: allow")]
    assert lost == []


def comments(text: str) -> Counter[str]:
    return Counter(comment.text for comment in SourceText(text).comments if comment.text)


@pytest.mark.parametrize(("path", "target"), cases(), ids=name)
def test_the_linter_finds_nothing_that_the_list_does_not_name(path: Path, target: Target) -> None:
    upgrade = moved(path, target)
    named = {change.mark.line for graph in upgrade.graphs for change in graph.left}
    text = SAID.sub(str(target.release), upgrade.text)
    options = LintOptions(operator=operator_version(target.operator), release=target.release)
    found = [
        finding
        for document in check_bytes(text.encode(), file=path.name, options=options)
        for finding in document.findings
        if finding.severity is not Severity.INFO and finding.rule != "api-deprecated"
    ]
    before = {
        finding.message
        for document in check_bytes(path.read_bytes(), file=path.name, options=options)
        for finding in document.findings
    }
    assert [
        finding.where
        for finding in found
        if finding.line not in named
        and (finding.severity is Severity.ERROR or finding.message not in before)
    ] == []


@pytest.mark.parametrize("path", ALPHA, ids=lambda path: "-".join(path.parts[-5:]))
def test_the_examples_of_today_meet_nothing_but_the_other_api_version(path: Path) -> None:
    upgrade = moved(path)
    kinds = {change.kind for graph in upgrade.graphs for change in graph.changes}
    assert kinds <= {Kind.WORTH}
    assert all(not graph.left for graph in upgrade.graphs)
    assert "nvidia.com/v1alpha1" not in upgrade.text


@pytest.mark.parametrize("path", FIRST, ids=lambda path: path.name)
def test_images_wait_for_what_is_left_for_people(path: Path) -> None:
    upgrade = moved(path)
    assert ":0.3.1\n" in upgrade.text
    assert "componentType: main" not in upgrade.text
    breaks = [c for graph in upgrade.graphs for c in graph.left if c.kind is Kind.BREAKS]
    assert any("`dynamo`" in change.what for change in breaks)


def test_a_graph_that_is_all_safe_arrives() -> None:
    path = next(path for path in OLD if path.name == "vllm-0.5.1-disagg.yaml")
    upgrade = moved(path)
    again = moved(path, text=upgrade.text)
    assert ":0.5.1" not in upgrade.text
    assert all(change.kind is not Kind.BREAKS for graph in again.graphs for change in graph.left)
    assert "# A port range that is free on our nodes." in upgrade.text


def test_an_old_release_on_a_new_operator_needs_what_it_knows() -> None:
    path = next(path for path in OLD if path.name == "vllm-0.5.1-disagg.yaml")
    upgrade = moved(path, Target(Release(0, 6, 1), (1, 4)))
    said = [c.what for graph in upgrade.graphs for c in graph.left if c.kind is Kind.BREAKS]
    assert any("in etcd only" in what for what in said)
    assert any("through NATS only" in what for what in said)
    fits = moved(path, Target(Release(0, 6, 1), (0, 6)))
    assert all(c.kind is not Kind.BREAKS for graph in fits.graphs for c in graph.left)


def test_what_the_cluster_was_prepared_for_is_said_once() -> None:
    path = next(path for path in OLD if path.name == "vllm-1.2.1-disagg.yaml")
    text = path.read_text(encoding="utf-8")
    for said, is_named in ((text, True), (text.replace(":1.2.1", ":1.4.2"), False)):
        upgrade = moved(path, text=said)
        named = [c for graph in upgrade.graphs for c in graph.changes if "needs NATS" in c.what]
        assert bool(named) is is_named


def test_what_an_alias_repeats_is_changed_when_all_of_them_want_it() -> None:
    path = next(path for path in OLD if path.name == "vllm-1.3.1-own-image.yaml")
    text = path.read_text(encoding="utf-8")
    assert "--no-durable-kv-events" not in moved(path).text
    other = text.replace(
        "command: [python3, -m, dynamo.vllm]\n              args: *args",
        "command: [/our/worker]\n              args: *args",
    )
    assert other != text
    assert "--no-durable-kv-events" in moved(path, text=other).text


def test_json_stays_json() -> None:
    path = next(path for path in OLD if path.suffix == ".json")
    graph = json.loads(moved(path).text)
    main = graph["spec"]["services"]["Worker"]["extraPodSpec"]["mainContainer"]
    assert main["args"] == ["--model-path", "Qwen/Qwen3-0.6B", "--num-host-blocks", "64"]


def test_a_release_that_takes_the_words_gets_them_as_they_are() -> None:
    path = next(path for path in OLD if path.name == "vllm-0.9.1-router.yaml")
    upgrade = moved(path, Target(Release(0, 9, 1), (0, 9)))
    assert upgrade.text == path.read_text(encoding="utf-8")


if __name__ == "__main__":
    (HERE / "lists").mkdir(exist_ok=True)
    for manifest in MANIFESTS:
        (HERE / "lists" / f"{manifest.name}.txt").write_text(listed(manifest), encoding="utf-8")
