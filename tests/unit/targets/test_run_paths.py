"""Every path of a container has a place below the run's folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from dynamo_conformance.targets.local.landlock import confined, version
from dynamo_conformance.targets.local.run_paths import RunPaths, below

RUN = Path("/tmp/run")  # noqa: S108 - nothing is written there
ROOT = RUN / "root"
SCOPE_SINCE = 6


@pytest.mark.parametrize(
    ("paths", "place"),
    [
        (("/a/b",), "a/b"),
        (("a/../../../b",), "b"),
        (("../../x", "../y"), "x/y"),
        (("/",), ""),
        (("..",), ""),
        (("//a//./b/",), "a/b"),
        (("a\0b",), "ab"),
    ],
)
def test_no_path_leads_out(paths: tuple[str, ...], place: str) -> None:
    assert below(RUN, *paths) == RUN / place


@pytest.mark.parametrize("path", ["x" * 300, "/".join(["x" * 100] * 60), "ü" * 200])
def test_long_names_fit_on_a_disk(path: str, tmp_path: Path) -> None:
    place = below(tmp_path, path)
    place.mkdir(parents=True)
    assert place.is_relative_to(tmp_path)
    assert below(tmp_path, path + "y") != place


def places(**changes: object) -> RunPaths:
    fields: dict[str, object] = {"run": RUN, "root": ROOT, "mounts": {"/models": f"{RUN}/v"}}
    return RunPaths(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "moved"),
    [
        (("x", "--model", "/m/a b"), ("x", "--model", f"{ROOT}/m/a b")),
        (("x", "--model=/m"), ("x", f"--model={ROOT}/m")),
        (("x", "--model", "/models/r1"), ("x", "--model", f"{RUN}/v/r1")),
        (("x", "--log-dir", "../up"), ("x", "--log-dir", f"{ROOT}/up")),
        (("x", "--dirs", "/a:/b,/c"), ("x", "--dirs", f"{ROOT}/a:{ROOT}/b,{ROOT}/c")),
        (("x", "--c", '{"path":"/a"}'), ("x", "--c", f'{{"path":"{ROOT}/a"}}')),
        (("sh", "-c", "cd /a && b >/dev/null"), ("sh", "-c", f"cd {ROOT}/a && b >/dev/null")),
        (("sh", "-c", "/usr/bin/env x"), ("sh", "-c", "/usr/bin/env x")),
        (("x", "--p", "/usr/../home/u"), ("x", "--p", f"{ROOT}/home/u")),
        (("x", "--root-path", "/v1"), ("x", "--root-path", "/v1")),
        (("x", "--served-model-name", "/m"), ("x", "--served-model-name", "/m")),
        (("x", "http://h:1/v1", "s3://b/m"), ("x", "http://h:1/v1", "s3://b/m")),
        (("sh", "-c", "curl localhost:80/v1"), ("sh", "-c", "curl localhost:80/v1")),
        (("x", "--model", "org/name"), ("x", "--model", "org/name")),
    ],
)
def test_paths_in_words(words: tuple[str, ...], moved: tuple[str, ...]) -> None:
    assert places().words(words, folder="/workspace") == moved


@pytest.mark.parametrize(
    ("name", "value", "moved"),
    [
        ("HF_HOME", "/my/hf", f"{ROOT}/my/hf"),
        ("VLLM_CACHE_ROOT", "/models/c", f"{RUN}/v/c"),
        ("LD_LIBRARY_PATH", "/opt/lib", "/opt/lib"),
        ("DYN_HEALTH_PATH", "/health", "/health"),
        ("DYN_HTTP_SVC_CHAT_PATH", "/chat", "/chat"),
        ("X", "a=/b", f"a={ROOT}/b"),
    ],
)
def test_paths_in_variables(name: str, value: str, moved: str) -> None:
    assert places().variable(name, value) == moved


def test_with_real_engines_only_what_is_written_moves() -> None:
    real = places(all_paths=False)
    words = real.words(("x", "--model", "/m", "--log-dir", "/l"), folder="/")
    assert words == ("x", "--model", "/m", "--log-dir", f"{ROOT}/l")
    assert real.variable("TRITON_CACHE_DIR", "/t") == f"{ROOT}/t"


def test_what_stands_for_a_mount_is_no_path_of_another_one() -> None:
    both = places(mounts={"/tmp": f"{RUN}/t", "/models": f"{RUN}/v"})  # noqa: S108
    assert both.variable("X", "/models/a") == f"{RUN}/v/a"
    assert both.variable("X", "/tmp/a") == f"{RUN}/t/a"  # noqa: S108


def test_files_are_read_from_a_copy_and_programs_where_they_are(tmp_path: Path) -> None:
    template, program = tmp_path / "t.jinja", tmp_path / "p.py"
    template.write_text("x", encoding="utf-8")
    program.write_text("x", encoding="utf-8")
    own = places()
    words = own.words(("x", str(program), "--custom-jinja-template", str(template)), folder="/")
    assert words == ("x", str(program), "--custom-jinja-template", f"{ROOT}{template}")
    assert own.copies == {Path(f"{ROOT}{template}"): template}


@pytest.mark.skipif(version() < 1, reason="this kernel has no Landlock")
def test_a_confined_process_writes_below_its_folder_alone(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside, outside):
        folder.mkdir()
    (outside / "kept").write_text("mine", encoding="utf-8")
    script = (
        f"echo x > a; mv a b; mkdir c; mv b c/; echo x > /dev/null; ln -s {outside} o;"
        f"echo x > o/x;"
        f"echo x > {outside}/kept; rm -r {outside}/kept; mkdir {outside}/d; cat {outside}/kept"
    )
    words, _env = confined(("sh", "-c", script), {}, str(inside))
    done = subprocess.run(words, cwd=inside, capture_output=True, text=True, check=False)
    assert done.stdout == "mine"
    assert [item.name for item in outside.iterdir()] == ["kept"]
    assert sorted(item.name for item in inside.iterdir()) == ["c", "o"]


def test_a_confined_process_writes_into_further_folders(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("run", "compiled", "outside")]
    for folder in folders:
        folder.mkdir()
    script = "; ".join(f"echo x > {folder}/x" for folder in folders)
    words, _env = confined(("sh", "-c", script), {}, *map(str, folders[:2]))
    if words[0] == "sh":
        pytest.skip("this kernel has no Landlock")
    subprocess.run(words, capture_output=True, check=False)
    assert [folder.name for folder in folders if (folder / "x").exists()] == ["run", "compiled"]


def test_a_confined_process_sends_signals_to_its_own_alone(tmp_path: Path) -> None:
    if version() < SCOPE_SINCE:
        pytest.skip("this kernel's Landlock knows no signals")
    with subprocess.Popen(["sleep", "99999"]) as other:
        script = f"sleep 99999 & kill -9 $! && wait $!; echo $?; kill -9 {other.pid} || echo kept"
        words, env = confined(("sh", "-c", script), {"PATH": os.environ["PATH"]}, str(tmp_path))
        done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
        code = other.poll()
        other.kill()
    assert (done.stdout, code) == ("137\nkept\n", None)


def test_a_program_that_is_not_here_ends_as_in_a_shell(tmp_path: Path) -> None:
    words, _env = confined(("no-such-program",), {}, str(tmp_path))
    if words == ("no-such-program",):
        pytest.skip("this kernel has no Landlock")
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (127, "no-such-program: No such file or directory\n")


def test_what_makes_programs_load_code_reaches_the_confined_one_alone(tmp_path: Path) -> None:
    words, env = confined(("env",), {"LD_PRELOAD": "/x.so", "A": "b"}, str(tmp_path))
    if words == ("env",):
        pytest.skip("this kernel has no Landlock")
    assert env == {"A": "b"}
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    assert "LD_PRELOAD=/x.so" in done.stdout.splitlines()
