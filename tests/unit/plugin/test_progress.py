"""Lines that are seen while tests run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

pytest_plugins = ["pytester"]

TESTS = """
import threading
from dynamo_conformance.plugin.progress import progress_of

def test_before():
    pass

def test_while_it_waits(request):
    progress = progress_of(request.config)
    thread = threading.Thread(target=progress, args=("1 of 2 examples",))
    thread.start()
    thread.join()
    print("captured")
    progress.write()
    progress("2 of 2 examples")
"""


def lines(pytester: pytest.Pytester, *words: str) -> list[str]:
    pytester.makepyfile(TESTS)
    run = pytester.runpytest_subprocess("-p", "no:cacheprovider", *words)
    assert run.ret == 0
    return run.outlines


def test_lines_are_written_at_once_each_on_its_own(pytester: pytest.Pytester) -> None:
    found = lines(pytester, "-q")
    assert found[:3] == [".", "1 of 2 examples", "2 of 2 examples"]
    assert "captured" not in found


def test_without_capture(pytester: pytest.Pytester) -> None:
    found = "\n".join(lines(pytester, "-q", "-p", "no:capture"))
    assert re.search(r"captured\n+1 of 2 examples\n2 of 2 examples$", found, re.MULTILINE), found


def test_without_a_terminal(pytester: pytest.Pytester) -> None:
    assert lines(pytester, "-p", "no:terminal") == []
