"""Many files: the same is found on one process and on several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.lint import runner
from dynamo_conformance.lint.finding import FileContent
from dynamo_conformance.lint.options import LintOptions
from dynamo_conformance.lint.runner import lint

if TYPE_CHECKING:
    from multiprocessing.pool import Pool

    import pytest

FILES = 700
"""More than one batch."""

OPTIONS = LintOptions(only=("api",))


HEAD = "apiVersion: nvidia.com/v1beta1\nkind: DynamoGraphDeployment\n"


def _contents() -> list[FileContent]:
    """Return small manifests with a mistake, each in another line."""
    return [
        FileContent(f"{number:03}.yaml", ("#\n" * number + HEAD + "spec: {x: 1}\n").encode())
        for number in range(FILES)
    ]


def test_several_processes_find_the_same_in_the_same_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[int] = []
    fork = runner._forked

    def counted(jobs: int) -> Pool:
        started.append(jobs)
        return fork(jobs)

    monkeypatch.setattr(runner, "_forked", counted)
    shared = lint(_contents(), OPTIONS, jobs=2)
    assert started == [2], "one pool serves the whole run"
    alone = lint(_contents(), OPTIONS, jobs=1)
    assert started == [2]
    assert shared == alone
    assert len({one.line for one in shared.findings}) >= FILES


def test_a_few_files_start_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_forked", None)
    few = _contents()[: runner.WORTH_A_POOL - 1]
    assert lint(few, OPTIONS, jobs=8).files == len(few)
