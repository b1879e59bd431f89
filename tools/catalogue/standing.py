"""Standings: how far an example in all its forms has been proven."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.ledger.row import Gap, Level, Proof
from dynamo_conformance.manifest.document import V1ALPHA1

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from catalogue.traits import Trait
    from dynamo_conformance.ledger.ledger import Ledger
    from dynamo_conformance.ledger.tree import Example, Form

NOTHING = "-"
_WITH_ENGINE = (Level.CLUSTER, Level.REAL)


@dataclass(frozen=True, slots=True)
class Standing:
    """How an example stands at a level.

    Attributes:
        forms: How many of its files can be proven there.
        dates: When those that are were.
    """

    forms: int
    dates: tuple[str, ...]

    @property
    def proven(self) -> bool:
        """Whether every one of its files is proven."""
        return 0 < self.forms == len(self.dates)

    def __str__(self) -> str:
        """Return it as the cell of a table: the day since which all of it is proven."""
        if not self.forms:
            return ""
        if self.proven:
            return max(self.dates)
        return f"{len(self.dates)} of {self.forms}" if self.dates else NOTHING


def standing(ledger: Ledger, example: Example, level: Level) -> Standing:
    """Return how an example stands at a level."""
    forms = [form for form in example.forms if level in form.kind.levels]
    proofs = (ledger.proof(form.key, level) for form in forms)
    return Standing(len(forms), tuple(proof.date for proof in proofs if proof is not None))


def is_shown(ledger: Ledger, example: Example, trait: Trait) -> bool:
    """Whether any run has shown a trait: its check passed, or a real engine served the graph."""
    for level, proof in _proofs(ledger, example):
        if level in _WITH_ENGINE:
            return True
        if trait.check in proof.passed:
            return True
    return False


def mock_engines(ledger: Ledger, examples: Iterable[Example]) -> tuple[str, ...]:
    """Return the versions of the mock engine that examples were proven with, in short."""
    proofs = (proof for example in examples for _, proof in _proofs(ledger, example))
    return tuple(sorted({proof.mock_engine[:12] for proof in proofs if proof.mock_engine}))


def served_releases(ledger: Ledger, examples: Iterable[Example]) -> tuple[str, ...]:
    """Return the Dynamo releases that examples were served with."""
    proofs = (proof for example in examples for _, proof in _proofs(ledger, example))
    return tuple(sorted({proof.release for proof in proofs if proof.engine}))


def gaps(ledger: Ledger, examples: Sequence[Example]) -> tuple[str, ...]:
    """Return what is not proven of examples, as lines with the reason."""
    return tuple(
        f"*{level}*, {_whom(why, reasons)}: {why}"
        for level in Level
        if (reasons := dict(_reasons(ledger, examples, level)))
        for why in dict.fromkeys(reason for reason in reasons.values() if reason)
    )


def unsupported(ledger: Ledger, examples: Sequence[Example]) -> tuple[str, ...]:
    """Return what the checks of an area do not show, and why, as lines."""
    places: dict[tuple[str, str], list[tuple[str, Level]]] = {}
    for example in examples:
        for level, proof in _proofs(ledger, example):
            for area, why in proof.unsupported.items():
                places.setdefault((area, why), []).append((example.name, level))
    return tuple(
        f"`{area}`, {_where(at, len(examples))}: {why}" for (area, why), at in places.items()
    )


def _where(places: list[tuple[str, Level]], count: int) -> str:
    """Return which examples, and at which levels."""
    names = dict.fromkeys(name for name, _ in places)
    levels = {level for _, level in places}
    whom = "every graph" if len(names) == count else ", ".join(names)
    return f"{whom} ({', '.join(level for level in Level if level in levels)})"


def _proofs(ledger: Ledger, example: Example) -> Iterator[tuple[Level, Proof]]:
    for form, level in _places(example):
        proof = ledger.proof(form.key, level)
        if proof is not None:
            yield level, proof


def _places(example: Example) -> Iterator[tuple[Form, Level]]:
    return ((form, level) for form in example.forms for level in form.kind.levels)


def _reasons(
    ledger: Ledger, examples: Iterable[Example], level: Level
) -> Iterator[tuple[str, str]]:
    """Yield the name of each file of a level, and why it is not proven, if it is not."""
    for example in examples:
        for form in example.forms:
            if level in form.kind.levels:
                row = ledger.row(form.key, level)
                why = row.why if isinstance(row, Gap) else "" if row is not None else "no row"
                yield _called(example, form), why


def _whom(why: str, reasons: dict[str, str]) -> str:
    names = [name for name, reason in reasons.items() if reason == why]
    return "every graph" if len(names) == len(reasons) else ", ".join(names)


def _called(example: Example, form: Form) -> str:
    """Return the name of a file among those of its example."""
    if form is example.manifest:
        return example.name
    return f"{example.name} ({V1ALPHA1 if form.old else form.kind.name.lower()})"
