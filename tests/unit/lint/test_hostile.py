"""Whatever it is given, lint ends soon, in little memory, with a sentence and an exit code."""

from __future__ import annotations

import json
import os
import resource
import socket
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest
from click.testing import CliRunner
from hostile import INPUTS

from dynamo_conformance.api import crd
from dynamo_conformance.lint.cache import FILE
from dynamo_conformance.lint.command import FORMATS, lint
from dynamo_conformance.lint.rule import load_rules
from lint_helpers import GRAPH, REPLICAS, Linter, graph

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 5
MEGABYTES = 300
WRONG = graph(REPLICAS, "      replica: 1\n")
DYNAMO = (sys.executable, "-c", "import dynamo_launch.cli as cli; raise SystemExit(cli.main())")


@pytest.fixture
def linter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Linter:
    load_rules()  # What takes long once counts for no deadline.
    crd.load()
    return Linter.opened(tmp_path, monkeypatch)


class Told(NamedTuple):
    code: int
    text: str
    crash: str
    megabytes: float


def apart(*words: str) -> Told:
    """Run lint in a process of its own that has so much processor time and no more."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            ended = CliRunner().invoke(lint, list(words))
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            crash = "" if isinstance(ended.exception, SystemExit | None) else repr(ended.exception)
            told = Told(ended.exit_code, ended.output[-300:], crash, grown)
            with os.fdopen(writer, "w") as stream:
                json.dump(told, stream)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        told_text = stream.read()
    os.waitpid(child, 0)
    assert told_text, f"not done after {SECONDS} s of processor time"
    return Told(*json.loads(told_text))


@pytest.mark.parametrize("name", INPUTS)
def test_every_input_ends(linter: Linter, name: str) -> None:
    made = INPUTS[name]()
    linter.write("x.yaml", made)
    del made
    told = apart("--no-cache", "x.yaml")
    assert told.crash == ""
    assert told.code in (0, 1, 3)
    assert told.text.strip()
    assert told.megabytes < MEGABYTES
    assert not (linter.folder / "owned").exists()


@pytest.mark.parametrize("name", ["20000 unknown flags", "50000 values"])
def test_what_is_too_large_to_judge_is_an_error(linter: Linter, name: str) -> None:
    linter.write("x.yaml", INPUTS[name]())
    assert "yaml" in {rule for rule, _line in linter.found("x.yaml")}
    assert "yaml" not in {rule for rule, _line in linter.found("--only", "api", "x.yaml")}


def test_of_many_findings_the_number_is_bounded_and_said(linter: Linter) -> None:
    linter.write("x.yaml", INPUTS["20000 unknown fields"]())
    ended = linter.run("--only", "api", "x.yaml")
    assert "more than 1000 findings of api-schema; the others are not shown" in ended.output
    assert ended.exit_code == 1


def test_a_pipe_that_nobody_writes_to(linter: Linter) -> None:
    os.mkfifo(linter.folder / "f.yaml")
    assert "no regular file; `-` reads standard input" in linter.refused("f.yaml")
    assert "no regular file" in linter.refused("--crd", "f.yaml", "f.yaml")
    linter.write("a.yaml", GRAPH)
    assert linter.found(".") == []


def test_a_pipe_that_the_shell_hands_over(linter: Linter) -> None:
    reader, writer = os.pipe()
    os.write(writer, WRONG.encode())
    os.close(writer)
    assert linter.found(f"/dev/fd/{reader}") == [("api-schema", 9)]
    os.close(reader)


def test_a_socket_and_devices(linter: Linter) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s.yaml")
        assert "s.yaml: No such device" in linter.refused("s.yaml")
    for device in ("/dev/zero", "/dev/null"):
        assert "no regular file" in linter.refused(device)


def test_a_link_to_a_folder_above_is_no_ring(linter: Linter) -> None:
    linter.write("sub/a.yaml", WRONG)
    (linter.folder / "sub" / "again").symlink_to("..")
    (linter.folder / "ring.yaml").symlink_to("ring.yaml")
    assert [one["file"] for one in linter.documents(".")] == ["sub/a.yaml"]


def test_standard_input_without_end(linter: Linter) -> None:
    endless = "while :; do printf '%01000d\\n' 1; done"
    with subprocess.Popen(("sh", "-c", endless), stdout=subprocess.PIPE) as source:
        ended = subprocess.run(
            (*DYNAMO, "lint", "-"), stdin=source.stdout, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        source.kill()
    assert "larger than 16 MiB; no manifest is" in ended.stdout
    assert ended.returncode == 1


@pytest.mark.parametrize("words", [("x.yaml",), ("--list-rules",), ("--help",), ("sub",)])
def test_standard_output_that_is_full(linter: Linter, words: tuple[str, ...]) -> None:
    linter.write("x.yaml", GRAPH)
    linter.write("sub/x.yaml", WRONG)
    with open("/dev/full", "w") as full:  # noqa: PTH123
        ended = subprocess.run(
            (*DYNAMO, "lint", *words), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ended.stderr == (
        "dynamo lint: cannot write to standard output: No space left on device\n"
    )
    assert ended.returncode == 2


def test_an_output_that_is_full(linter: Linter) -> None:
    linter.write("x.yaml", GRAPH)
    reason = linter.refused("--output", "/dev/full", "x.yaml")
    assert reason == "cannot write /dev/full: No space left on device"


@pytest.mark.parametrize("words", [("a.yaml",), (".",), ("*.yaml",)])
def test_no_report_is_written_over_a_manifest(linter: Linter, words: tuple[str, ...]) -> None:
    path = linter.write("a.yaml", GRAPH)
    assert "is one of the files to check" in linter.refused("--output", "./a.yaml", *words)
    assert path.read_text() == GRAPH


def test_a_folder_that_cannot_be_read_is_not_passed_over(
    linter: Linter, monkeypatch: pytest.MonkeyPatch
) -> None:
    linter.write("a.yaml", GRAPH)
    linter.write("sub/b.yaml", WRONG)
    linter.write(".hidden/c.yaml", WRONG)
    scandir = os.scandir

    def closed(path: str | Path) -> object:
        if str(path).rpartition("/")[2] in ("sub", ".hidden"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)  # Root may read everything.
    for word in (".", "**", "**/*.yaml"):
        assert linter.refused(word).endswith("sub: Permission denied")


NAMES = ["::error::x.yaml", "  ::error::x.yaml", "a\n::error::x.yaml", "a\r::error::x.yaml",
         "##[add-mask]x.yaml", "a ##vso[task.complete].yaml", "\x1b[2Jx.yaml", "a\u2028::x.yaml",
         "##teamcity[x].yaml", "\x9b31mx.yaml"]  # fmt: skip


@pytest.mark.parametrize("style", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_no_name_of_a_file_is_a_command(linter: Linter, name: str, style: str) -> None:
    linter.write(name, graph(REPLICAS, f"      '{name.strip()!r}': 1 # ##[group] ::x\n"))
    ended = linter.run("--format", style, ".")
    assert ended.exit_code == 1
    for line in ended.stdout.split("\n"):
        assert not line.lstrip().startswith("::") or line.startswith("::error file=")
        assert "##[" not in line
        assert "##vso[" not in line
        assert "##team" not in line
        assert line.isprintable()
    if style == "json":
        assert json.loads(ended.stdout)["documents"][0]["file"] == name


@pytest.mark.parametrize("name", NAMES)
def test_no_refusal_is_a_command(linter: Linter, name: str) -> None:
    for reason in (
        linter.refused(name),
        linter.refused("--crd", name, "."),
        linter.refused("--only", name, "."),
    ):
        assert "\n" not in reason
        assert "##[" not in reason


ROW = '[[0,"DynamoGraphDeployment","g",[%s],[]]]'


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]]", "{}", "1", '"text"', "[" * 100_000, "[[0]]", "[null]", "NaN",
        ROW % '["api-schema","error","1",1,"","m","",null]',
        ROW % '["api-schema","error",1,1,"",5,"",null]',
        ROW % '["api-schema","error",1,1,"","m",{},null]',
        ROW % '["api-schema","error",1e400,1,"","m","",null]',
        ROW % f'["api-schema","error",{10**30},1,"","m","",null]',
        ROW % '["no-such-rule","error",1,1,"","m","",null]',
        ROW % '["api-schema","worst",1,1,"","m","",null]',
        ROW % '[["api-schema"],"error",1,1,"","m","",null]',
        ROW % '["api-schema","error",1,1,"","m","",[1,2,3,4]]',
        ROW % '["api-schema","error",1,1,"","m","",{"a":1}]',
    ],
    ids=range(20),
)  # fmt: skip
def test_no_row_of_the_cache_ends_a_run_or_changes_its_result(linter: Linter, text: str) -> None:
    linter.write("a.yaml", WRONG)
    expected = linter.found("a.yaml")
    database = sqlite3.connect(linter.folder.parent / "cache" / FILE)
    with database:
        database.execute("UPDATE results SET found = ?", (text,))
    database.close()
    for style in FORMATS:
        assert linter.run("--format", style, "a.yaml").exit_code == 1
    assert linter.found("a.yaml") == expected


@pytest.mark.parametrize("mode", [0o777, 0o757])
def test_a_cache_that_others_can_write_is_not_used(linter: Linter, mode: int) -> None:
    linter.write("a.yaml", WRONG)
    folder = (linter.folder.parent / "cache" / FILE).parent
    folder.mkdir(parents=True)
    folder.chmod(mode)
    assert linter.found("a.yaml") == [("api-schema", 9)]
    assert list(folder.iterdir()) == []


def test_a_cache_of_another_user_is_not_used(
    linter: Linter, monkeypatch: pytest.MonkeyPatch
) -> None:
    linter.write("a.yaml", WRONG)
    folder = (linter.folder.parent / "cache" / FILE).parent
    folder.mkdir(parents=True)
    user = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert linter.found("a.yaml") == [("api-schema", 9)]
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    ["[tool.dynamo-lint]\nskip = " + "[" * 10_000, "dynamo-lint\0", "[tool]\ndynamo-lint = 1\n",
     "#" * (17 * 2**20) + "dynamo-lint"],
    ids=["deep", "NUL", "no table", "17 MiB"],
)  # fmt: skip
def test_settings_that_nobody_can_read(linter: Linter, text: str) -> None:
    linter.write("a.yaml", GRAPH)
    linter.write("pyproject.toml", text)
    assert "pyproject.toml" in linter.refused("a.yaml")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--output", "ring.yaml", "a.yaml"), "Too many levels of symbolic links"),
        (("ring/b.yaml",), "no such file or folder"),
        (("--fix", "ring.yaml"), "no such file or folder"),
    ],
)
def test_a_ring_of_links_ends_in_a_sentence(
    linter: Linter, words: tuple[str, ...], said: str
) -> None:
    linter.write("a.yaml", GRAPH)
    for name in ("ring.yaml", "ring"):
        (linter.folder / name).symlink_to(name)
    assert said in linter.refused(*words)


def test_a_kustomization_that_names_a_ring_of_links(linter: Linter) -> None:
    linter.write("a.yaml", WRONG)
    linter.write("kustomization.yaml", "patches: [{path: ring.yaml}]\nresources: [ring.yaml]\n")
    (linter.folder / "ring.yaml").symlink_to("ring.yaml")
    assert [one["file"] for one in linter.documents(".")] == ["a.yaml"]
