"""`dynamo convert`: what it prints and writes, and its exit codes."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from time import process_time

import pytest

from dynamo_launch.cli import main

CASES = Path(__file__).parent / "cases"
COMMENTS = CASES / "v1beta1" / "comments"
LOSSES = CASES / "v1beta1" / "everything-left-behind"


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "graph.yaml"
    path.write_bytes((COMMENTS / "input.yaml").read_bytes())
    return path


def convert(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["convert", *map(str, words)])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_it_prints_the_converted_file(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = manifest.read_bytes()
    assert convert(manifest, "--to", "v1beta1") == 0
    printed = capsys.readouterr()
    assert printed.out == (COMMENTS / "output.yaml").read_text(encoding="utf-8")
    assert printed.err == ""
    assert manifest.read_bytes() == before


def test_what_is_left_behind_is_said_and_the_rest_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new.yaml"
    source = LOSSES / "input.yaml"
    assert convert(source, "--to", "v1beta1", "--output", new) == 0
    assert new.read_bytes() == (LOSSES / "output.yaml").read_bytes()
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"{source}:7:5: not carried over: metadata.annotations.")
    assert len(printed.err.splitlines()) == len((LOSSES / "losses.txt").read_text().splitlines())


def test_an_existing_output_is_refused(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new.yaml"
    new.write_text("mine", encoding="utf-8")
    assert convert(manifest, "--to", "v1beta1", "--output", new) == 2
    assert new.read_text(encoding="utf-8") == "mine"
    assert "new.yaml is there already; name a new file" in capsys.readouterr().err


def test_an_output_that_cannot_be_written_is_said(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(manifest, "--to", "v1beta1", "--output", tmp_path / "no" / "new.yaml") == 2
    assert "cannot write" in capsys.readouterr().err


def test_in_place_writes_the_file_itself(manifest: Path) -> None:
    assert convert(manifest, "--to", "v1beta1", "--in-place") == 0
    assert manifest.read_bytes() == (COMMENTS / "output.yaml").read_bytes()


def edited_meanwhile(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let somebody write to a file between its reading and its writing."""
    from dynamo_conformance.convert import file_conversion as convert_file

    convert_text = convert_file.convert_text

    def edited(text: str, *, file: str, version: str) -> convert_file.Converted:
        path.write_text("edited: true\n", encoding="utf-8")
        return convert_text(text, file=file, version=version)

    monkeypatch.setattr(convert_file, "convert_text", edited)


