"""Who belongs to an engine that spans several processes, and who is turned away.

Pure bookkeeping: the sockets are in `rendezvous`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from dynamo_conformance.mock_engine.worker_spec import MultinodeGroup

if TYPE_CHECKING:
    from collections.abc import Iterable


class MultinodeMembers:
    """The processes that have joined the first one, itself included."""

    def __init__(self, first: MultinodeGroup) -> None:
        self._first = first
        self._taken: dict[int, str] = dict.fromkeys(_units(first), "the first process")

    @property
    def complete(self) -> bool:
        """Whether every unit has been brought."""
        return len(self._taken) == self._first.size

    def admit(self, other: MultinodeGroup, *, peer: str) -> str | None:
        """Take a process in, or say why not.

        Args:
            other: What it says of itself.
            peer: Where it comes from, for the words of a refusal.

        Returns:
            None when it has joined, otherwise the reason.
        """
        reason = self._disagreement(other) or self._misfit(other)
        if reason is None:
            self._taken.update(dict.fromkeys(_units(other), peer))
        return reason

    def leave(self, other: MultinodeGroup) -> None:
        """Let a process that had joined go; its units are missing again."""
        for unit in _units(other):
            self._taken.pop(unit, None)

    def missing(self) -> str:
        """Return the units nobody has brought yet, such as `ranks 8-15 of 16`."""
        left = [unit for unit in range(self._first.size) if unit not in self._taken]
        return spell(self._first.unit, left, self._first.size)

    def _disagreement(self, other: MultinodeGroup) -> str | None:
        first = self._first
        if other.unit != first.unit:
            return f"it counts {other.unit}s, the first process counts {first.unit}s"
        mine = (*first.agreement, (f"number of {first.unit}s", str(first.size)))
        theirs = dict((*other.agreement, (f"number of {first.unit}s", str(other.size))))
        different = [
            f"{name} is {theirs.get(name, 'not given')} there and {value} at the first process"
            for name, value in mine
            if theirs.get(name) != value
        ]
        return "; ".join(different) or None

    def _misfit(self, other: MultinodeGroup) -> str | None:
        outside = [unit for unit in _units(other) if not 0 <= unit < self._first.size]
        if outside or other.count < 1:
            return f"there are only {self._first.unit}s 0 to {self._first.size - 1}"
        twice = [unit for unit in _units(other) if unit in self._taken]
        if twice:
            return (
                f"{spell(self._first.unit, twice, self._first.size)}: already brought by "
                f"{self._taken[twice[0]]}"
            )
        return None


def describe(group: MultinodeGroup) -> str:
    """Return what a process brings, such as `node 1 of 2` or `ranks 8-15 of 16`."""
    return spell(group.unit, list(_units(group)), group.size)


def spell(unit: str, numbers: list[int], size: int) -> str:
    """Return unit numbers in words, such as `node 1 of 2` or `ranks 2, 8-15 of 16`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    text = ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
    return f"{unit}{'s' if len(numbers) != 1 else ''} {text} of {size}"


def to_message(group: MultinodeGroup) -> dict[str, object]:
    """Return what a joining process says of itself, as JSON values."""
    return {
        "unit": group.unit,
        "start": group.start,
        "count": group.count,
        "size": group.size,
        "agreement": [list(pair) for pair in group.agreement],
    }


def from_message(message: object, *, host: str, port: int) -> MultinodeGroup:
    """Read what a joining process says of itself.

    Raises:
        ValueError: when it is no such message.
    """
    try:
        fields = cast("dict[str, object]", dict(cast("dict[str, object]", message)))
        return MultinodeGroup(
            unit=str(fields["unit"]),
            start=_whole(fields["start"]),
            count=_whole(fields["count"]),
            size=_whole(fields["size"]),
            host=host,
            port=port,
            agreement=tuple(
                (str(name), str(value))
                for name, value in cast("Iterable[tuple[object, object]]", fields["agreement"])
            ),
        )
    except (KeyError, TypeError, ValueError) as fault:
        raise ValueError(f"not a message of a joining process: {message!r}") from fault


def _units(group: MultinodeGroup) -> range:
    return range(group.start, group.start + group.count)


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is no whole number")
    return value
