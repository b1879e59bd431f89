"""Problems that end a run before it has a report: what was asked for cannot be done."""

from __future__ import annotations

from typing import Final

from conformance.lint.changed import GitError
from conformance.lint.definition import DefinitionError
from conformance.lint.settings import SettingsError
from conformance.manifest.errors import ManifestError

UNUSABLE: Final = (SettingsError, DefinitionError, GitError, ManifestError, OSError)
