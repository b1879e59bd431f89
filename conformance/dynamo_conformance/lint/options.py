"""Options: what is checked, against which operator, for which cluster."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dynamo_conformance.engines.releases import NEWEST
from dynamo_conformance.manifest.errors import ManifestError

if TYPE_CHECKING:
    from dynamo_conformance.api.cluster_parts import Cluster
    from dynamo_conformance.engines.memory import Model
    from dynamo_conformance.engines.releases import Release


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsSuppression:
    """A suppression in the settings: of one rule, in files of a pattern, with the reason."""

    rule: str
    files: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LintOptions:
    """How to lint.

    Attributes:
        only: Rule ids, or their first words (`api`), to apply; all when empty.
        skip: Rule ids, or their first words, to leave out.
        release: The release of Dynamo that components run whose images say none.
        operator: The operator whose CRD and rules are applied; when None, the newest that runs
            the images of each graph.
        crd: The path of another CRD to apply instead, or None.
        cluster: What the cluster has, or None when nobody said.
        suppressions: Suppressions of the settings.
        models: Configurations of models by the name that manifests use.
        folder: The folder of the settings, from which the suppressions' files count.
    """

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    release: Release = NEWEST
    operator: str | None = None
    crd: str | None = None
    cluster: Cluster | None = None
    suppressions: tuple[SettingsSuppression, ...] = ()
    models: tuple[tuple[str, Model], ...] = ()
    folder: str = ""

    def applies(self, rule: str) -> bool:
        """Whether a rule is to be applied."""
        wanted = not self.only or any(names(word, rule) for word in self.only)
        return wanted and not self.skips(rule)

    def skips(self, rule: str) -> bool:
        """Whether a rule is left out by its name; other reports stay."""
        return any(names(word, rule) for word in self.skip)

    def suppression_for(self, rule: str, file: str) -> SettingsSuppression | None:
        """Return the suppression of the settings that covers a finding, or None."""
        for suppression in self.suppressions:
            if names(suppression.rule, rule) and self._covers(suppression.files, file):
                return suppression
        return None

    def _covers(self, pattern: str, file: str) -> bool:
        """Whether a file is of a pattern: as it was named, or as the settings would name it."""
        if fnmatch(file, pattern):
            return True
        whole = f"{escape(self.folder)}/{pattern}"
        return bool(self.folder) and fnmatch(str(Path(file).absolute()), whole)


def names(word: str, rule: str) -> bool:
    """Whether `word` names a rule: its id, or the words its id begins with."""
    return rule == word or rule.startswith(f"{word}-")


class SettingsError(ValueError):
    """Settings that cannot be used; the message says where and what to write."""


class DefinitionError(ValueError):
    """A CRD that cannot be used; the message says why."""


class GitError(RuntimeError):
    """Git gives no answer; the message says why."""


UNUSABLE: Final = (SettingsError, DefinitionError, GitError, ManifestError, OSError)
