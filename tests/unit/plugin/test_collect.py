"""Which graphs are not even tried, at which target, and in which words."""

from __future__ import annotations

import json
import shutil
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from dynamo_conformance.lint.manifest_files import SUFFIXES, manifest_files
from dynamo_conformance.plugin import hooks, items

pytest_plugins = ["pytester"]

EXAMPLES = Path(__file__).parents[3] / "examples" / "llm"
LEGACY = EXAMPLES / "vllm_v0" / "launch" / "k8s" / "disagg.yaml"
MPI = EXAMPLES / "tensorrt_llm" / "launch" / "k8s" / "deepseek_r1" / "disagg.yaml"
GATEWAY = EXAMPLES / "vllm_v1" / "recipes" / "launch" / "k8s" / "qwen3_32b_gateway.yaml"
ONE_NODE = EXAMPLES / "tensorrt_llm" / "launch" / "k8s" / "disagg.yaml"
TARGETS = ("local", "kind", "cluster")
PLUGINS = ("-p", "no:cacheprovider", "-p", "dynamo_conformance.plugin.hooks")


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """Import what a run does: it is forgotten after it, and some of it cannot be twice."""
    for name in ("recorder", "report"):
        import_module(f"dynamo_conformance.plugin.{name}")


@pytest.fixture(autouse=True)
def _ours_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load no plugin but the one that is asked for; name a cluster that nobody will look for."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("DYN_CONFORMANCE_KUBE_CONTEXT", "none")


def reasons(pytester: pytest.Pytester, file: Path, *words: str) -> list[str | None]:
    """Return why the graphs of a file cannot be run, None for one that can."""
    shutil.copy(file, pytester.path)
    found, _ = pytester.inline_genitems(*PLUGINS, *words, file.name)
    ready = [one for one in found if isinstance(one, items.ReadyItem)]
    assert ready
    return [one.target.out_of_reach or None for one in ready]


@pytest.mark.parametrize("target", TARGETS)
def test_no_target_runs_a_graph_of_the_legacy_release(
    target: str, pytester: pytest.Pytester
) -> None:
    (reason,) = reasons(pytester, LEGACY, f"--dynamo-target={target}")
    assert reason is not None
    assert reason.startswith("Dynamo 0.3.1 alone runs it")


def test_the_mock_engine_in_kind_has_no_mpirun(pytester: pytest.Pytester) -> None:
    (reason,) = reasons(pytester, MPI, "--dynamo-target=kind")
    assert reason is not None
    assert "mpirun over ssh" in reason


@pytest.mark.parametrize("target", TARGETS)
def test_a_cluster_is_asked_through_the_gateway(target: str, pytester: pytest.Pytester) -> None:
    (reason,) = reasons(pytester, GATEWAY, f"--dynamo-target={target}")
    assert (reason is None) == (target == "local")
    assert reason is None or "--dynamo-url" in reason


@pytest.mark.parametrize(
    "words",
    [
        ("--dynamo-target=local",),
        ("--dynamo-target=cluster",),
        ("--dynamo-target=kind", "--dynamo-engine=real"),
    ],
)
def test_others_have(words: tuple[str, ...], pytester: pytest.Pytester) -> None:
    assert reasons(pytester, MPI, *words) == [None]


@pytest.mark.parametrize("target", TARGETS)
def test_a_graph_of_one_node_is_tried_everywhere(target: str, pytester: pytest.Pytester) -> None:
    assert reasons(pytester, ONE_NODE, f"--dynamo-target={target}") == [None]


def test_what_is_not_tried_is_no_pass(pytester: pytest.Pytester) -> None:
    shutil.copy(MPI, pytester.path)
    run = pytester.runpytest_inprocess(
        *PLUGINS, "-m", "e2e", "--dynamo-target=kind", "-rs", MPI.name
    )
    run.assert_outcomes(skipped=1, deselected=1)
    run.stdout.fnmatch_lines(["SKIPPED*UNSUPPORTED: TensorRT-LLM's leader starts*"])


def collected(pytester: pytest.Pytester, *words: str) -> set[str]:
    found, _ = pytester.inline_genitems(*PLUGINS, "-m", "lint", *words)
    return {one.path.name for one in found}


def test_a_folder_collects_what_lint_looks_at(pytester: pytest.Pytester) -> None:
    folder = pytester.mkdir("launch") / "k8s"
    folder.mkdir()
    text = ONE_NODE.read_text(encoding="utf-8")
    graph = next(one for one in yaml.safe_load_all(text) if one["kind"] != "ConfigMap")
    shutil.copy(ONE_NODE, folder / "graph.yml")
    (folder / "graph.json").write_text(json.dumps(graph, indent="\t"), encoding="utf-8")
    (folder / "other.json").write_text("[1]", encoding="utf-8")
    (folder / "patch.yaml").write_text(yaml.safe_dump(graph), encoding="utf-8")
    (folder / "kustomization.yaml").write_text("patches: [{path: patch.yaml}]\n", encoding="utf-8")
    linted = {one.name for one in manifest_files([folder])}
    assert collected(pytester, "launch") == {"graph.yml", "graph.json"}
    assert linted >= {"graph.yml", "graph.json"}
    assert "patch.yaml" not in linted
    assert hooks.MANIFESTS == SUFFIXES


@pytest.mark.parametrize(
    ("words", "script", "manifest"),
    [((), "core", "extended"), (("--dynamo-profile=extended",), "extended", "extended")],
)
def test_of_a_script_the_core_is_asked_unless_an_option_says_more(
    pytester: pytest.Pytester, words: tuple[str, ...], script: str, manifest: str
) -> None:
    for folder, name in (("k8s", "agg.yaml"), ("local", "agg.sh")):
        (pytester.path / "launch" / folder).mkdir(parents=True)
        shutil.copy(EXAMPLES / "vllm_v1/launch" / folder / name, pytester.path / "launch" / folder)
    pytester.makeini("[pytest]\ndynamo_profile = extended\ndynamo_scripts = true\n")
    found, _ = pytester.inline_genitems(*PLUGINS, *words, "-m", "e2e", "launch")
    most: dict[str, str] = {}
    for item in found:
        if isinstance(item, items.ProbeItem):
            most[item.path.name] = max(most.get(item.path.name, ""), item.probe.profile)
    assert most == {"agg.sh": script, "agg.yaml": manifest}
