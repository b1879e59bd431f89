"""What a user writes is never code: in a script, a comment, a compose file or a health check."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from deploy_helpers import REPOSITORY, write
from dynamo_launch.deploy.deploy_command import deploy
from dynamo_launch.deploy.shell_text import Edit, ShellText, comment, expression, literal, word

if TYPE_CHECKING:
    from pathlib import Path

CALL = "import sys; from dynamo_launch.cli import main; sys.exit(main())"
GRAPH = str(REPOSITORY / "examples" / "deploy" / "one_file" / "config.yaml")
IMAGE = "nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1"
WORDS = [
    "$(touch hacked)",
    "`touch hacked`",
    "\x02$(touch hacked)\x03",
    "\x03;touch hacked;\x02",
    "\ufffc",
    "\x1f--http-port\x1f1",
    "a\ntouch hacked\n",
    "a\rtouch hacked",
    "'; touch hacked; '",
    '"; touch hacked; "',
    "$HOME ${HOME} $$ $((1))",
    "\\",
    "a\u2028touch hacked\u2029",
    "!x",
    "~",
    "*",
    "",
    "&& touch hacked",
    "# touch hacked",
]


def config(folder: Path, text: str) -> Path:
    """Write a config in which a component's words and a variable are `text`."""
    worker = {
        "name": "w",
        "image": IMAGE,
        "cmd": ["show", text],
        "args": [f"x{text}"],
        "role": "agg",
        "environment": {"SHOWN": text},
        "resources": {"cpu": 1, "memory": "1Gi"},
    }
    file = folder / "graph.yaml"
    data = {"name": "g", "components": [worker]}
    file.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    return file


