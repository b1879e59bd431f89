"""Files that are made: written only when they change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.files import replace_file

if TYPE_CHECKING:
    from pathlib import Path


def write_text(path: Path, text: str) -> bool:
    """Make a file hold `text`; whether it held something else.

    Raises:
        OSError: It cannot be written; then it is as it was.
    """
    data = text.encode()
    if path.exists() and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, data)
    return True
