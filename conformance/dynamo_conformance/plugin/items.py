"""The plugin's items: each is one check."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NoReturn

import pytest

from dynamo_conformance.lint.check import check_file
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.output.text import findings as finding_texts
from dynamo_conformance.lint.pyproject import find_settings
from dynamo_conformance.manifest.masking import masked
from dynamo_conformance.plugin.summary import Shown
from dynamo_conformance.probes.exchange import CannotShow, Unjudged
from dynamo_conformance.probes.probe import Outcome
from dynamo_conformance.probes.promises import is_claimed
from dynamo_conformance.probes.report import failure_lines
from dynamo_conformance.probes.run import exchange_file
from dynamo_conformance.targets.interface import DeployFailure

if TYPE_CHECKING:
    from pathlib import Path

    from dynamo_conformance.plugin.collect import GraphCollector
    from dynamo_conformance.probes.exchange import JsonObject
    from dynamo_conformance.probes.probe import Probe, Result
    from dynamo_conformance.targets.interface import Deployment

LINT, READY = "lint", "ready"
EXCHANGES = "exchanges"
"""The folder of the artifacts that holds what was judged, where a probe failed."""

CHANGE = "dynamo-change"
"""The user property that names something that was different from the published file."""
WHERE = "dynamo-where"
"""The user property that names where a graph ran, when that is not the same everywhere."""


class CheckFailure(AssertionError):  # noqa: N818 - an outcome
    """What a check failed for, in its own words."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The result of a probe, and what it was judged by if it failed."""

    result: Result
    exchanges: tuple[JsonObject, ...] = ()


class ConformanceItem(pytest.Item):
    """One check, with its line in the closing table."""

    level = LINT

    @cached_property
    def shown(self) -> Shown:
        """What the closing table shows for it; the report of the check carries it there."""
        return Shown(self.level, self.name)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where the check is, for pytest's reports."""
        return self.path, None, self.nodeid.partition("::")[2]

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], *_args: object, **_kwargs: object
    ) -> str:
        """Show a check's own words; anything else is a defect of the suite and keeps its traceback.

        The terminal, JUnit and the page of a run have it from here: no secret is in it.
        """
        if isinstance(excinfo.value, CheckFailure | DeployFailure | pytest.xfail.Exception):
            return masked(str(excinfo.value))
        return masked(str(super().repr_failure(excinfo)))


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
            raise CheckFailure("\n".join(finding_texts(errors)))
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
        except CannotShow as reason:
            self.end(Outcome.UNSUPPORTED, str(reason))
        except Unjudged as reason:
            self.end(Outcome.NOT_RUN, str(reason))
        else:
            self.shown.outcome = Outcome.PASS
        finally:
            self.user_properties += self.target.properties(self.name)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where the check is; pytest takes dots at the end of a node id for a class."""
        return self.path, None, f"{self.target.name} {self.name}"

    def check(self) -> None:
        """Return when all is well."""
        raise NotImplementedError

    def end(self, outcome: Outcome, why: str) -> NoReturn:
        """End a check that neither passed nor failed, in pytest's own words."""
        self.shown.outcome, self.shown.reason = outcome, masked(why)
        if outcome is Outcome.DEVIATION:
            # Not pytest.xfail(), which does nothing with --runxfail: then this fails.
            raise pytest.xfail.Exception(self.shown.reason)
        mark = "not run" if outcome is Outcome.NOT_RUN else str(outcome)
        pytest.skip(f"{mark}: {self.shown.reason}")


class ReadyItem(CheckOnTarget):
    """The graph answers, several times in a row."""

    def check(self) -> None:
        """Raise what kept the graph from answering."""
        self.shown.notes += self.target.check_ready()


class ProbeItem(CheckOnTarget):
    """One probe of the endpoint; the graph's job judges it."""

    def __init__(self, *, name: str, parent: GraphCollector, probe: Probe) -> None:
        super().__init__(name=name, parent=parent)
        self.probe = probe
        if probe.disturbs:
            self.add_marker(pytest.mark.life)

    def check(self) -> None:
        """Raise what is wrong."""
        judged = self.target.wait(self.name)
        if judged is None:
            return
        result = judged.result
        self.shown.record = result.record()
        self.shown.served = self.target.served
        if result.outcome is Outcome.FAIL:
            self.shown.exchanges = [*judged.exchanges]
            raise CheckFailure("\n".join(self._failure(result)))
        if result.outcome is not Outcome.PASS:
            self.shown.is_claimed = is_claimed(self.probe, self.target.promised)
            self.end(result.outcome, result.reason)

    def _failure(self, result: Result) -> list[str]:
        folder = self.target.artifacts / EXCHANGES
        files = [f"  exchange:  {exchange_file(folder, name)}" for name in result.exchanges]
        return [*failure_lines(result), *files]


class InterruptItem(CheckOnTarget):
    """Ctrl-C ends a script and everything that it started."""

    def check(self) -> None:
        """Raise what is wrong."""
        self.target.wait(self.name)

    def carry_out(self, deployment: Deployment) -> None:
        """Press Ctrl-C and look for what is left; the graph's job calls it."""
        from dynamo_conformance.targets.local.local_script import ScriptDeployment

        assert isinstance(deployment, ScriptDeployment)  # noqa: S101 - narrows for the type checker
        deployment.interrupt()
