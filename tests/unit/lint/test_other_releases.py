"""Other releases than the newest: what is judged, by what, and where nothing is said."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.engines import releases
from dynamo_conformance.engines.releases import Release
from dynamo_conformance.lint.check import check_bytes
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.options import LintOptions
from dynamo_conformance.lint.rule import id_of, load_rules
from lint_helpers import Linter

if TYPE_CHECKING:
    from dynamo_conformance.lint.finding import Finding

CASES = Path(__file__).parent / "cases"
_SOURCES = Path(load_rules(["engine-flag"])[0].__file__ or "").parent  # type: ignore[attr-defined]
STUDIED = tuple(
    id_of(rule)
    for rule in load_rules()
    if "subject.studied_" in (_SOURCES / f"{rule.__name__.rpartition('.')[2]}.py").read_text()
    and id_of(rule) not in ("port-collision", "plane-server")
)
"""Rules that know what was read in one release's sources alone, and nothing besides."""

BY_RELEASE = (
    "command-retired", "deprecated-field", "disagg-pair", "engine-flag", "kv-connector",
    "kv-events", "role-mismatch", "unread-variable", "variable-value",
)  # fmt: skip
"""Rules that ask each release's own data."""

_IMAGE = re.compile(r"(ai-dynamo/[\w-]+):1\.6\.\d+")
_ANY = re.compile(r"image: \"?([^\s\"},]+)")
_FIELDS = ("eppConfig", "scalingAdapter", "checkpoint", "serviceName", "ingress")
"""What `deprecated-field` says of the API, whatever runs."""


def _failing(rules: tuple[str, ...], release: str) -> list[tuple[Path, str]]:
    """Return the failing cases of rules whose images are all published, with another release."""
    found = []
    for path in (path for rule in rules for path in sorted((CASES / rule / "fail").iterdir())):
        text = _IMAGE.sub(rf"\1:{release}", path.read_text(encoding="utf-8"))
        images = _ANY.findall(text)
        if images and all(image.endswith(f":{release}") for image in images):
            found.append((path, text))
    return found


def _findings(text: str, *, options: LintOptions | None = None) -> list[Finding]:
    checked = check_bytes(text.encode(), file="g.yaml", options=options or LintOptions())
    return [
        finding
        for document in checked
        for finding in document.findings
        if finding.rule in (*BY_RELEASE, *STUDIED)
        and not any(word in finding.message for word in _FIELDS)
    ]


def _judged(text: str, *, options: LintOptions | None = None) -> list[tuple[str, Severity]]:
    return [(finding.rule, finding.severity) for finding in _findings(text, options=options)]


@pytest.mark.parametrize("release", ["0.5.0", "v0.9.1-cuda13", "dynamo-1.4.1-vllm0.26.0", "1.5"])
def test_what_was_read_in_one_release_says_nothing_of_another(release: str) -> None:
    cases = _failing(STUDIED, release)
    assert len(cases) > 50
    for path, text in cases:
        assert [item for item in _findings(text) if item.rule in STUDIED] == [], path


@pytest.mark.parametrize("release", ["1.6.0-some-model-dev.1", "1.7.0", "0.10.0"])
def test_a_release_that_is_not_known_is_judged_by_an_older_one(release: str) -> None:
    judge = str(releases.nearest(Release.parse(release.partition("-")[0]) or releases.NEWEST))
    told = 0
    for path, text in _failing(BY_RELEASE, release):
        found = _findings(text)
        assert [item for item in found if item.severity is Severity.ERROR] == [], path
        said = [item.message for item in found if "not known here" in item.message]
        told += len(said)
        assert len(said) <= 1, path
        assert all(release in words and judge in words for words in said)
    assert told


def test_of_releases_before_the_first_that_is_known_nothing_is_said() -> None:
    for path, text in _failing((*BY_RELEASE, *STUDIED), "0.3.2"):
        found = _findings(text)
        assert len(found) <= 1, path
        assert all("nothing before 0.4.1 is known here" in item.message for item in found), path


_GRAPH = """apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata: {name: g}
spec:
  components:
  - name: Frontend
    type: frontend
    podTemplate: {spec: {containers: [{name: main, image: "IMAGE"}]}}
  - name: worker
    type: worker
    podTemplate:
      spec:
        containers:
        - name: main
          image: "IMAGE"
          command: [python3, -m, dynamo.vllm]
          args: [--model, Qwen/Qwen3-0.6B, WORDS]
          resources: {limits: {nvidia.com/gpu: "1"}}
"""
_PUBLISHED = "nvcr.io/nvidia/ai-dynamo/vllm-runtime"
_OLD = "--migration-limit, '3'"
"""What workers take up to Dynamo 0.9."""