def shown(folder: Path, *words: str) -> list[str]:
    """Run a script in which `show` tells its words and variable, and return these."""
    programs = folder / "bin"
    programs.mkdir()
    show = "import json, os, sys; print(json.dumps([*sys.argv[1:], os.environ['SHOWN']]))"
    (programs / "show").write_text(
        f'#!/bin/sh\nexec {sys.executable} -c {shlex.quote(show)} "$@"\n'
    )
    (programs / "srun").write_text(
        "#!/bin/sh\nwhile case $1 in --output=*) out=${1#*=};; esac; case $1 in --*) ;; *) false;; "
        'esac; do shift; done\nexec "$@"\n'
    )
    (programs / "scontrol").write_text("#!/bin/sh\necho here\n")
    for one in programs.iterdir():
        one.chmod(0o755)
    env = {
        "PATH": f"{programs}:/usr/bin:/bin",
        "HOME": str(folder),
        "SLURM_JOB_ID": "1",
        "SLURM_JOB_NODELIST": "here",
        "SLURM_TASKS_PER_NODE": "1",
    }
    done = subprocess.run(
        ["bash", *words], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    line = next((one for one in done.stdout.splitlines() if one.startswith("[")), None)
    assert line is not None, done.stderr
    told: list[str] = json.loads(line)
    return told


@pytest.mark.parametrize("text", WORDS)
@pytest.mark.parametrize(("target", "script"), [("local", "g.sh"), ("slurm", "g.sbatch")])
def test_words_reach_the_program_as_they_were_written(
    text: str, target: str, script: str, tmp_path: Path
) -> None:
    expanded = text.replace("$$", "$")  # The kubelet's one escape.
    write(tmp_path / "out", "-f", str(config(tmp_path, text)), "--target", target)
    told = shown(tmp_path, f"out/{script}")
    assert told == [expanded, f"x{expanded}", expanded]
    assert not list(tmp_path.rglob("hacked"))


@pytest.mark.parametrize("target", ["local", "slurm", "compose", "k8s"])
@pytest.mark.parametrize("name", ["a\ntouch hacked\n.yaml", "a\r\u2028x: 1.yaml", "$(x) `y`.yaml"])
def test_a_files_name_ends_no_comment(target: str, name: str, tmp_path: Path) -> None:
    file = config(tmp_path, "plain").rename(tmp_path / name)
    files = write(tmp_path / "out", "-f", str(file), "--target", target)
    for text in files.values():
        named = [line for line in text.splitlines() if "touch hacked" in line or "x: 1" in line]
        assert all("#" in line.partition("touch")[0] for line in named)
    if target in ("local", "slurm"):
        (script,) = files
        assert shown(tmp_path, f"out/{script}") == ["plain", "xplain", "plain"]
    else:
        (text,) = files.values()
        assert isinstance(yaml.safe_load(text), dict)
    assert not list(tmp_path.rglob("hacked"))


@pytest.mark.parametrize(
    "path", ["/');open('hacked','w')#", '/"+str(1/0)+"', "/$HOME", "/{port}", "/a%22"]
)
def test_a_probes_path_is_no_code(path: str, tmp_path: Path) -> None:
    file = config(tmp_path, "plain")
    data = yaml.safe_load(file.read_text(encoding="utf-8"))
    data["components"][0]["health"] = {"ready": {"path": path}}
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    text = write(tmp_path / "out", "-f", str(file), "--target", "compose")["compose.yaml"]
    test = yaml.safe_load(text)["services"]["w"]["healthcheck"]["test"]
    assert test[:3] == ["CMD", "python3", "-c"]
    done = subprocess.run(
        [sys.executable, *(one.replace("$$", "$") for one in test[2:])],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    # Whatever else listens there, as beside other tests.
    assert any(one in done.stderr for one in ("refused", "InvalidURL", "HTTPError"))
    assert test[4] == f"http://127.0.0.1:9090{path.replace('$', '$$')}"
    assert not list(tmp_path.rglob("hacked"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "w\n"),
        ("secret_env", ["hf\n"]),
        ("volumes", [{"claim": "c\n", "mount": "/m"}]),
        ("volumes", [{"path": "/p\n", "mount": "/m"}]),
        ("shared_memory", "1Gi\n"),
        ("ports", {"http\n": 8000}),
        ("environment", {"A\n": "x"}),
        ("runtime_version", "1.6.1\n"),
    ],
)
def test_a_line_break_at_the_end_is_no_name(
    key: str, value: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = config(tmp_path, "plain")
    data = yaml.safe_load(file.read_text(encoding="utf-8"))
    data["components"][0][key] = value
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    words = ["-f", str(file), "--target", "local", "--out-dir", str(tmp_path / "out")]
    assert deploy(words) == 2
    assert "graph.yaml:" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_characters_that_no_program_can_be_given(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = json.dumps(text)
    file = tmp_path / "graph.yaml"
    worker = f"{{name: w, image: '{IMAGE}', role: agg, cmd: [show, {written}]}}"
    file.write_text(f"name: g\ncomponents: [{worker}]\n", encoding="utf-8")
    words = ["-f", str(file), "--target", "k8s", "--out-dir", str(tmp_path / "out")]
    assert deploy(words) == 2
    assert "graph.yaml:2:" in capsys.readouterr().err


def test_expressions_keep_their_places_in_edits() -> None:
    text = ShellText(("a/", *expression("$X").pieces, "/b8000/c"))
    moved = text.edited(
        [
            Edit(5, 9, expression("$PORT")),
            Edit(0, 1, literal("\ufffc")),
        ]
    )
    assert word(moved) == '\'\ufffc/\'"$X"/b"$PORT"/c'
    assert not all(isinstance(one, str) for one in text.pieces)
    assert literal("\ufffc").pieces == ("\ufffc",)


def test_a_comment_is_one_line() -> None:
    assert comment("a\nb\r\u2028\x1b[0m\x85c ü") == "a?b???[0m?c ü"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a\x1b[2J.yaml", "kind: x\napiVersion: y\n", "a kubernetes manifest, no config file"),
        ("a\n::error::x.yaml", "components: 1\n", "error"),
        ("::error::x.yaml", "", "a config file is a mapping"),
        ("x" * 5000, None, "cannot be read: file name too long"),
        ("none.yaml", None, "no such file"),
        ("pipe.yaml", None, "cannot be read: no regular file"),
        ("many.yaml", "---\n" * 100_000, "a config file holds one document"),
    ],
    ids=["escape", "line", "command", "long", "none", "pipe", "many"],
)
@pytest.mark.parametrize("command", [("deploy",), ("serve", "NAME", "--dry-run")])
def test_any_file_ends_in_a_sentence_that_nothing_obeys(
    command: tuple[str, ...], name: str, text: str | None, said: str, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text, encoding="utf-8")
    elif name == "pipe.yaml":
        os.mkfifo(tmp_path / name)
    done = subprocess.run(
        [sys.executable, "-c", CALL, *command, "-f", name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr.lower()
    assert "traceback" not in done.stderr.lower()
    assert "\x1b" not in done.stderr
    assert not any(line.startswith("::") for line in done.stderr.splitlines())


def test_a_folder_that_cannot_be_looked_into_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CALL, "deploy", "-f", GRAPH, "--out-dir", "x" * 300],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "File name too long" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 2
