"""What all tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox import SECONDS, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    made = Sandbox(tmp_path)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=SECONDS)
        if process.stdout is not None:
            process.stdout.close()
