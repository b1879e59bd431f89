"""Why kubectl's apply was refused, in domain words."""

from __future__ import annotations

import re

from dynamo_conformance.targets.cluster.diagnosis import explained
from dynamo_conformance.targets.interface import DeployFailure

_NOISE = re.compile(r"^(Warning: |error: |Error from server \(\w+\): )")
_WHERE = re.compile(r'error when (?:creating|applying|retrieving)[^:]*"[^"]*": ')

_REFUSALS = {
    r'(?s)admission webhook "(?P<name>[^"]+)" denied the request: (?P<why>.*)': (
        "the admission webhook {name} denies it: {why}",
        "correct the manifest; `dynamo lint` knows the operator's rules",
    ),
    r"(?s)strict decoding error: (?P<why>.*)": (
        "the API server does not know a field: {why}",
        "correct the field's name or place; `dynamo lint` names the place and what was meant",
    ),
    r"(?s)ValidatingAdmissionPolicy '(?P<name>[^']+)'.* denied request: (?P<why>.*)": (
        "the admission policy {name} denies it: {why}",
        "do what the policy asks",
    ),
    r"no matches for kind \"(?P<kind>\w+)\" in version \"(?P<version>[^\"]+)\"": (
        "the cluster does not serve {kind} in version {version}",
        "install the Dynamo operator, or one that serves this version",
    ),
    r'(?s)failed calling webhook "(?P<name>[^"]+)": (?P<why>.*)': (
        "the admission webhook {name} does not answer: {why}",
        "the operator that serves it is not running, or not reachable for the API server",
    ),
    r"(?s)conversion webhook for (?P<kind>[^:]+) failed: (?P<why>.*)": (
        "the conversion webhook for {kind} does not answer: {why}",
        "the operator that serves it is not running, or not reachable for the API server",
    ),
    (
        r'namespace from the provided object "(?P<own>[^"]+)" does not match '
        r'the namespace "(?P<ours>[^"]+)"'
    ): (
        "the manifest names the namespace {own}, and is applied in {ours}",
        "name {own} as the namespace to use, or take metadata.namespace out of the manifest",
    ),
    r"(?s)is forbidden: (?P<why>.*)": (
        "the cluster forbids it: {why}",
        "see docs/permissions.md for the permissions that a run needs",
    ),
    r"(?s)(?:is invalid: )(?P<why>.*)": (
        "the API server finds it invalid: {why}",
        "correct the manifest; `dynamo lint` names the place",
    ),
    r"(?P<why>Unable to connect to the server.*|.*connection refused.*)": (
        "the cluster's API does not answer: {why}",
        "is the cluster up, and reachable from here?",
    ),
}
"""What the server or kubectl says, why that is, and what to do; the first that fits counts."""


def apply_failure(file: str, stderr: str) -> DeployFailure:
    """Return what kubectl wrote when it could not apply `file`, as a failure.

    Args:
        file: The file, as people call it.
        stderr: What kubectl wrote to its standard error.
    """
    lines = [line for line in stderr.splitlines() if not line.startswith("Warning: ")]
    text = _WHERE.sub("", "\n".join(lines).strip())
    if (explanation := explained(_REFUSALS, text)) is not None:
        reason, cause = explanation
        return DeployFailure(f"{file} is not admitted: {reason}", cause=cause)
    message = "\n".join(_NOISE.sub("", line) for line in text.splitlines())
    return DeployFailure(f"{file} cannot be applied: {message or 'kubectl wrote nothing'}")
