"""`dynamo deploy` itself: its words, what it prints, what it leaves alone."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

import pytest

from deploy_helpers import REPOSITORY, TARGETS, words_of, write
from dynamo_launch.cli import main
from dynamo_launch.deploy import output as outputs
from dynamo_launch.deploy.deploy_command import deploy
from dynamo_launch.deploy.output import File
from dynamo_launch.errors import Place

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dynamo_launch.config.config_error import ConfigErrors
    from dynamo_launch.deploy.output import Order

FILES = words_of("embedded")


@pytest.mark.parametrize("flag", ["--out-dir", "--out_dir"])
def test_both_spellings_of_the_folder(flag: str, tmp_path: Path) -> None:
    assert deploy([*FILES, f"{flag}={tmp_path / 'there'}"]) == 0
    assert (tmp_path / "there" / "dynamo-graph.yaml").is_file()


@pytest.mark.parametrize("target", TARGETS)
def test_the_folder_is_named_after_the_target(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert deploy([*FILES, "--target", target]) == 0
    assert [one.name for one in tmp_path.iterdir()] == [f"{target}_deployment"]


def test_it_tells_what_it_wrote_and_what_to_type_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    deploy(FILES)
    assert capsys.readouterr().out.splitlines() == [
        "k8s_deployment/dynamo-graph.yaml",
        "next:",
        "  kubectl apply -f k8s_deployment",
        "  kubectl wait dgd/dynamo-graph --for=condition=Ready --timeout=15m",
    ]


def test_diff_writes_nothing_and_tells_by_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert deploy([*FILES, "--out-dir", str(out), "--diff"]) == 1
    assert "+  name: dynamo-graph  # deployment.yaml:" in capsys.readouterr().out
    assert not out.exists()
    write(out, *FILES)
    capsys.readouterr()
    assert deploy([*FILES, "--out-dir", str(out), "--diff"]) == 0
    assert capsys.readouterr().out == ""
    assert deploy([*FILES, "--out-dir", str(out), "--diff", "--api-version", "v1alpha1"]) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no file; write -f FILE"),
        (["-f", "nope.yaml"], "nope.yaml: no such file"),
        ([*FILES, "--targt", "k8s"], 'unknown word --targt; did you mean "--target"?'),
        ([*FILES, "more.yaml"], "unknown word more.yaml; name a file with -f"),
        ([*FILES, "--target", "k9s"], 'unknown target "k9s"; did you mean "k8s"?'),
        ([*FILES, "--target", "nomad"], "there are: k8s, compose, slurm, local"),
        ([*FILES, "--api-version", "v1"], "invalid choice: 'v1'"),
        ([*FILES, "--out-dir"], "expected one argument"),
    ],
)
def test_wrong_words(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["deploy", *words]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_help_names_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["deploy", "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    words = ("-c", "-f", "--target", "--out-dir", "--api-version", "--force", "--diff", "--schema")
    assert [word for word in (*words, *TARGETS) if word not in text] == []


def test_entry_points_say_what_the_table_says() -> None:
    found = {one.name: one.value for one in entry_points(group=outputs.GROUP)}
    assert found == dict(outputs.OWN)


class Note:
    """An output of another package."""

    summary = "A note."

    def check(self, order: Order, errors: ConfigErrors) -> None:
        if order.graph.name == "nope":
            errors.error(Place("f", order.graph.components[0].mark), "no")

    def files(self, order: Order) -> Sequence[File]:
        return [File(name="note.txt", text=f"{order.graph.name}\n")]

    def kept(self, _order: Order) -> Sequence[str]:
        return ()

    def next_steps(self, _order: Order, folder: str) -> Sequence[str]:
        return [f"cat {folder}/note.txt"]


def test_an_output_of_another_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("note", f"{__name__}:Note", outputs.GROUP)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: [entry])
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    assert write(tmp_path / "out", *FILES, "--target", "note") == {"note.txt": "dynamo-graph\n"}


def test_an_output_that_is_broken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = EntryPoint("note", "not_there:Note", outputs.GROUP)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: [entry])
    assert deploy([*FILES, "--target", "note"]) == 2
    assert "target note: not_there:Note cannot be loaded" in capsys.readouterr().err


@pytest.mark.parametrize("target", TARGETS)
def test_it_writes_the_same_bytes_each_time(target: str, tmp_path: Path) -> None:
    for seed in ("1", "2"):
        folder = tmp_path / seed
        program = "import sys; from dynamo_launch.cli import main; sys.exit(main(sys.argv[1:]))"
        words = [*FILES, "--target", target, "--out-dir", str(folder)]
        subprocess.run(
            [sys.executable, "-c", program, "deploy", *words],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONHASHSEED": seed,
                "PYTHONPATH": f"{REPOSITORY}/conformance:{REPOSITORY}/launch",
            },
            capture_output=True,
            check=True,
            timeout=60,
        )
    first, second = (
        {one.name: one.read_bytes() for one in (tmp_path / seed).iterdir()} for seed in "12"
    )
    assert first == second
    whole = b"".join(first.values())
    assert [one for one in (tmp_path, REPOSITORY) if str(one).encode() in whole] == []


def test_nothing_unneeded_is_imported(tmp_path: Path) -> None:
    program = (
        "import sys; from dynamo_launch.cli import main; code = main(sys.argv[1:]); "
        "print(*sys.modules, sep='\\n', file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "deploy", *FILES, "--out-dir", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    loaded = set(done.stderr.splitlines())
    assert "dynamo_launch.deploy.graph_builder" in loaded
    unwanted = {"click", "jsonschema", "importlib.metadata", "dynamo"}
    others = {f"dynamo_launch.deploy.outputs.{name}" for name in TARGETS if name != "k8s"}
    assert loaded & (unwanted | others) == set()
