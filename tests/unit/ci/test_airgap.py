"""What `.ci/airgap` does without a container engine: keys, the cache, archives, other programs."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import threading
import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import pytest

import command
import engine
import gobuild
import images
import lws
import node
import plan
import preload
import wrapper
from cache import KEEP_DAYS, Cache, content, key
from command import AirgapError
from images import Image
from pins import KUBERNETES, MODULES, Module
from sandbox import REPOSITORY
from work import write_settings

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 20.0


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in PATH beside the shell's."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def put(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


class TestKeys:
    def test_where_one_part_ends_counts(self) -> None:
        assert key("ab", "c") != key("a", "bc")
        assert key("a") == key("a")

    def test_names_and_texts_of_files_count_and_times_do_not(self, tmp_path: Path) -> None:
        file = tmp_path / "folder" / "a"
        file.parent.mkdir()
        file.write_text("text")
        before = content(file.parent)
        os.utime(file, (1, 1))
        assert content(file.parent) == before
        assert content(file.rename(file.with_name("b")).parent) != before

    def test_each_go_makes_other_images(self) -> None:
        old, new = plan.make(gobuild.Go("go1.26.0")), plan.make(gobuild.Go("go1.26.1"))
        assert old.node_tag != new.node_tag
        assert old.python_tag == new.python_tag
        assert old.key != new.key

    def test_tools_come_from_modules_that_build_them(self) -> None:
        built = {module.name: module.programs for module in MODULES}
        assert all(name in built[module] for name, module in plan.TOOLS.items())


class TestCache:
    def test_a_thing_is_built_once(self, cache: Cache) -> None:
        built: list[Path] = []
        first = cache.build("thing", "0123456789ab", built.append)
        os.utime(first, (1, 1))
        assert cache.build("thing", "0123456789ab", built.append) == first
        assert len(built) == 1
        assert first.stat().st_mtime > 1, "what is used again is kept"
        assert cache.has("thing", "0123456789ab")
        assert not cache.has("thing", "another")

    def test_what_fails_half_way_is_not_there(self, cache: Cache) -> None:
        def fail(folder: Path) -> None:
            (folder / "part").touch()
            raise AirgapError("no")

        with pytest.raises(AirgapError):
            cache.build("thing", "0123456789ab", fail)
        assert list(cache.root.iterdir()) == []

    def test_only_old_and_unfinished_things_are_removed(self, cache: Cache) -> None:
        old = time.time() - (KEEP_DAYS + 1) * 86400
        for name in ("old-0123456789ab", "new-0123456789ab", "engine", ".half-xyz"):
            (cache.root / name).mkdir(parents=True)
        for name in ("old-0123456789ab", "engine"):
            os.utime(cache.root / name, (old, old))
        cache.sweep()
        assert {one.name for one in cache.root.iterdir()} == {"new-0123456789ab", "engine"}

    def test_the_second_run_waits_for_the_first(
        self, cache: Cache, capsys: pytest.CaptureFixture[str]
    ) -> None:
        order: list[str] = []

        def second() -> None:
            with cache.locked():
                order.append("second")

        with cache.locked():
            thread = threading.Thread(target=second)
            thread.start()
            deadline = time.monotonic() + SECONDS
            reported = ""
            while "waiting for its end" not in reported and time.monotonic() < deadline:
                reported += capsys.readouterr().err
                time.sleep(0.01)
            order.append("first")
        thread.join(SECONDS)
        assert order == ["first", "second"]


class TestPrograms:
    def test_the_log_has_the_line_and_what_was_printed(self, tmp_path: Path) -> None:
        log = tmp_path / "log"
        command.run("sh", "-c", "echo out; echo err >&2", log=log)
        assert log.read_text(encoding="utf-8") == "$ sh -c echo out; echo err >&2\nout\nerr\n"

    def test_a_failure_has_the_last_lines(self, tmp_path: Path) -> None:
        with pytest.raises(AirgapError, match=r"ended with 3; the last lines of .*log:(?s:.)*\n9$"):
            command.run("sh", "-c", "seq 9; exit 3", log=tmp_path / "log")

    def test_a_program_that_is_missing_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(AirgapError, match="no-such: there is no such program"):
            command.run("no-such", log=tmp_path / "log")

    @pytest.mark.parametrize(
        ("gives_up", "words"), [(True, "was stopped"), (False, "took over 0 s")]
    )
    def test_nothing_runs_on(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, gives_up: bool, words: str
    ) -> None:
        stopped = threading.Event()
        if gives_up:
            stopped.set()
        monkeypatch.setattr(command, "giving_up", stopped)
        monkeypatch.setattr(command, "POLL_SECONDS", 0.02)
        before = time.monotonic()
        with pytest.raises(AirgapError, match=words):
            command.run("sleep", "60", log=tmp_path / "log", seconds=60 if gives_up else 0.1)
        assert time.monotonic() - before < SECONDS

    @pytest.mark.parametrize(
        ("words", "printed"),
        [
            (["echo", "a b"], "a b"),
            (["false"], None),
            (["no-such"], None),
            (["sleep", "60"], None),
        ],
    )
    def test_an_answer_is_what_is_printed_by_a_program_that_ends_well(
        self, words: list[str], printed: str | None
    ) -> None:
        assert command.answer(*words, seconds=0.5) == printed

    @pytest.mark.parametrize(
        ("version", "words"),
        [("go1.25.9", "1.26 or later is needed"), ("devel", "needed"), (None, "there is no Go")],
    )
    def test_a_go_that_is_too_old_is_named(
        self, programs: Path, version: str | None, words: str
    ) -> None:
        put(programs, "go", f"echo {version}" if version else "exit 1")
        with pytest.raises(AirgapError, match=words):
            gobuild.find()

    def test_a_go_that_is_new_enough_is_found(self, programs: Path) -> None:
        put(programs, "go", "echo go1.27.1")
        assert gobuild.find() == gobuild.Go("go1.27.1")


class TestArchives:
    @pytest.fixture
    def program(self, tmp_path: Path) -> Path:
        return put(tmp_path, "program", "echo hello")

    def test_an_image_is_one_layer_with_the_digests_that_its_names_promise(
        self, tmp_path: Path, program: Path
    ) -> None:
        image = Image(
            name="repository/name:1",
            entrypoint=("/bin/program",),
            files={"bin/program": program},
            links={"bin/sh": "program"},
            open_folders=("tmp",),
            user="1:1",
        )
        images.write(tmp_path / "a.tar", [image, image])
        with tarfile.open(tmp_path / "a.tar") as archive:
            first, second = json.loads(read(archive, "manifest.json"))
            assert first == second
            assert first["RepoTags"] == ["repository/name:1"]
            (layer,) = first["Layers"]
            assert archive.getnames().count(layer) == 1
            packed = read(archive, layer)
            config = json.loads(read(archive, first["Config"]))
        assert layer == f"{hashlib.sha256(packed).hexdigest()}.tar.gz"
        (tmp_path / "layer.tar.gz").write_bytes(packed)
        with tarfile.open(tmp_path / "layer.tar.gz") as tree:
            members = {one.name: one for one in tree.getmembers()}
        assert list(members) == ["bin", "bin/program", "bin/sh", "tmp"]
        assert members["bin/program"].mode == 0o755
        assert members["bin/sh"].linkname == "program"
        assert members["tmp"].mode == 0o1777
        assert {(one.uid, one.mtime) for one in members.values()} == {(0, 0)}
        assert config["config"]["Entrypoint"] == ["/bin/program"]
        assert config["config"]["User"] == "1:1"

    def test_the_same_files_are_the_same_image(
        self, tmp_path: Path, program: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        manifests = []
        for when in (1, 2):
            os.utime(program, (when, when))
            monkeypatch.setattr("time.time", partial(float, when))
            images.write(tmp_path / "a.tar", [Image("n:1", ("/p",), files={"p": program})])
            with tarfile.open(tmp_path / "a.tar") as archive:
                manifests.append(read(archive, "manifest.json"))
        assert manifests[0] == manifests[1]

    def test_a_folder_that_the_base_has_as_a_link_stays_one(
        self, tmp_path: Path, program: Path
    ) -> None:
        images.write_tree(tmp_path / "base", {}, {"sbin": "usr/sbin"})
        images.write_tree(tmp_path / "tree", {"sbin/program": program}, {}, tmp_path / "base")
        with tarfile.open(tmp_path / "tree") as tree:
            assert [one.name for one in tree.getmembers() if one.isdir()] == []
            assert tree.getnames() == ["sbin", "sbin/program"]

    def test_a_machine_without_images_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("platform.machine", lambda: "riscv64")
        with pytest.raises(AirgapError, match="riscv64: images are made for"):
            images.architecture()

    @pytest.fixture
    def built(self, tmp_path: Path) -> preload.Programs:
        """Folders like those of the Go builds, and a file system with a busybox."""
        folders = {}
        for module in MODULES:
            folders[module.name] = tmp_path / module.name
            folders[module.name].mkdir()
            for name in module.programs:
                put(folders[module.name], name, f"echo {name}")
        folders["own"] = tmp_path / "own"
        folders["own"].mkdir()
        put(folders["own"], "pause", "")
        wanted = "\n".join(sorted(preload.WANTED))
        put(folders["kubernetes"], "kubeadm", f"cat <<'END'\n{wanted}\nEND")
        busybox = put(tmp_path, "busybox", "echo busybox; echo sh; echo grep")
        images.write_tree(tmp_path / "proxy.tar", {"./bin/busybox": busybox}, {})
        return preload.Programs(folders, tmp_path / "proxy.tar")

    def test_the_cluster_starts_with_all_that_kubeadm_wants(
        self, tmp_path: Path, built: preload.Programs
    ) -> None:
        preload.archive(tmp_path / "images.tar", built)
        with tarfile.open(tmp_path / "images.tar") as archive:
            entries = json.loads(read(archive, "manifest.json"))
        tags = {tag for entry in entries for tag in entry["RepoTags"]}
        assert tags > preload.WANTED
        assert not (tmp_path / "busybox.gz").exists()

    def test_images_that_kubeadm_does_not_know_are_an_error(
        self, tmp_path: Path, built: preload.Programs
    ) -> None:
        put(built.folders["kubernetes"], "kubeadm", "echo registry.k8s.io/pause:0")
        with pytest.raises(AirgapError, match="kubeadm wants"):
            preload.archive(tmp_path / "images.tar", built)

    def test_the_files_of_the_node_name_its_images(
        self, tmp_path: Path, built: preload.Programs
    ) -> None:
        files = node._files(tmp_path / "node", built)
        assert {"usr/bin/kubelet", "opt/cni/bin/ptp", "kind/version"} <= files.keys()
        assert files["kind/version"].read_text(encoding="utf-8") == KUBERNETES
        assert files["usr/local/bin/entrypoint"].stat().st_mode & 0o111
        storage = files["kind/manifests/default-storage.yaml"].read_text(encoding="utf-8")
        assert "@BUSYBOX@" not in storage
        assert "dynamo-conformance/busybox:1" in storage


def read(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None
    with closing(file):
        return file.read()


GO_MOD = {
    "Go": "1.26.0",
    "Require": [
        {"Path": "example.com/main/api", "Version": "v0.0.0"},
        {"Path": "example.com/other", "Version": "v1.0.0"},
    ],
    "Replace": [
        {"Old": {"Path": "example.com/main/api"}, "New": {"Path": "./api"}},
        {"Old": {"Path": "example.com/other"}, "New": {"Path": "example.com/fork"}},
    ],
    "Exclude": [{"Path": "example.com/bad", "Version": "v1.2.3"}],
}


class TestGoModules:
    def test_a_wrapper_repeats_exclusions_and_takes_published_parts(
        self, tmp_path: Path, programs: Path
    ) -> None:
        (tmp_path / "read.json").write_text(json.dumps(GO_MOD), encoding="utf-8")
        download = json.dumps({"GoMod": "go.mod", "Dir": "/module"})
        put(
            programs,
            "go",
            f"case $2 in download) echo '{download}' ;; *) cat {tmp_path}/read.json ;; esac",
        )
        module = Module("main", "example.com/main", "v2.0.0", {"main": ""})
        wrapper.write(tmp_path, module, tmp_path / "log")
        assert (tmp_path / "go.mod").read_text(encoding="utf-8").splitlines() == [
            "module airgap/main",
            "go 1.26.0",
            "require example.com/main v2.0.0",
            "require example.com/main/api v2.0.0",
            "exclude example.com/bad v1.2.3",
        ]

    def test_several_programs_of_a_module_are_one_build(self, tmp_path: Path) -> None:
        one = Module("m", "example.com/m", "v1.0.0", {"a": ""})
        two = Module("m", "example.com/m", "v1.0.0", {"a": "cmd/a", "b": "cmd/b"})
        ((*_, target, package),) = gobuild._builds(one, tmp_path)
        assert (target, package) == (tmp_path / "a", "example.com/m")
        ((*_, target, first, second),) = gobuild._builds(two, tmp_path)
        assert (target, first, second) == (tmp_path, "example.com/m/cmd/a", "example.com/m/cmd/b")


def test_the_manifests_ask_for_one_small_controller() -> None:
    made = lws._kustomization()
    patches = made["patches"]
    assert isinstance(patches, list)
    patch = json.loads(patches[0]["patch"])
    assert patch["spec"]["replicas"] == 1
    assert patch["spec"]["template"]["spec"]["containers"][0]["name"] == lws.CONTAINER


def test_a_shell_reads_the_settings_as_they_were_given(tmp_path: Path, programs: Path) -> None:
    put(programs, "docker", "exit 1")
    file = tmp_path / "build" / "env"
    write_settings(file, {"PATH": "/a folder:$PATH", "IMAGE": "it's $1"})
    line = f'. {file}; printf "%s|" "$PATH" "$IMAGE" "$DOCKER_BUILDKIT"'
    printed = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True).stdout
    assert printed == f"/a folder:{os.environ['PATH']}|it's $1|0|"
    assert [one.name for one in file.parent.iterdir()] == ["env"]


class TestEngine:
    def test_another_process_with_the_number_of_ours_is_left_alone(
        self, cache: Cache, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = cache.root / "engine" / "dockerd.pid"
        file.parent.mkdir(parents=True)
        with subprocess.Popen(["sleep", "60"]) as another:
            for text in ("", "no number", str(another.pid)):
                file.write_text(text, encoding="ascii")
                engine.stop(cache)
                assert "no dockerd that `up` started is running" in capsys.readouterr().err
            assert another.poll() is None
            another.kill()

    def test_the_one_that_was_started_is_stopped(self, cache: Cache) -> None:
        file = cache.root / "engine" / "dockerd.pid"
        file.parent.mkdir(parents=True)
        words = [sys.executable, "-c", "import time; time.sleep(60)", str(file)]
        with subprocess.Popen(words) as process:
            file.write_text(str(process.pid), encoding="ascii")
            threading.Thread(target=process.wait).start()  # So that no zombie keeps its number.
            engine.stop(cache)
        assert process.returncode == -15

    def test_the_engine_keeps_a_program_that_the_cache_may_forget(self, tmp_path: Path) -> None:
        program = put(tmp_path, "narrow", "")
        (tmp_path / "state").mkdir()
        config = engine._config(tmp_path / "state", program)
        program.unlink()
        assert config["default-runtime"] == "narrow"
        assert os.access(tmp_path / "state" / "narrow", os.X_OK)
        assert engine._config(tmp_path, None) == {}

    @pytest.fixture
    def docker(self, programs: Path, tmp_path: Path) -> Path:
        """A docker that has no image, and keeps what it is asked for."""
        asked = tmp_path / "asked"
        put(programs, "docker", f'echo "$1" >> {asked}; [ "$1" != image ]')
        return asked

    def test_an_image_is_built_once_and_loaded_from_the_cache_afterwards(
        self, cache: Cache, docker: Path
    ) -> None:
        built: list[Path] = []
        for _ in range(2):
            engine.have_image(cache, "name", "0123456789ab", "tag", built.append)
        assert len(built) == 1
        assert docker.read_text(encoding="ascii").split().count("load") == 2
        assert not engine.needs_image(cache, "name", "0123456789ab", "tag")
        assert engine.needs_image(cache, "name", "another", "tag")


class TestCommandLine:
    def run(self, *words: str, path: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(REPOSITORY / ".ci" / "airgap"), *words],
            env={"PATH": path, "HOME": "/nonexistent"},
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )

    def test_the_key_is_one_word(self, programs: Path) -> None:
        put(programs, "go", "echo go1.26.0")
        ended = self.run("key", path=str(programs))
        assert (ended.returncode, len(ended.stdout.split())) == (0, 1)

    def test_what_is_missing_is_one_line(self, programs: Path) -> None:
        ended = self.run("key", path=str(programs))
        assert ended.returncode == 1
        assert ended.stderr.startswith("airgap: there is no Go; install 1.26 or later")

    def test_a_wrong_command_is_wrong_usage(self, programs: Path) -> None:
        assert self.run("sideways", path=str(programs)).returncode == 2
