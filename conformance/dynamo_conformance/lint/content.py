"""Contents: files that are to be checked, and what they were found to hold."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from dynamo_conformance.lint.finding import CheckedDocument


class Content(NamedTuple):
    """What is to be checked.

    Attributes:
        name: The file's name, for findings.
        data: What is in it.
        named: Whether somebody asked for this very file; one that was only found below a folder
            may be no business of ours, and no YAML either.
    """

    name: str
    data: bytes
    named: bool = True


Checked: TypeAlias = tuple[CheckedDocument, ...]
