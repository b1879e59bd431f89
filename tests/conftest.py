"""What all tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workshop import SECONDS, Workshop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    shop = Workshop(tmp_path)
    yield shop
    for process in shop.started:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=SECONDS)
        if process.stdout is not None:
            process.stdout.close()
