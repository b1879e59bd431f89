"""`dynamo lint --fix`: what is certain is fixed in place, and nothing else is touched."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from lint_helpers import REPLICAS, Linter, graph

if TYPE_CHECKING:
    from pathlib import Path

ALPHA = """\
# A comment, with   spaces, and a tab:	.
apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata:
  name: graph
spec:
  services:
    Frontend: {componentType: Frontend, replicas: 1}   # trailing
    Worker:
      componentType: WORKER
      Replicas:    2

"""
FIXED = (
    ALPHA.replace(": Frontend,", ": frontend,").replace("WORKER", "worker").replace("Rep", "rep")
)


@pytest.fixture
def linter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Linter:
    return Linter.opened(tmp_path, monkeypatch)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_fix_changes_nothing_else(linter: Linter, newline: str, mark: str) -> None:
    path = linter.write("g.yaml", (mark + ALPHA).replace("\n", newline))
    ended = linter.run("--fix", "--only", "api-schema,component-type", "g.yaml")
    assert path.read_bytes().decode() == (mark + FIXED).replace("\n", newline)
    assert "Fixed 3" in ended.stderr
    assert ended.exit_code == 0


def test_a_fix_in_the_first_line_behind_a_byte_order_mark(linter: Linter) -> None:
    text = (
        "\ufeff{apiVersion: nvidia.com/v1alpha1, kind: DynamoGraphDeployment, metadata: {name: g},"
        " spec: {services: {A: {componentType: EPP, Replicas: 1}, B: {componentType: Worker}}}}\n"
    )
    path = linter.write("g.yaml", text)
    assert "Fixed 3" in linter.run("--fix", "g.yaml").stderr
    expected = text.replace("EPP", "epp").replace("Rep", "rep").replace("Worker", "worker")
    assert path.read_text(encoding="utf-8") == expected


@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_fix_within_quotes(linter: Linter, quote: str) -> None:
    text = graph(REPLICAS, f"      {quote}Replicas{quote}: 1\n")
    path = linter.write("g.yaml", text)
    linter.run("--fix", "g.yaml")
    assert path.read_text(encoding="utf-8") == text.replace("Rep", "rep")


def test_a_fix_keeps_the_mode(linter: Linter) -> None:
    path = linter.write("g.yaml", ALPHA)
    path.chmod(0o640)
    linter.run("--fix", "g.yaml")
    assert path.read_text(encoding="utf-8") == FIXED
    assert path.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in linter.folder.iterdir()] == ["g.yaml"]


def test_a_file_that_cannot_be_written_is_said_and_stays(
    linter: Linter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = linter.write("g.yaml", ALPHA)
    monkeypatch.setattr("os.fsync", full)
    assert "cannot write g.yaml: No space left on device" in linter.refused("--fix", "g.yaml")
    assert path.read_text(encoding="utf-8") == ALPHA
    assert [one.name for one in linter.folder.iterdir()] == ["g.yaml"]


def test_a_fix_goes_through_a_link(linter: Linter) -> None:
    path = linter.write("real.yml.txt", ALPHA)
    link = linter.folder / "g.yaml"
    link.symlink_to(path)
    linter.run("--fix", "g.yaml")
    assert link.is_symlink()
    assert path.read_text(encoding="utf-8") == FIXED


@pytest.mark.parametrize("field", ["replicaz", r'"\x52eplicas"'])
def test_a_file_with_nothing_to_fix_is_not_written(linter: Linter, field: str) -> None:
    path = linter.write("g.yaml", graph(REPLICAS, f"      {field}: 1\n"))
    before = path.stat()
    ended = linter.run("--fix", "g.yaml")
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert "Fixed 0" in ended.stderr
    assert ended.exit_code == 1


@pytest.mark.parametrize("field", ["replicas", "REPLICAS"])
def test_a_field_beside_the_right_one_is_not_fixed(linter: Linter, field: str) -> None:
    text = graph(REPLICAS, f"      Replicas: 1\n      {field}: 2\n")
    path = linter.write("g.yaml", text)
    linter.run("--fix", "g.yaml")
    assert path.read_text(encoding="utf-8") == text


def test_one_anchor_is_fixed_once(linter: Linter) -> None:
    shared = "      <<: &shared {Replicas: 1}\n"
    text = graph(REPLICAS, shared).replace("      type: worker\n", f"{'      <<: *shared'}\n")
    path = linter.write("g.yaml", text)
    assert "Fixed 1" in linter.run("--fix", "--only", "api-schema", "g.yaml").stderr
    assert path.read_text(encoding="utf-8") == text.replace("Rep", "rep")


def test_what_is_left_decides_how_the_run_ends(linter: Linter) -> None:
    linter.write("g.yaml", ALPHA.replace("WORKER", "wrker"))
    ended = linter.run("--fix", "--only", "api-schema,component-type", "g.yaml")
    assert ended.exit_code == 1
    assert "Fixed 2" in ended.stderr
    assert "1 error" in ended.stdout
    assert 'no component type "wrker"' in ended.stdout


def test_a_suppressed_finding_is_not_fixed(linter: Linter) -> None:
    suppression = "# dynamo-lint: allow api-schema because the test needs it"
    text = graph(REPLICAS, f"      Replicas: 1  {suppression}\n")
    path = linter.write("g.yaml", text)
    linter.run("--fix", "g.yaml")
    assert path.read_text(encoding="utf-8") == text


def test_standard_input_cannot_be_fixed(linter: Linter) -> None:
    assert "standard input is none" in linter.refused("--fix", "-", stdin=ALPHA)
