"""The report of a run: one page, or JSON as `dynamo probe` has it, of each graph at each level."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from dynamo_conformance.engines.role import Role, parts
from dynamo_conformance.ledger.ledger import write_text
from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.graph import EPP, FRONTEND
from dynamo_conformance.manifest.read import read_graphs
from dynamo_conformance.plugin.items import CHANGE, LINT, READY, WHERE
from dynamo_conformance.plugin.options import URL, profile_of
from dynamo_conformance.plugin.summary import shown_by
from dynamo_conformance.probes.page import Box, Section, about, page
from dynamo_conformance.probes.probe import Outcome
from dynamo_conformance.probes.report import DISTRIBUTION, machine

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from dynamo_conformance.engines.role import Part
    from dynamo_conformance.plugin.summary import Shown
    from dynamo_conformance.probes.exchange import JsonObject

TITLE: Final = "Dynamo conformance"
JSON_SUFFIX: Final = ".json"


@dataclass(slots=True)
class Judged:
    """A graph at a level, and what became of its checks.

    Attributes:
        file: As it is called in the tree; `url` where there is none.
        graph: Its name, where the file holds several.
        where: What it ran on, in words.
        served: Model, release and engine, as far as that was found out.
        ended: When the last check had ended, in seconds from the start of the graph.
    """

    file: str
    graph: str
    level: str
    where: str = ""
    served: JsonObject = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)
    results: list[JsonObject] = field(default_factory=list)
    exchanges: dict[str, JsonObject] = field(default_factory=dict)
    ended: float = 0.0

    def add(self, shown: Shown, report: pytest.TestReport) -> None:
        """Take in how a check ended."""
        properties = dict(report.user_properties)
        self.where = str(properties.get(WHERE, self.where))
        self.changes += [str(text) for name, text in report.user_properties if name == CHANGE]
        self.served = self.served or shown.served
        self.exchanges |= {str(exchange["name"]): exchange for exchange in shown.exchanges}
        # A job records when a check had ended, counted from the start of the graph.
        ended = float(str(properties.get("seconds", 0.0)))
        seconds = max(ended - self.ended, 0.0) if ended else report.duration
        self.ended = max(ended, self.ended)
        self.results.append(shown.record or _record(shown, report, seconds))

    def record(self, root: Path) -> JsonObject:
        """Return it as JSON; `root` is the folder that its file is named from."""
        where: JsonObject = {"where": self.where} if self.where else {}
        path = root / self.file
        if path.is_file():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            where["manifest"] = {"name": self.graph or path.name, "sha256": digest}
        return {"name": self.name, "level": self.level, **self.served, **where}

    @property
    def name(self) -> str:
        """The file, and which graph of it."""
        return f"{self.file}, {self.graph}" if self.graph else self.file


def _record(shown: Shown, report: pytest.TestReport, seconds: float) -> JsonObject:
    """Return a check that is no probe, or none that was judged, as a result of one."""
    texts: JsonObject = {
        "reason": shown.reason,
        "got": report.longreprtext if report.failed else "",
    }
    return {
        "id": shown.check,
        "area": shown.check.partition(".")[0],
        "outcome": str(shown.outcome),
        **{name: words for name, words in texts.items() if words},
        "seconds": round(seconds, 4),
    }


class RunReport:
    """Notes how each check ended, in whichever process, and writes the report when a run ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._began = time.time()
        self._judged: dict[tuple[str, str], Judged] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a check ended; a start or an end that went well is no news."""
        shown = shown_by(report)
        if shown is None or (report.when != "call" and not report.failed):
            return
        file, _, below = report.nodeid.partition("::")
        collector = "" if shown.level in (LINT, URL) else below.partition("::")[0]
        graph = collector.partition("-")[2]
        key = file, f"{shown.level}-{graph}"
        self._judged.setdefault(key, Judged(file, graph, shown.level)).add(shown, report)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the report."""
        config = session.config
        if config.option.collectonly:
            return
        only = list(config.getoption("--dynamo-probe"))
        run: JsonObject = {
            "version": version(DISTRIBUTION),
            "date": datetime.fromtimestamp(self._began, UTC).isoformat(timespec="seconds"),
            "profile": str(profile_of(config)),
            **({"only": only} if only else {}),
            "machine": machine(),
            "seconds": round(time.time() - self._began, 3),
        }
        written = self._json if self._path.suffix == JSON_SUFFIX else self._page
        write_text(self._path, written(run, config.rootpath))

    def _json(self, run: JsonObject, root: Path) -> str:
        graphs: list[JsonObject] = [
            judged.record(root) | {"results": [*judged.results]} for judged in self._judged.values()
        ]
        addresses = [judged for judged in self._judged.values() if judged.file == URL]
        if addresses and len(graphs) == 1:
            # The very shape of `dynamo probe --format json`, whose probes do not begin by waiting.
            ready_passed = {"id": READY, "outcome": str(Outcome.PASS)}.items()
            results = [each for each in addresses[0].results if not ready_passed <= each.items()]
            run |= addresses[0].served | {"results": [*results]}
        else:
            run["graphs"] = [*graphs]
        return json.dumps(run, indent=1) + "\n"

    def _page(self, run: JsonObject, root: Path) -> str:
        pictures: dict[str, dict[str, tuple[Box, ...]]] = {}
        sections = []
        for judged in self._judged.values():
            if judged.level != LINT and judged.file not in pictures:
                pictures[judged.file] = _pictures(root / judged.file)
            drawn = {} if judged.level == LINT else pictures[judged.file]
            section = Section(
                name=judged.name,
                level=judged.level,
                about=about(judged.record(root)),
                results=tuple(judged.results),
                exchanges=judged.exchanges,
                picture=drawn.get(judged.graph, next(iter(drawn.values()), ())),
                changes=tuple(judged.changes),
            )
            sections.append(section)
        return page(sections, title=TITLE, record=run)


def _pictures(path: Path) -> dict[str, tuple[Box, ...]]:
    """Return the components of each graph in a manifest; nothing for what is none."""
    if path.suffix not in (".yaml", ".yml", ".json") or not path.is_file():
        return {}
    try:
        return {graph.name or "": tuple(map(_box, parts(graph))) for graph in read_graphs(path)}
    except ManifestError:
        return {}


def _box(part: Part) -> Box:
    component = part.component
    role = part.role or part.likely_role
    place = "other"
    if role is Role.FRONTEND or component.type in (FRONTEND, EPP):
        place = "entry"
    elif role is not Role.PLANNER and part.may_work:
        place = "worker"
    gpus = sum(container.gpus for container in component.containers)
    nodes = component.node_count
    words = (
        str(role or component.type or ""),
        f"{gpus} GPU{'s' if gpus > 1 else ''}" if gpus else "",
        f"{nodes} nodes" if nodes > 1 else "",
    )
    return Box(
        name=component.name,
        place=place,
        replicas=component.replicas,
        words=", ".join(filter(None, words)),
    )
