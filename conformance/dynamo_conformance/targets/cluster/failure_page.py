"""The page that a person reads first when an example has failed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dynamo_conformance.targets.cluster.progress_summary import progress_summary
from dynamo_conformance.targets.interface import DeployFailure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from dynamo_conformance.kube.connection import Connection
    from dynamo_conformance.targets.cluster.diagnosis import Diagnosis
    from dynamo_conformance.targets.cluster.namespace_snapshot import NamespaceSnapshot, Pod
    from dynamo_conformance.targets.interface import Change

OTHERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FailurePage:
    """What is known about a failure.

    Attributes:
        file: The file that was applied, as people call it.
        sha256: Its checksum.
        connection: The cluster, for the commands that repeat it.
        namespace: The namespace it was applied in.
        failures: What went wrong, the first first.
        view: The namespace as it was last seen.
        diagnoses: What is wrong with it.
        warnings: What the cluster warned of when the file was applied.
        is_applied: Whether the file was applied; else the graph was there already.
        missed: What could not be kept.
    """

    graph: str
    file: str
    sha256: str
    connection: Connection
    namespace: str
    failures: tuple[Exception, ...]
    view: NamespaceSnapshot
    diagnoses: tuple[Diagnosis, ...] = ()
    changes: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = ()
    is_applied: bool = True
    missed: list[str] = field(default_factory=list)

    def text(self, folder: Path) -> str:
        """Return the page, for a folder that holds the rest."""
        sections = (
            self._failures(),
            self._last_lines(),
            self._others(),
            self._state(),
            self._different(),
            self._where(folder),
            self._repeat(),
        )
        paragraphs = [paragraph for section in sections for paragraph in section if paragraph]
        return "\n\n".join(paragraphs) + "\n"

    def _failures(self) -> Iterator[str]:
        yield f"# Why {self.graph} failed"
        for failure in self.failures or (DeployFailure("no failure was reported"),):
            if isinstance(failure, DeployFailure):
                yield f"**{failure.what}**"
                if failure.cause:
                    yield f"Likely cause and what to do: {failure.cause}"
            else:
                yield f"**{str(failure).strip() or type(failure).__name__}**"

    def _last_lines(self) -> Iterator[str]:
        for failure in self.failures:
            if isinstance(failure, DeployFailure) and failure.log:
                yield "## Last lines of its log"
                yield _block(*failure.log)
                return

    def _others(self) -> Iterator[str]:
        known = {failure.what for failure in self.failures if isinstance(failure, DeployFailure)}
        others = [item.what for item in self.diagnoses if item.what not in known][:OTHERS]
        if others:
            yield "## What else is wrong"
            yield _items(others)

    def _state(self) -> Iterator[str]:
        yield "## How far it came"
        yield f"{progress_summary(self.view)}."
        if self.view.pods:
            head = ("| component | pod | phase | ready | restarts |", "|---|---|---|---|---|")
            yield "\n".join((*head, *(_row(pod) for pod in self.view.pods)))
        for graph in self.view.graphs:
            ready = graph.ready
            reason = f": {ready.reason}, {ready.message}" if ready is not None else ""
            yield f"The operator calls the graph {graph.name} {graph.state or 'nothing'}{reason}."

    def _different(self) -> Iterator[str]:
        if self.changes or self.warnings:
            yield "## What differs from the manifest, and what the cluster warned of"
            yield _items((*self.changes, *self.warnings))

    def _where(self, folder: Path) -> Iterator[str]:
        yield "## Where to look"
        files = {
            "logs": "what the containers wrote, `.previous` what they wrote before they were "
            "restarted",
            "events.txt": "what happened, by time",
            "objects": "everything the namespace held",
            "transcript.txt": "requests and answers",
        }
        kept = [f"`{name}`: {what}" for name, what in files.items() if (folder / name).exists()]
        yield _items((*kept, *(f"not kept: {what}" for what in self.missed)))

    def _repeat(self) -> Iterator[str]:
        kubectl = self.connection.kubectl_words
        look = kubectl("get", "pods,events,dgd", "-n", self.namespace)
        if not self.is_applied:
            yield "## To look at it"
            yield _block(look)
            return
        yield "## To repeat it"
        yield _block(
            kubectl("create", "namespace", self.namespace),
            kubectl("apply", "-n", self.namespace, "-f", self.file),
            look,
        )
        yield f"The file had sha256 {self.sha256}."


def _row(pod: Pod) -> str:
    ready = "yes" if pod.is_ready else "no"
    restarts = sum(container.restarts for container in pod.containers)
    return f"| {pod.component} | {pod.name} | {pod.phase} | {ready} | {restarts} |"


def _items(items: Iterable[object]) -> str:
    return "\n".join(f"* {item}" for item in items)


def _block(*lines: str) -> str:
    return "\n".join(("```", *(line.replace("```", "'''") for line in lines), "```"))
