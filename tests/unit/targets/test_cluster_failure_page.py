"""The page of a failed example: what failed, why, what to do, how far it came, how to repeat it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
import yaml
from snapshot_builders import snapshot

from dynamo_conformance.targets.cluster.diagnosis import Diagnosis
from dynamo_conformance.targets.cluster.failure_page import FailurePage
from dynamo_conformance.targets.cluster.progress_summary import progress_summary
from dynamo_conformance.targets.interface import Change, DeployFailure

if TYPE_CHECKING:
    from dynamo_conformance.kube.connection import Connection
    from dynamo_conformance.targets.cluster.namespace_snapshot import NamespaceSnapshot

CASES = Path(__file__).parent / "cluster_cases"


class Here:
    """A connection that only knows how a person would say it."""

    def kubectl_words(self, *words: str) -> str:
        return " ".join(("kubectl", "--context=here", *words))


def view(case: str) -> NamespaceSnapshot:
    held = yaml.load((CASES / f"{case}.yaml").read_text(), Loader=yaml.CSafeLoader)
    kinds: dict[str, list[dict[str, object]]] = {"Pod": [], "Event": []}
    for item in held["objects"]:
        kinds.setdefault(item["kind"], []).append(item)
    return snapshot(
        expected=held["expected"],
        pods=kinds["Pod"],  # type: ignore[arg-type]
        events=kinds["Event"],  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("operator/silent", "no pod is there yet"),
        ("schedule/gpu", "0 of 2 pods are ready; VllmWorker: waits for a node"),
        (
            "healthy/pulling",
            "0 of 1 pods are ready; VllmWorker: pulls the image localhost:5999/slow/x:1",
        ),
        ("healthy/init-runs", "VllmWorker: runs its init container fetch-model"),
        ("healthy/not-ready", "VllmWorker: runs, and is not ready: Readiness probe failed"),
        ("healthy/init-done", "1 of 1 pods are ready"),
        ("crash/back-off", "VllmWorker: CrashLoopBackOff (main)"),
    ],
)
def test_how_far_it_came(case: str, said: str) -> None:
    assert said in progress_summary(view(case))


def test_the_page_says_it_all(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    failure = DeployFailure("it broke", cause="fix it", log=("last ```words```",))
    page = FailurePage(
        graph="agg",
        file="examples/agg.yaml",
        sha256="abc",
        connection=cast("Connection", Here()),
        namespace="dyn-agg-1",
        failures=(failure, AssertionError("a probe failed")),
        view=view("crash/first"),
        diagnoses=(Diagnosis(what="it broke"), Diagnosis(what="so did that")),
        changes=(Change("Worker", "cpu 4 -> 1"),),
        warnings=("deprecated",),
        missed=["secrets: forbidden"],
    ).text(tmp_path)
    for piece in (
        "# Why agg failed",
        "**it broke**",
        "Likely cause and what to do: fix it",
        "**a probe failed**",
        "last '''words'''",
        "* so did that",
        "| VllmWorker | agg-vllmworker-66df45d49d-zmsmc | Running | no |",
        "* Worker: cpu 4 -> 1",
        "* deprecated",
        "* `logs`: ",
        "* not kept: secrets: forbidden",
        "kubectl --context=here apply -n dyn-agg-1 -f examples/agg.yaml",
        "sha256 abc",
    ):
        assert piece in page
    assert page.count("it broke") == 1
    assert "transcript.txt" not in page
