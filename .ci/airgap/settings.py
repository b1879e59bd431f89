"""The file that tells a shell where everything is."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from command import answer

if TYPE_CHECKING:
    from pathlib import Path


def write(file: Path, values: dict[str, str]) -> None:
    """Write `export NAME=VALUE` lines, all of them or none."""
    if answer("docker", "buildx", "version") is None:
        # Without its plugin the client asks for a builder that is not there.
        values = {**values, "DOCKER_BUILDKIT": "0"}
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.{os.getpid()}")
    lines = [f"export {name}={_quoted(value)}\n" for name, value in values.items()]
    new.write_text("".join(lines), encoding="utf-8")
    new.rename(file)


def _quoted(value: str) -> str:
    """A value as a shell reads it; only what is added to PATH is for the shell to fill in."""
    head, variable, _ = value.partition(":$PATH")
    return shlex.quote(head) + variable
