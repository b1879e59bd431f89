"""Operators: the releases whose rules are known, and how they differ.

The one operator whose CRD and verdicts are at hand as a whole is 1.5.0-dev (upstream main of
2026-08-21). Older ones have the CRD of the day their release branch was cut, joined in
`crd_history.py`; from which release on a rule of the webhook holds is its row in
data/webhook-rules.json. What 1.5.0 does otherwise is in its release notes.

No two patches of a minor release are known to differ, so each release has one row here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

RECORDED_OPERATOR = "1.5.0-dev"
"""The operator whose CRD and verdicts are kept."""

DEFAULT_OPERATOR = "1.5.0"
"""The newest operator that is known, and the one that graphs of today are judged by."""

_VERSION = re.compile(
    r"v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?(?:(-dev)|[-.+][0-9A-Za-z.+-]{0,60})?"
)
_NUMBERED = re.compile(r"\d+\.\d+")
_DEV = "-dev"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One release of the Dynamo operator.

    Attributes:
        version: Its version.
        date: The day of its minor release, YYYY-MM-DD; before 0.6 the day on which its branch is
            taken to have been cut.
        crd: The file of the CRD that it is checked with, by the operator of its name.
    """

    version: str
    date: str
    crd: str

    @property
    def name(self) -> str:
        """The minor release, as rules are dated by: `1.4`; `1.5-dev` for the one before 1.5."""
        return name_of(self.version)

    def __lt__(self, other: Operator) -> bool:
        return order(self.name) < order(other.name)

    def since(self, name: str) -> bool:
        """Whether it is the release of that name, or a newer one."""
        return order(self.name) >= order(name)


def name_of(version: str) -> str:
    """Return the minor release of a version: `1.4` for 1.4.2, `1.5-dev` for 1.5.0-dev."""
    major, minor = version.split(".")[:2]
    return f"{major}.{minor}{_DEV if version.endswith(_DEV) else ''}"


def order(name: str) -> tuple[int, int, bool]:
    """Return what minor releases are ordered by; a development build comes before its release."""
    major, minor = name.removesuffix(_DEV).split(".")
    return int(major), int(minor), not name.endswith(_DEV)


def _patches(date: str, *versions: str, crd: str = "") -> Iterable[Operator]:
    """Return the patches of one minor release, `date` the day of the first."""
    for version in versions:
        yield Operator(version=version, date=date, crd=crd or name_of(version))


_KNOWN = (
    *_patches("2025-07-15", "0.3.2", crd="0.3.2"),
    *_patches("2025-07-30", "0.4.0", "0.4.1"),
    *_patches("2025-09-10", "0.5.0", "0.5.1"),
    *_patches("2025-10-28", "0.6.0", "0.6.1"),
    *_patches("2025-11-26", "0.7.0", "0.7.1"),
    *_patches("2026-01-15", "0.8.0", "0.8.1"),
    *_patches("2026-02-11", "0.9.0", "0.9.1"),
    *_patches("2026-03-12", "1.0.0", "1.0.1", "1.0.2"),
    *_patches("2026-05-01", "1.1.0", "1.1.1"),
    *_patches("2026-06-02", "1.2.0", "1.2.1"),
    *_patches("2026-07-20", "1.3.0", "1.3.1"),
    *_patches("2026-08-14", "1.4.0", "1.4.1", "1.4.2"),
    *_patches("2026-08-21", "1.5.0-dev", crd=RECORDED_OPERATOR),
    *_patches("2026-09-18", "1.5.0", crd=RECORDED_OPERATOR),
)

OPERATORS = {operator.version: operator for operator in _KNOWN}
"""Every operator that is known, oldest first; each patch stands for itself."""


def minors() -> tuple[Operator, ...]:
    """Return the newest known patch of every minor release, oldest first."""
    return tuple({operator.name: operator for operator in _KNOWN}.values())


def find(text: str) -> Operator | None:
    """Return the operator of a version, or of a minor release its newest known patch."""
    version = text.removeprefix("v")
    if version in OPERATORS:
        return OPERATORS[version]
    if not _NUMBERED.fullmatch(version.removesuffix(_DEV)):
        return None
    return {operator.name: operator for operator in _KNOWN}.get(version)


def nearest(text: str) -> Operator | None:
    """Return the operator that an installed one is judged by; None when `text` is no version.

    A patch or release that is not known has the rules of the nearest older one, and one that is
    older than all those of the oldest.
    """
    match = _VERSION.fullmatch(text.strip())
    if match is None:
        return None
    if (known := find(text.strip())) is not None:
        return known
    wanted = order(f"{int(match[1])}.{int(match[2])}{match[4] or ''}")
    older = [operator for operator in _KNOWN if order(operator.name) <= wanted]
    return older[-1] if older else _KNOWN[0]