def test_in_place_refuses_a_file_that_was_edited_meanwhile(
    manifest: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    edited_meanwhile(manifest, monkeypatch)
    assert convert(manifest, "--to", "v1beta1", "--in-place") == 2
    assert "graph.yaml: it was changed in the meantime; run this again" in capsys.readouterr().err
    assert manifest.read_text(encoding="utf-8") == "edited: true\n"
    assert [one.name for one in manifest.parent.iterdir()] == ["graph.yaml"]


@pytest.mark.parametrize("words", [["--in-place"], ["--output", "new.yaml"]])
def test_a_full_disk_leaves_everything_as_it_was(
    manifest: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
) -> None:
    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.chdir(manifest.parent)
    monkeypatch.setattr(os, "fsync", full)
    before = manifest.read_bytes()
    assert convert("graph.yaml", "--to", "v1beta1", *words) == 2
    assert "cannot write" in (said := capsys.readouterr().err)
    assert "No space left on device" in said
    assert manifest.read_bytes() == before
    assert [one.name for one in manifest.parent.iterdir()] == ["graph.yaml"]


BOMBS = {
    "aliases": "\n".join(
        ["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
        + [f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in pairwise("abcde")]
    ),
    "a cycle": "a: &a [*a]",
    "a chain": "\n".join(["a0: &a0 [1]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 3000)]),
    "a long list": f"a: [{'1, ' * 80_000}1]",
    "a long text": f"a: {'x' * 2**22}",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_ends_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], bomb: str
) -> None:
    head = "apiVersion: nvidia.com/v1beta1\nkind: DynamoGraphDeployment\nspec: {}\n"
    path = tmp_path / "graph.yaml"
    path.write_text(head + BOMBS[bomb], encoding="utf-8")
    assert convert(path, "--to", "v1alpha1") == 2
    assert capsys.readouterr().err.startswith(f"Error: {path}:")


@pytest.mark.parametrize("shape", ["one line", "deep"])
def test_time_grows_with_the_size_of_a_file_and_not_faster(tmp_path: Path, shape: str) -> None:
    config = "a: " + "[" * 80 + "1, " * 20_000 + "1" + "]" * 80
    if shape == "one line":
        config = ", ".join(f'"k{number}": ["a", {number}]' for number in range(12_000))
    path = tmp_path / "graph.yaml"
    path.write_text(
        '{"apiVersion": "nvidia.com/v1beta1", "kind": "DynamoGraphDeployment", "metadata": {"name":'
        f' "g"}}, "spec": {{"components": [{{"name": "W", "eppConfig": {{"config": {{{config}}}}}'
        "}]}}",
        encoding="utf-8",
    )
    begun = process_time()
    assert convert(path, "--to", "v1alpha1", "--output", tmp_path / "new.yaml") == 0
    assert process_time() - begun < 10  # 1 to 2; 25 when each value looked at all others


def test_a_file_in_that_version_is_passed_through(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "graph.yaml"
    text = "kind:   DynamoGraphDeployment\r\napiVersion: nvidia.com/v1beta1\r\nspec: {}  # x"
    path.write_bytes(text.encode())
    assert convert(path, "--to", "v1beta1") == 0
    assert capsys.readouterr().out == text


def test_line_ends_and_a_byte_order_mark_stay(tmp_path: Path) -> None:
    path = tmp_path / "graph.yaml"
    text = (COMMENTS / "input.yaml").read_text(encoding="utf-8")
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert convert(path, "--to", "v1beta1", "--in-place") == 0
    wanted = (COMMENTS / "output.yaml").read_text(encoding="utf-8").replace("\n", "\r\n")
    assert path.read_bytes() == b"\xef\xbb\xbf" + wanted.encode()


def test_stdin_is_read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    raw = (LOSSES / "input.yaml").read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw)))
    assert convert("-", "--to", "v1beta1", "--strict") == 1
    printed = capsys.readouterr()
    assert printed.out == (LOSSES / "output.yaml").read_text(encoding="utf-8")
    assert printed.err.startswith("<stdin>:7:5: not carried over: ")


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("a: [1\n", 2, "graph.yaml:2:1: not YAML"),
        ("a: 1\nb: \udce9\n", 2, "graph.yaml:2:4: not UTF-8 text"),
        (
            "kind: DynamoGraphDeployment\napiVersion: nvidia.com/v1beta2\n",
            2,
            'graph.yaml:2:1: unknown API version nvidia.com/v1beta2; did you mean "v1beta1"?',
        ),
        (
            (
                "kind: DynamoGraphDeployment\napiVersion: nvidia.com/v1beta1\n"
                "spec:\n  components:\n  - name: a\n  - name: a\n"
            ),
            2,
            'graph.yaml:6:11: a second component "a"; give it another name',
        ),
        ("kind: ConfigMap\napiVersion: v1\n", 3, "graph.yaml: no DynamoGraphDeployment in it"),
        ("", 3, "graph.yaml: no DynamoGraphDeployment in it"),
    ],
)
def test_what_cannot_be_converted_is_said_and_not_touched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, code: int, said: str
) -> None:
    path = tmp_path / "graph.yaml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    new = tmp_path / "new.yaml"
    assert convert(path, "--to", "v1alpha1", "--output", new) == code
    assert said in capsys.readouterr().err
    assert not new.exists()


@pytest.mark.parametrize(
    "words",
    [
        ["graph.yaml"],
        ["graph.yaml", "--to", "v1"],
        ["missing.yaml", "--to", "v1beta1"],
        ["-", "--to", "v1beta1", "--in-place"],
        ["graph.yaml", "--to", "v1beta1", "--in-place", "--output", "new.yaml"],
    ],
)
def test_wrong_usage(manifest: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.chdir(manifest.parent)
    assert convert(*words) == 2
    assert sorted(path.name for path in manifest.parent.iterdir()) == ["graph.yaml"]


def test_help_tells_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert convert("--help") == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert (
        "0 converted (what could not be carried over is named on stderr), 1 with --strict"
        in printed
    )


def test_help_needs_no_yaml() -> None:
    program = (
        "import sys; from dynamo_launch.cli import main\n"
        "try: main(['convert', '--help'])\n"
        "finally: print(*sys.modules, sep='\\n', file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30
    )
    assert "dynamo_conformance.convert.command" in done.stderr.split()
    assert not {"yaml", "dynamo_conformance.manifest.node"} & set(done.stderr.split())


def test_a_pipe_that_nobody_writes_to_is_not_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "graph.yaml"
    os.mkfifo(path)
    assert convert(path, "--to", "v1beta1") == 2
    assert f"cannot read {path}: no regular file" in capsys.readouterr().err
