"""The page that a person reads first when an example has failed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dynamo_conformance.targets.cluster.progress_summary import in_words
from dynamo_conformance.targets.interface import DeployFailure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dynamo_conformance.kube.connection import Connection
    from dynamo_conformance.targets.cluster.diagnosis import Diagnosis
    from dynamo_conformance.targets.cluster.namespace_snapshot import NamespaceSnapshot, Pod
    from dynamo_conformance.targets.interface import Change

OTHERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FailurePage:
    """What is said about a failure.

    Attributes:
        graph: The graph's name.
        file: The file that was applied, as people call it.
        sha256: Its checksum.
        connection: The cluster, for the commands that repeat it.
        namespace: The namespace it was applied in.
        failures: What went wrong, the first first.
        view: The namespace as it was last seen.
        troubles: What is wrong with it.
        changes: What differs from the manifest.
        warnings: What the cluster said when the file was applied.
        missed: What could not be kept.
    """

    graph: str
    file: str
    sha256: str
    connection: Connection
    namespace: str
    failures: tuple[Exception, ...]
    view: NamespaceSnapshot
    troubles: tuple[Diagnosis, ...] = ()
    changes: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = ()
    missed: list[str] = field(default_factory=list)

    def text(self, folder: Path) -> str:
        """Return the page, for a folder that holds the rest."""
        sections = (
            self._head(),
            self._last_lines(),
            self._others(),
            self._state(),
            self._different(),
            self._where(folder),
            self._repeat(),
        )
        return "\n".join(line for section in sections for line in section)

    def _head(self) -> Iterator[str]:
        yield f"# Why {self.graph} failed"
        yield ""
        for failure in self.failures or (DeployFailure("nothing was said about it"),):
            if isinstance(failure, DeployFailure):
                yield f"**{failure.what}**"
                yield ""
                if failure.cause:
                    yield f"Likely cause and what to do: {failure.cause}"
                    yield ""
            else:
                yield f"**{str(failure).strip() or type(failure).__name__}**"
                yield ""

    def _last_lines(self) -> Iterator[str]:
        for failure in self.failures:
            if isinstance(failure, DeployFailure) and failure.log:
                yield "## Last lines of its log"
                yield ""
                yield from _block(failure.log)
                return

    def _others(self) -> Iterator[str]:
        said = {one.what for one in self.failures if isinstance(one, DeployFailure)}
        others = [one for one in self.troubles if one.what not in said][:OTHERS]
        if others:
            yield "## What else is wrong"
            yield ""
            yield from (f"* {one.what}" for one in others)
            yield ""

    def _state(self) -> Iterator[str]:
        yield "## How far it came"
        yield ""
        yield f"{in_words(self.view)}."
        yield ""
        if self.view.pods:
            yield "| component | pod | phase | ready | restarts |"
            yield "|---|---|---|---|---|"
            yield from (_row(pod) for pod in self.view.pods)
            yield ""
        for graph in self.view.graphs:
            ready = graph.ready
            said = f": {ready.reason}, {ready.message}" if ready is not None else ""
            yield f"The operator calls the graph {graph.name} {graph.state or 'nothing'}{said}."
            yield ""

    def _different(self) -> Iterator[str]:
        if self.changes or self.warnings:
            yield "## What differs from the manifest, and what the cluster warned of"
            yield ""
            yield from (f"* {one}" for one in (*self.changes, *self.warnings))
            yield ""

    def _where(self, folder: Path) -> Iterator[str]:
        yield "## Where to look"
        yield ""
        known = {
            "logs": "what the containers wrote, `.previous` what they wrote before they were "
            "started anew",
            "events.txt": "what happened, by time",
            "objects": "everything the namespace held",
            "transcript.txt": "requests and answers",
        }
        for name, what in known.items():
            if (folder / name).exists():
                yield f"* `{name}`: {what}"
        yield from (f"* not kept: {one}" for one in self.missed)
        yield ""

    def _repeat(self) -> Iterator[str]:
        yield "## To repeat it"
        yield ""
        say = self.connection.kubectl_words
        yield from _block(
            (
                say("create", "namespace", self.namespace),
                say("apply", "-n", self.namespace, "-f", self.file),
                say("get", "pods,events,dgd", "-n", self.namespace),
            )
        )
        yield f"The file had sha256 {self.sha256}."
        yield ""


def _row(pod: Pod) -> str:
    ready = "yes" if pod.is_ready else "no"
    restarts = sum(one.restarts for one in pod.containers)
    return f"| {pod.component} | {pod.name} | {pod.phase} | {ready} | {restarts} |"


def _block(lines: tuple[str, ...]) -> Iterator[str]:
    yield "```"
    yield from (line.replace("```", "'''") for line in lines)
    yield "```"
    yield ""
