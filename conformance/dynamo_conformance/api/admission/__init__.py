"""What the Dynamo operator's validating webhook refuses, and what it warns of, offline.

One module per subject, each with `check(request)`. The rules are those of all operators when an
object is created: each violation carries the id of its rule, and `rule_rows.py` has from which
release to which a rule holds, and its words. What depends on the cluster is in `Violation.unless`.
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
    restart,
    runtime_release,
    topology,
    v1alpha1_rules,
)
from dynamo_conformance.api.admission.rule_rows import of_operator

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
    restart,
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
    yield from of_operator(_all(request, same_images), request)


def _all(request: Request, same_images: frozenset[str]) -> Iterator[Violation]:
    for subject in _SUBJECTS:
        yield from subject.check(request)
    yield from runtime_release.check(request, same=same_images)


def warnings(request: Request) -> Iterator[Violation]:
    """Yield everything that the webhook would warn of."""
    yield from of_operator(v1alpha1_rules.warn(request), request)