def _graph(image: str, words: str = "--enable-prefix-caching") -> str:
    return _GRAPH.replace("IMAGE", image).replace("WORDS", words)


def test_a_file_is_told_once_of_a_release_that_is_not_known() -> None:
    one, other = (_graph(f"{_PUBLISHED}:{release}") for release in ("1.7.0", "1.8.0"))
    said = [item.message for item in _findings(f"{one}---\n{one}---\n{other}")]
    assert len(said) == 2
    assert "Dynamo 1.7.0," in said[0]
    assert "Dynamo 1.8.0," in said[1]


@pytest.mark.parametrize("image", [f"{_PUBLISHED}:mine", "acme/worker", f"{_PUBLISHED}:latest"])
def test_an_image_without_a_release_runs_the_one_of_the_options(image: str) -> None:
    text = _graph(image, _OLD)
    assert _judged(text, options=LintOptions(release=Release(0, 9, 1))) == []
    assert _judged(text) == [("engine-flag", Severity.ERROR)]


def test_a_tag_comes_before_the_options() -> None:
    assert _judged(_graph(f"{_PUBLISHED}:0.9.0", _OLD)) == []
    old = LintOptions(release=Release(0, 9, 1))
    found = _judged(_graph(f"{_PUBLISHED}:1.6.1", _OLD), options=old)
    assert found == [("engine-flag", Severity.ERROR)]


def test_an_own_images_number_makes_no_error() -> None:
    text = _graph("acme/worker:1.4.0", "--is-prefill-worker")
    assert ("engine-flag", Severity.WARNING) in _judged(text)
    assert not [item for item in _judged(text) if item[1] is Severity.ERROR]


def test_the_component_may_say_its_release() -> None:
    text = _graph(f"{_PUBLISHED}:mine", _OLD)
    named = "  - name: worker\n"
    assert _judged(text) == [("engine-flag", Severity.ERROR)]
    assert _judged(text.replace(named, f"{named}    runtimeVersionOverride: 0.9.0\n")) == []


def test_the_report_counts_components_by_release() -> None:
    text = _graph(f"{_PUBLISHED}:1.4.1").replace("1.4.1", "1.6.0", 1)
    (checked,) = check_bytes(text.encode(), file="g.yaml", options=LintOptions())
    assert checked.releases == ((Release(1, 4, 2), 1), (Release(1, 6, 1), 1))


@pytest.fixture
def linter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Linter:
    return Linter.opened(tmp_path, monkeypatch)


def test_programs_read_the_releases_too(linter: Linter) -> None:
    linter.write("g.yaml", _graph(f"{_PUBLISHED}:1.4.1").encode())
    (document,) = linter.documents("g.yaml")
    assert document["releases"] == {"1.4.2": 2}
    assert linter.run("g.yaml").stdout.endswith("; judged by Dynamo 1.4.2\n")


@pytest.mark.parametrize(("given", "judge"), [("0.9", "0.9.1"), ("1.4.0", "1.4.2")])
def test_the_option_and_the_settings_name_a_release(linter: Linter, given: str, judge: str) -> None:
    linter.write("g.yaml", _graph(f"{_PUBLISHED}:mine").encode())
    # The second run of each finds the first one's result in the cache, or must not.
    for _ in range(2):
        assert linter.run("--release", given, "g.yaml").stdout.endswith(f"Dynamo {judge}\n")
        assert linter.run("g.yaml").stdout.endswith(f"Dynamo {releases.NEWEST}\n")
    linter.write("pyproject.toml", f'[tool.dynamo-lint]\nrelease = "{given}"\n'.encode())
    assert linter.run("g.yaml").stdout.endswith(f"Dynamo {judge}\n")
    assert linter.run("--release", "1.6", "g.yaml").stdout.endswith("Dynamo 1.6.1\n")


def test_a_release_that_is_none_is_refused(linter: Linter) -> None:
    ended = linter.run("--release", "newest", ".")
    assert ended.exit_code == 2
    assert 'nothing is known of "newest"; known are 0.4.1' in ended.output


