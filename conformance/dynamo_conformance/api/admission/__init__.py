"""What the Dynamo operator's validating webhook refuses, and what it warns of, offline.

One module per subject, each with `check(request)`. The rules are those of operator 1.5.0-dev when
an object is created; what other releases do otherwise is in `Operator`, and what depends on
the cluster by `Violation.unless`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.api.admission import (
    annotation_rules,
    component_rules,
    epp,
    experiments,
    grove,
    name_lengths,
    runtime_release,
    topology,
    v1alpha1_rules,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.api.admission.request import Request
    from dynamo_conformance.api.violation import Violation

_SUBJECTS = (
    annotation_rules,
    component_rules,
    epp,
    experiments,
    grove,
    name_lengths,
    topology,
    v1alpha1_rules,
)


def refusals(request: Request, *, same_images: frozenset[str] = frozenset()) -> Iterator[Violation]:
    """Yield everything that the webhook would refuse the object for.

    Args:
        request: The object.
        same_images: The components whose image and runtime version an update leaves as they are;
            the webhook does not look at them again.
    """
    for subject in _SUBJECTS:
        yield from subject.check(request)
    yield from runtime_release.check(request, same=same_images)


def warnings(request: Request) -> Iterator[Violation]:
    """Yield everything that the webhook would warn of."""
    yield from v1alpha1_rules.warn(request)
