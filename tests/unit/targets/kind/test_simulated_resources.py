"""The policy that scales requests down."""

from __future__ import annotations

import pytest

from dynamo_conformance.targets.kind.simulated_resources import best_version, scaling_policy

SERVED = """
mutatingadmissionpolicies                        admissionregistration.k8s.io/{version}   false   MutatingAdmissionPolicy
mutatingwebhookconfigurations                    admissionregistration.k8s.io/v1   false   MutatingWebhookConfiguration
"""  # noqa: E501 - as kubectl prints it


@pytest.mark.parametrize(
    ("version", "best"), [("v1", "v1"), ("v1beta1", "v1beta1"), ("v1alpha1", None)]
)
def test_the_version_is_one_that_the_cluster_serves(version: str, best: str | None) -> None:
    assert best_version(SERVED.format(version=version)) == best


def test_policy_and_binding_belong_together() -> None:
    policy, binding = scaling_policy("v1beta1")
    metadata = policy["metadata"]
    assert isinstance(metadata, dict)
    assert binding["spec"] == {"policyName": metadata["name"]}
