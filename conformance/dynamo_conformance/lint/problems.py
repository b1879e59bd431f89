"""Problems that end a run before it has a report: what was asked for cannot be done."""

from __future__ import annotations

from typing import Final

from dynamo_conformance.manifest.errors import ManifestError


class SettingsError(ValueError):
    """Settings that cannot be used; the message says where and what to write."""


class DefinitionError(ValueError):
    """A CRD that cannot be used; the message says why."""


class GitError(RuntimeError):
    """Git cannot tell; the message says why."""


UNUSABLE: Final = (SettingsError, DefinitionError, GitError, ManifestError, OSError)
