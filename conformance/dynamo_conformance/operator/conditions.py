"""Conditions: what an object says of itself, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dynamo_conformance.kube.resources import table

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain

READY = "Ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition.

    Attributes:
        type: What is said.
        holds: Whether it is so.
        reason: Why, in one word for programs.
        message: Why, for people.
        generation: Of which generation of the object it is said.
    """

    type: str
    holds: bool
    reason: str
    message: str
    generation: int


def with_condition(conditions: Plain, new: Condition, *, now: str) -> list[Plain]:
    """Return a list of conditions with one of them brought up to date.

    Args:
        conditions: The list as it was.
        new: The condition.
        now: The time, which is noted only when the condition turns.
    """
    status = "True" if new.holds else "False"
    listed = conditions if isinstance(conditions, list) else []
    found: dict[str, Plain] = {
        "type": new.type,
        "status": status,
        "reason": new.reason,
        "message": new.message,
        "observedGeneration": new.generation,
        "lastTransitionTime": now,
    }
    kept: list[Plain] = []
    for one in listed:
        before = table(one)
        if before.get("type") != new.type:
            kept.append(one)
        elif before.get("status") == status:
            found["lastTransitionTime"] = before.get("lastTransitionTime") or now
    return [*kept, found]


def timestamp(moment: datetime | None = None) -> str:
    """Return a moment, or now, as the API server writes it."""
    return (moment or datetime.now(tz=UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
