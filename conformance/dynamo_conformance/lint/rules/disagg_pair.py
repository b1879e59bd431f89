"""Prefill and decode need each other.

A decode worker registers its model, but the frontend answers 503 until a prefill worker of the same
model is there too, and the other way round. Other graphs may bring it when the Dynamo namespace is
shared with them, or a router stands between.

Fix: add the missing partner, or drop `--disaggregation-mode` to serve aggregated.

PASS:
    components of roles prefill and decode

FAIL:
    a component of role decode alone
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.role import Role
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem, capped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.role import Part
    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.ERROR

_MODE = "--disaggregation-mode"
_PARTNER = {Role.PREFILL: Role.DECODE, Role.DECODE: Role.PREFILL}


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each prefill or decode component whose partner is missing."""
    roles = {part.role for part in subject.parts}
    # A worker whose words are not all known, or another graph, may be the partner.
    unread = any(part.role is None and part.may_work for part in subject.parts)
    if unread or subject.has_neighbours:
        return
    for part in subject.parts:
        if part.role is Role.DECODE and part.roles is not None and part.roles.decode_unsaid:
            continue  # Any worker of its release decodes, and answers alone.
        partner = _PARTNER.get(part.role) if part.role is not None else None
        if partner is not None and partner not in roles:
            message = f'component "{part.component.name}" runs as {part.role}'
            advice = f"no component runs as {partner}; add one, or leave out {_told(part)}"
            yield Problem(part.component.mark, f"{message}, but {advice}", severity=capped(part))


def _told(part: Part) -> str:
    """Return the flag that gives a part its role, as it is written."""
    words = part.command.texts if part.command is not None else []
    flags = (*(part.roles.flags if part.roles is not None else ()), _MODE)
    return next((flag for flag in flags if flag in words), _MODE)
