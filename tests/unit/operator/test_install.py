"""Installing and taking away, with a kubectl that only remembers."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.kube.resources import table
from dynamo_conformance.operator.installation import install as room
from dynamo_conformance.operator.installation.certificate import Certificate
from dynamo_conformance.operator.installation.crds import InstalledOperator
from dynamo_conformance.operator.installation.install import (
    InstallError,
    find,
    install,
    uninstall,
)

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain


class Kubectl:
    """A kubectl that answers what it is told to, by the first word it is called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.applied: list[dict[str, Plain]] = []
        self.found: dict[str, dict[str, Plain]] = {}
        self.failing: dict[str, list[str]] = {}

    def __call__(
        self,
        *words: str,
        stdin: str | None = None,
        timeout: float = 60.0,  # noqa: ARG002 - as kubectl is called
    ) -> subprocess.CompletedProcess[str]:
        self.calls.append(words)
        if waiting := self.failing.get(words[0]):
            return subprocess.CompletedProcess(words, 1, "", waiting.pop(0))
        if words[0] == "apply":
            items = json.loads(stdin or "")["items"]
            self.applied = [table(one) for one in items]
        found = self.found.get(words[1]) if words[0] == "get" else None
        return subprocess.CompletedProcess(words, 0, json.dumps(found) if found else "", "")

    def secret(self) -> dict[str, Plain]:
        (found,) = (one for one in self.applied if one["kind"] == "Secret")
        return found


@pytest.fixture
def kubectl(monkeypatch: pytest.MonkeyPatch) -> Kubectl:
    monkeypatch.setattr(room, "POLL_SECONDS", 0.0)
    return Kubectl()


def test_it_is_applied_and_waited_for(kubectl: Kubectl) -> None:
    install(kubectl, image="operator:1")
    verbs = [words[0] for words in kubectl.calls]
    assert verbs == ["get", "apply", "rollout", "create"]
    apply, create = kubectl.calls[1], kubectl.calls[3]
    assert {"--server-side", "--force-conflicts"} <= set(apply)
    assert "--dry-run=server" in create
    assert '"image": "operator:1"' in json.dumps(kubectl.applied)


def test_a_certificate_that_is_in_use_stays(kubectl: Kubectl) -> None:
    install(kubectl, image="operator:1")
    kubectl.found["secret"] = kubectl.secret()
    install(kubectl, image="operator:2")
    assert kubectl.secret() == kubectl.found["secret"]


def test_without_one_there_is_a_new_one_each_time(kubectl: Kubectl) -> None:
    install(kubectl, image="operator:1")
    first = kubectl.secret()
    install(kubectl, image="operator:1")
    assert first != kubectl.secret()
    assert Certificate.of_secret(table(first["data"])) is not None


def test_it_waits_until_the_webhooks_answer_and_not_only_until_the_pod_runs(
    kubectl: Kubectl,
) -> None:
    kubectl.failing["create"] = ["connection refused", "not yet"]
    install(kubectl, image="operator:1")
    assert [words[0] for words in kubectl.calls].count("create") == 3


def test_webhooks_that_never_answer_are_said(
    kubectl: Kubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "READY_SECONDS", 0.0)
    kubectl.failing["create"] = ["connection refused"] * 10
    with pytest.raises(InstallError, match=r"webhooks .* do not answer: connection refused"):
        install(kubectl, image="operator:1")


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("get", "kubectl get secret .*: no route"),
        ("apply", "cannot be installed: no route"),
        ("rollout", "does not come up: no route"),
    ],
)
def test_what_fails_is_said(kubectl: Kubectl, verb: str, words: str) -> None:
    kubectl.failing[verb] = ["no route"]
    with pytest.raises(InstallError, match=words):
        install(kubectl, image="operator:1")


def test_all_that_is_ours_is_taken_away_and_the_webhooks_first(kubectl: Kubectl) -> None:
    uninstall(kubectl)
    deleted = [words for words in kubectl.calls if words[0] == "delete"]
    assert all("dynamo-conformance/part=operator" in words for words in deleted)
    kinds = [words[1] for words in deleted]
    assert kinds[0] == "mutatingwebhookconfigurations"
    assert {"customresourcedefinitions", "clusterroles", "namespaces"} <= set(kinds)
    (within,) = (words for words in deleted if "--all-namespaces" in words)
    assert within[1] == "rolebindings,serviceaccounts"


def test_graphs_go_before_the_operator_whose_they_are(kubectl: Kubectl) -> None:
    install(kubectl, image="operator:1")
    kubectl.found["crd"] = next(
        one
        for one in kubectl.applied
        if table(one["metadata"])["name"] == "dynamographdeployments.nvidia.com"
    )
    uninstall(kubectl)
    first = next(words for words in kubectl.calls if words[0] == "delete")
    assert first[1:4] == ("dynamographdeployments.nvidia.com", "--all", "--all-namespaces")
    kubectl.failing["delete"] = ["they hang"]
    with pytest.raises(InstallError, match="graphs stay: they hang"):
        uninstall(kubectl)


def test_graphs_of_the_real_operator_stay(kubectl: Kubectl) -> None:
    kubectl.found["crd"] = {"metadata": {"name": "x"}}
    uninstall(kubectl)
    assert not [words for words in kubectl.calls if "--all" in words]


def test_what_stays_is_said(kubectl: Kubectl) -> None:
    kubectl.failing["delete"] = ["timed out"]
    with pytest.raises(InstallError, match="stay: timed out"):
        uninstall(kubectl)


def test_whose_operator_there_is_is_asked_of_its_definition(kubectl: Kubectl) -> None:
    assert find(kubectl) is InstalledOperator.NONE
    kubectl.found["crd"] = {"metadata": {"name": "x"}}
    assert find(kubectl) is InstalledOperator.REAL
    assert kubectl.calls[0][1:3] == ("crd", "dynamographdeployments.nvidia.com")
