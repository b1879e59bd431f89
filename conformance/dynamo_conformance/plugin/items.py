"""The plugin's items: each is one check."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.lint.check import check_file
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.output.text import findings as finding_texts
from dynamo_conformance.lint.pyproject import find_settings
from dynamo_conformance.manifest.masking import masked
from dynamo_conformance.plugin.summary import NOT_RUN, UNSUPPORTED, Outcome, Shown
from dynamo_conformance.probes.graph_probe import NotRun, ProbeFailure, Unsupported
from dynamo_conformance.targets.interface import DeployFailure

if TYPE_CHECKING:
    from pathlib import Path

    from dynamo_conformance.plugin.collect import GraphCollector
    from dynamo_conformance.probes.graph_probe import Endpoint, GraphProbe
    from dynamo_conformance.targets.interface import Deployment

LINT, READY = "lint", "ready"

CHANGE = "dynamo-change"
"""The user property that names something that was different from the published file."""
WHERE = "dynamo-where"
"""The user property that names where a graph ran, when that is not the same everywhere."""


class ConformanceItem(pytest.Item):
    """One check, with its line in the closing table."""

    level = LINT

    @cached_property
    def shown(self) -> Shown:
        """What the closing table shows for it; the report of the check carries it there."""
        return Shown(self.level, self.name, Outcome.FAIL)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where the check is, for pytest's reports."""
        return self.path, None, self.nodeid.partition("::")[2]

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], *_args: object, **_kwargs: object
    ) -> str:
        """Show a check's own words; anything else is a defect of the suite and keeps its traceback.

        The terminal, JUnit and the page of a run have it from here: no secret is in it.
        """
        if isinstance(excinfo.value, ProbeFailure | DeployFailure | LintFailure):
            return masked(str(excinfo.value))
        return masked(str(super().repr_failure(excinfo)))


class LintFailure(AssertionError):  # noqa: N818 - an outcome
    """A manifest with errors."""


class LintItem(ConformanceItem):
    """`FILE::lint`: the manifest has no error."""

    def __init__(self, *, name: str, parent: pytest.Collector) -> None:
        super().__init__(name, parent)
        self.add_marker(pytest.mark.lint)

    def runtest(self) -> None:
        """Fail on any finding that is an error; other findings are shown in the table."""
        # The very check of `dynamo lint FILE`, with the settings that hold where pytest runs.
        settings = find_settings(self.config.invocation_params.dir)
        documents = check_file(self.path, settings.options)
        findings = [finding for document in documents for finding in document.findings]
        errors = [finding for finding in findings if finding.severity is Severity.ERROR]
        others = sorted(
            {finding.rule for finding in findings if finding.severity is not Severity.ERROR}
        )
        self.shown.notes += others
        if errors:
            raise LintFailure("\n".join(finding_texts(errors)))
        self.shown.outcome = Outcome.PASS


class CheckOnTarget(ConformanceItem):
    """A check of a graph; a job carries it out, and this reports it."""

    def __init__(self, *, name: str, parent: GraphCollector) -> None:
        super().__init__(name, parent)
        self.target = parent
        self.level = parent.level

    def runtest(self) -> None:
        """Wait for the check and note its outcome for the table."""
        try:
            self.check()
        except Unsupported as reason:
            self.shown.outcome = Outcome.UNSUPPORTED
            why = masked(str(reason))
            self.shown.notes.append(why)
            pytest.skip(f"{UNSUPPORTED}{why}")
        except NotRun as reason:
            self.shown.outcome = Outcome.NOT_RUN
            pytest.skip(f"{NOT_RUN}{masked(str(reason))}")
        finally:
            self.user_properties += self.target.properties(self.name)
        self.shown.outcome = Outcome.PASS

    def check(self) -> None:
        """Return when all is well."""
        raise NotImplementedError


class ReadyItem(CheckOnTarget):
    """The graph answers, several times in a row."""

    def check(self) -> None:
        """Raise what kept the graph from answering."""
        self.shown.notes += self.target.check_ready()


class CheckItem(CheckOnTarget):
    """A check of a graph that is up."""

    def check(self) -> None:
        """Raise what is wrong."""
        self.target.check_probe(self.name)

    def carry_out(self, deployment: Deployment, endpoint: Endpoint) -> None:
        """Return when all is well; the graph's job calls it."""
        raise NotImplementedError


class ProbeItem(CheckItem):
    """One probe of the endpoint."""

    def __init__(self, *, name: str, parent: GraphCollector, probe: GraphProbe) -> None:
        super().__init__(name=name, parent=parent)
        self.probe = probe

    def carry_out(self, _deployment: Deployment, endpoint: Endpoint) -> None:
        """Run the probe."""
        self.probe.run(endpoint)


class InterruptItem(CheckItem):
    """Ctrl-C ends a script and everything that it started."""

    def carry_out(self, deployment: Deployment, _endpoint: Endpoint) -> None:
        """Press Ctrl-C and look for what is left."""
        from dynamo_conformance.targets.local.local_script import ScriptDeployment

        assert isinstance(deployment, ScriptDeployment)  # noqa: S101 - narrows for the type checker
        deployment.interrupt()
