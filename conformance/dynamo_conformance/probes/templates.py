"""Probes that chat and completions share: written once, bound to each of the two."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dynamo_conformance.probes.probe import OPENAI, Feature, Probe, Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dynamo_conformance.probes.questions import TextApi

TEXT = (Feature.TEXT,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A probe of any API that answers with text.

    Attributes:
        name: The last part of its id.
        asks: The attributes of `TextApi` that are its questions.
        judge: Takes the API, and the exchanges.
    """

    name: str
    asks: tuple[str, ...]
    judge: Callable[..., None]
    source: str
    profile: Profile
    needs: tuple[Feature, ...]

    def bound(self, api: TextApi, prefix: str) -> Probe:
        """Return the probe of one API."""
        return Probe(
            id=f"{prefix}{self.name}",
            sentence=" ".join((self.judge.__doc__ or "").split()),
            source=self.source,
            asks=tuple(getattr(api, name) for name in self.asks),
            judge=partial(self.judge, api),
            profile=self.profile,
            needs=frozenset(self.needs),
        )


def template(
    name: str,
    *asks: str,
    source: str = OPENAI,
    profile: Profile = Profile.CORE,
    needs: tuple[Feature, ...] = TEXT,
) -> Callable[[Callable[..., None]], Template]:
    """Make a template of a function whose docstring is the sentence."""

    def make(judge: Callable[..., None]) -> Template:
        return Template(
            name=name, asks=asks, judge=judge, source=source, profile=profile, needs=needs
        )

    return make


def bound(namespace: Mapping[str, object], api: TextApi, prefix: str) -> tuple[Probe, ...]:
    """Return the probes of all templates of a module, in their order."""
    return tuple(
        template.bound(api, prefix)
        for template in namespace.values()
        if isinstance(template, Template)
    )
