"""Which graphs are not even tried, at which target, and in which words."""

from __future__ import annotations

import shutil
from importlib import import_module
from pathlib import Path

import pytest

from conformance import collectors

pytest_plugins = ["pytester"]

EXAMPLES = Path(__file__).parents[2] / "examples" / "llm"
LEGACY = EXAMPLES / "vllm_v0" / "launch" / "k8s" / "disagg.yaml"
MPI = EXAMPLES / "tensorrt_llm" / "launch" / "k8s" / "deepseek_r1" / "disagg.yaml"
ONE_NODE = EXAMPLES / "tensorrt_llm" / "launch" / "k8s" / "disagg.yaml"
TARGETS = ("local", "kind", "cluster")
PLUGINS = ("-p", "no:cacheprovider", "-p", "conformance.plugin")


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """Import what a run does: it is forgotten after it, and some of it cannot be twice."""
    for name in ("recorder", "reporter"):
        import_module(f"conformance.{name}")


@pytest.fixture(autouse=True)
def _ours_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load no plugin but the one that is asked for; name a cluster that nobody will look for."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("DYN_CONFORMANCE_KUBE_CONTEXT", "none")


def reasons(pytester: pytest.Pytester, file: Path, *words: str) -> list[str | None]:
    """Return why the graphs of a file cannot be run, None for one that can."""
    shutil.copy(file, pytester.path)
    items, _ = pytester.inline_genitems(*PLUGINS, *words, file.name)
    ready = [one for one in items if isinstance(one, collectors.ReadyItem)]
    assert ready
    return [
        one.parent.reason if isinstance(one.parent, collectors.OutOfReach) else None
        for one in ready
    ]


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
