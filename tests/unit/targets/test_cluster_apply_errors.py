"""What kubectl says when a file is refused, in domain words."""

from __future__ import annotations

import pytest

from dynamo_conformance.targets.cluster.apply_errors import apply_failure

FILE = "examples/agg.yaml"
IN = f'error when creating "{FILE}": '


@pytest.mark.parametrize(
    ("said", "what", "cause"),
    [
        pytest.param(
            f"Warning: old\nError from server (Invalid): {IN}admission webhook "
            '"vdynamographdeployment.kb.io" denied the request: DynamoGraphDeployment.nvidia.com '
            '"agg" is invalid: spec.components[0].runtimeVersionOverride: Required value: is '
            "required when the specified main container image has no parseable "
            "semantic-version tag",
            "the admission webhook vdynamographdeployment.kb.io denies it: DynamoGraphDeployment"
            '.nvidia.com "agg" is invalid: spec.components[0].runtimeVersionOverride',
            "dynamo lint",
            id="webhook",
        ),
        pytest.param(
            f"Error from server (BadRequest): {IN}DynamoGraphDeployment in version "
            '"v1beta1" cannot be handled as a DynamoGraphDeployment: strict decoding error: '
            'unknown field "spec.compnents"',
            'the API server does not know a field: unknown field "spec.compnents"',
            "dynamo lint",
            id="unknown field",
        ),
        pytest.param(
            'error: resource mapping not found for name: "agg" namespace: "" from '
            f'"{FILE}": no matches for kind "DynamoGraphDeployment" in version '
            '"nvidia.com/v1beta1"\nensure CRDs are installed first',
            "does not serve DynamoGraphDeployment in version nvidia.com/v1beta1",
            "install the Dynamo operator",
            id="no CRD",
        ),
        pytest.param(
            'The DynamoGraphDeployment "agg" is invalid: spec.components: Required value',
            "the API server finds it invalid: spec.components: Required value",
            "dynamo lint",
            id="schema",
        ),
        pytest.param(
            f"Error from server (InternalError): {IN}Internal error occurred: failed calling "
            'webhook "vdgd": failed to call webhook: Post "https://x": connection refused',
            "the admission webhook vdgd does not answer",
            "not running",
            id="webhook is down",
        ),
        pytest.param(
            f"Error from server: {IN}conversion webhook for nvidia.com/v1alpha1, "
            'Kind=DynamoGraphDeployment failed: Post "https://x": connection refused',
            "the conversion webhook for nvidia.com/v1alpha1, Kind=DynamoGraphDeployment does not",
            "not running",
            id="conversion is down",
        ),
        pytest.param(
            'error: the namespace from the provided object "prod" does not match the namespace '
            "\"dyn-agg-1\". You must pass '--namespace=prod' to perform this operation.",
            "the manifest names the namespace prod, and is applied in dyn-agg-1",
            "name prod as the namespace to use",
            id="namespace of its own",
        ),
        pytest.param(
            f"Error from server (Forbidden): {IN}dynamographdeployments.nvidia.com is forbidden: "
            'User "u" cannot create resource',
            'the cluster forbids it: User "u" cannot create resource',
            "docs/permissions.md",
            id="forbidden",
        ),
        pytest.param(
            f"Error from server (Forbidden): {IN}dynamographdeployments.nvidia.com "
            "\"agg\" is forbidden: ValidatingAdmissionPolicy 'no-dgd' with binding 'all' denied "
            "request: no graphs here",
            "the admission policy no-dgd denies it: no graphs here",
            "policy",
            id="policy",
        ),
        pytest.param(
            "Unable to connect to the server: dial tcp 127.0.0.1:1: connect: connection refused",
            "the cluster's API does not answer: Unable to connect to the server",
            "reachable",
            id="API is away",
        ),
        pytest.param(
            f"error: error parsing {FILE}: error converting YAML to JSON: yaml: line 3: bad",
            "error converting YAML to JSON: yaml: line 3: bad",
            "",
            id="no YAML",
        ),
        pytest.param(
            "Warning: v1alpha1 is deprecated\nerror: something that is not known here",
            f"{FILE} cannot be applied: something that is not known here",
            "",
            id="unknown, with a warning",
        ),
        pytest.param("", "kubectl wrote nothing", "", id="silence"),
    ],
)
def test_refusals(said: str, what: str, cause: str) -> None:
    failure = apply_failure(FILE, said)
    assert what in failure.what
    assert failure.what.startswith(FILE)
    assert "Error from server" not in failure.what
    assert "Warning" not in failure.what
    assert cause in failure.cause
    assert bool(cause) == bool(failure.cause)
