"""How the pods of a Deployment are replaced: Kubernetes' own default, or as annotations say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.whole import parse_whole

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain

STRATEGY = "nvidia.com/deployment-strategy"
MAX_SURGE = "nvidia.com/deployment-rolling-update-max-surge"
MAX_UNAVAILABLE = "nvidia.com/deployment-rolling-update-max-unavailable"

RECREATE = "Recreate"
_QUARTER = "25%"
_WHOLE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """How pods are replaced.

    Attributes:
        recreate: All old ones end before a new one starts.
        max_surge: How many more than wanted may run meanwhile: a number, or a share as `25%`.
        max_unavailable: How many of the wanted may be missing meanwhile, likewise.
    """

    recreate: bool
    max_surge: str
    max_unavailable: str

    def spec(self) -> dict[str, Plain]:
        """Return a Deployment's `strategy`."""
        if self.recreate:
            return {"type": RECREATE}
        return {
            "type": "RollingUpdate",
            "rollingUpdate": {
                "maxSurge": _int_or_share(self.max_surge),
                "maxUnavailable": _int_or_share(self.max_unavailable),
            },
        }

    def limits(self, wanted: int) -> tuple[int, int]:
        """Return surge and unavailability as numbers of pods, at least one of them above 0."""
        surge = _count(self.max_surge, wanted, round_up=True)
        unavailable = _count(self.max_unavailable, wanted, round_up=False)
        return (surge, unavailable) if surge or unavailable else (1, 0)


def strategy(annotations: dict[str, str]) -> Strategy:
    """Return the strategy that a component's annotations ask for."""
    return Strategy(
        recreate=annotations.get(STRATEGY) == RECREATE,
        max_surge=annotations.get(MAX_SURGE) or _QUARTER,
        max_unavailable=annotations.get(MAX_UNAVAILABLE) or _QUARTER,
    )


def _int_or_share(text: str) -> int | str:
    number = parse_whole(text)
    return text if number is None else number


def _count(text: str, wanted: int, *, round_up: bool) -> int:
    """Return a number or a share as a number of pods; what is neither counts as none."""
    share = parse_whole(text.removesuffix("%"))
    if share is None or share < 0:
        return 0
    if not text.endswith("%"):
        return share
    parts = share * wanted
    return -(-parts // _WHOLE) if round_up else parts // _WHOLE