_ROUTED = _GRAPH.replace(
    'main, image: "IMAGE"}',
    'main, image: "IMAGE", env: [{name: DYN_ROUTER_MODE, value: kv}]}',
)


@pytest.mark.parametrize(
    ("release", "words"),
    [
        ("0.9.0", ""),
        ("1.0.0", ""),
        ("1.1.0", "add --kv-events-config"),
        ("1.6.0", "add --kv-events-config"),
    ],
)
def test_vllm_publishes_kv_events_by_itself_up_to_1_0(release: str, words: str) -> None:
    text = _ROUTED.replace("IMAGE", f"{_PUBLISHED}:{release}").replace("WORDS", "")
    said = [item.message for item in _findings(text) if item.rule == "kv-events"]
    assert len(said) == bool(words)
    assert all(words in message for message in said)


_TRTLLM = _ROUTED.replace("dynamo.vllm", "dynamo.trtllm").replace("vllm-runtime", "trtllm-runtime")


@pytest.mark.parametrize(
    ("release", "flag", "router"),
    [
        ("0.7.0", "--publish-events-and-metrics", "--no-kv-events"),
        ("1.2.0", "--publish-events-and-metrics", "--no-router-kv-events"),
        ("1.3.0", "--publish-kv-events", "--no-router-kv-events"),
    ],
)
def test_advice_about_kv_events_has_the_flags_of_the_release(
    release: str, flag: str, router: str
) -> None:
    image = f"nvcr.io/nvidia/ai-dynamo/tensorrtllm-runtime:{release}"
    text = _TRTLLM.replace("IMAGE", image).replace(", WORDS", "")
    (said,) = [item.message for item in _findings(text) if item.rule == "kv-events"]
    assert f"add {flag}, or give the frontend {router}" in said
    told = _TRTLLM.replace("IMAGE", image).replace("WORDS", flag)
    assert [item for item in _findings(told) if item.rule == "kv-events"] == []


@pytest.mark.parametrize(
    ("release", "module", "words"),
    [
        ("0.9.0", "dynamo.planner", "write dynamo.planner.planner_sla"),
        ("0.9.0", "dynamo.planner.planner_sla", ""),
        ("1.0.0", "dynamo.planner", ""),
        ("1.0.0", "dynamo.planner.planner_sla", "write dynamo.planner"),
        ("0.5.0", "dynamo.llama_cpp", ""),
        ("0.6.0", "dynamo.llama_cpp", "Dynamo 0.6.1 has no dynamo.llama_cpp"),
    ],
)
def test_modules_are_those_of_the_release(release: str, module: str, words: str) -> None:
    text = _graph(f"{_PUBLISHED}:{release}").replace("dynamo.vllm", module)
    said = [item.message for item in _findings(text) if item.rule == "command-retired"]
    assert len(said) == bool(words)
    assert all(words in message for message in said)


@pytest.mark.parametrize(
    ("release", "name", "is_read"),
    [
        ("0.9.0", "DYN_STORE_KV", True),
        ("1.0.0", "DYN_STORE_KV", False),
        ("0.9.0", "DYN_ROUTER_USE_KV_EVENTS", False),
        ("1.0.0", "DYN_ROUTER_USE_KV_EVENTS", True),
    ],
)
def test_variables_are_those_of_the_release(release: str, name: str, *, is_read: bool) -> None:
    text = _ROUTED.replace("IMAGE", f"{_PUBLISHED}:{release}").replace("DYN_ROUTER_MODE", name)
    said = [item.message for item in _findings(text) if item.rule == "unread-variable"]
    assert (said == []) is is_read
    assert all(name in message and "Dynamo " in message for message in said)


_PROBED = _GRAPH.replace(
    '{name: main, image: "IMAGE"}',
    '{name: main, image: "IMAGE", readinessProbe: {httpGet: {path: /health, port: 8000}}}',
)


@pytest.mark.parametrize(("release", "is_wrong"), [("0.4.1", True), ("0.5.0", False)])
def test_a_frontend_listens_where_its_release_does(release: str, *, is_wrong: bool) -> None:
    text = _PROBED.replace("IMAGE", f"{_PUBLISHED}:{release}").replace(", WORDS", "")
    text = text.replace("{name: main,", "{name: main, command: [python3, -m, dynamo.frontend],", 1)
    found = check_bytes(text.encode(), file="g.yaml", options=LintOptions())[0].findings
    assert any(item.rule == "probe-target" for item in found) is is_wrong
