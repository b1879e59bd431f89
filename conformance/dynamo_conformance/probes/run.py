"""Carries probes out, one after the other, and says what became of each."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from dynamo_conformance.manifest.suggest import did_you_mean
from dynamo_conformance.probes import promises
from dynamo_conformance.probes.deviations import applied, read_deviations
from dynamo_conformance.probes.exchange import CannotShow, Fault, NotAnswered, Unjudged, shortened
from dynamo_conformance.probes.probe import Feature, Outcome, Probe, Profile, Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from dynamo_conformance.probes.deviations import Deviation
    from dynamo_conformance.probes.exchange import Exchange
    from dynamo_conformance.probes.graph import ServedGraph
    from dynamo_conformance.probes.recorder import Recorder

SILENT: Final = 3
"""Questions in a row without an answer, after which no more are asked."""

GONE: Final = ("ConnectError", "ConnectTimeout", "ReadTimeout")


class UnknownProbeError(ValueError):
    """A probe was asked for that does not exist; the text names the nearest."""


def chosen(
    probes: Iterable[Probe],
    *,
    profile: Profile,
    ids: tuple[str, ...] = (),
    disturbing: bool = False,
) -> tuple[Probe, ...]:
    """Return the probes that are to be judged: those named, or those of a profile.

    A name is an id, or an area. Those that disturb a graph are judged where they are named, or with
    `disturbing`.

    Raises:
        UnknownProbeError: There is none of that name.
    """
    probes = tuple(probes)
    names = {name for probe in probes for name in (probe.id, probe.area)}
    unknown = next((name for name in ids if name not in names), None)
    if unknown is not None:
        raise UnknownProbeError(f"no probe {unknown}{did_you_mean(unknown, names)}")
    if ids:
        return tuple(probe for probe in probes if probe.id in ids or probe.area in ids)
    core_only = profile is Profile.CORE
    return tuple(
        probe
        for probe in probes
        if (disturbing or not probe.disturbs) and (not core_only or probe.profile is Profile.CORE)
    )


@dataclass(slots=True)
class Judge:
    """Judges probes by the exchanges of one recorder.

    Attributes:
        reported: By which probe each question without an answer was reported first.
        promised: What the graph's manifest promises.
    """

    recorder: Recorder
    graph: ServedGraph
    deviations: tuple[Deviation, ...] = field(default_factory=read_deviations)
    reported: dict[str, str] = field(default_factory=dict)
    promised: frozenset[Feature] = field(init=False)

    def __post_init__(self) -> None:
        """Ask as the graph is to be asked."""
        self.recorder.replays = self.graph.replays
        self.promised = promises.promised(self.graph.serving)

    def results(self, probes: Iterable[Probe]) -> Iterator[Result]:
        """Yield the result of each probe as soon as it is known."""
        for probe in probes:
            yield self.result(probe)

    def result(self, probe: Probe) -> Result:
        """Return what becomes of one probe."""
        start = time.monotonic()
        result = self._judged(probe, start)
        return applied(
            result,
            self.deviations,
            release=self.graph.release,
            engine=self.graph.engine,
            promised=self.promised,
        )

    def _is_gone(self) -> bool:
        """Whether the server answers no more: each further question would cost as much time."""
        latest = [*self.recorder.exchanges.values()][-SILENT:]
        return len(latest) == SILENT and all(exchange.error.startswith(GONE) for exchange in latest)

    def _judged(self, probe: Probe, start: float) -> Result:
        def result(outcome: Outcome, **texts: str) -> Result:
            return Result(
                probe=probe,
                outcome=outcome,
                exchanges=tuple(exchange.name for exchange in exchanges),
                seconds=time.monotonic() - start,
                **texts,
            )

        exchanges: tuple[Exchange, ...] = ()
        reasons = sorted(why for need, why in self.graph.unshown.items() if need in probe.needs)
        if reasons:
            return result(Outcome.UNSUPPORTED, reason=reasons[0])
        is_asked = all(question.name in self.recorder.exchanges for question in probe.asks)
        if self._is_gone() and not is_asked:
            return result(Outcome.NOT_RUN, reason=f"no answer to {SILENT} questions in a row")
        try:
            exchanges = self.recorder.ask_all(probe.asks)
            if probe.of_graph:
                probe.judge(self.graph, *exchanges)
            else:
                probe.judge(*exchanges)
        except CannotShow as reason:
            return result(Outcome.UNSUPPORTED, reason=shortened(str(reason)))
        except Unjudged as reason:
            return result(Outcome.NOT_RUN, reason=str(reason))
        except NotAnswered as missing:
            first = self.reported.setdefault(missing.exchange.name, probe.id)
            if first != probe.id:
                return result(
                    Outcome.NOT_RUN, reason=f"{missing.exchange.name} has no answer, see {first}"
                )
            return result(
                Outcome.FAIL,
                expected=missing.expected,
                got=shortened(missing.got),
                curl=missing.exchange.curl(),
            )
        except Fault as fault:
            curl = exchanges[-1].curl() if exchanges else ""
            expected, got = shortened(fault.expected), shortened(fault.got)
            return result(Outcome.FAIL, expected=expected, got=got, curl=curl)
        return result(Outcome.PASS)


def exchange_file(folder: Path, name: str) -> Path:
    """Return the file in which an exchange is kept."""
    return folder / f"{quote(name, safe='@ ')}.json"


def keep_exchanges(folder: Path, recorder: Recorder, results: Iterable[Result]) -> None:
    """Write the exchanges that results were judged by into a folder, each into its own file."""
    names = dict.fromkeys(name for result in results for name in result.exchanges)
    for name in names:
        text = json.dumps(recorder.exchanges[name].record(), indent=1, ensure_ascii=False)
        file = exchange_file(folder, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n", encoding="utf-8")
