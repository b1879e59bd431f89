"""The node image: Debian, Kubernetes, and the images that a cluster starts with."""

from __future__ import annotations

import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cache import content
from command import AirgapError, answer, run, tail
from images import write_tree
from pins import BUSYBOX_IMAGE, KUBERNETES, LOCAL_PATH_IMAGE, PAUSE_IMAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preload import Programs

FILES = Path(__file__).parent / "files" / "node"
START_SECONDS = 60
FILLED = "filled"
BASE_SPEC = "/etc/containerd/base-spec.json"
WANTS = "etc/systemd/system/multi-user.target.wants"
UNITS = ("containerd.service", "kubelet.service")
# What would manage the machine rather than the node.
MASKED = (
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "e2scrub_reap.service",
    "getty.target",
    "proc-sys-fs-binfmt_misc.automount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-binfmt.service",
    "systemd-logind.service",
    "systemd-modules-load.service",
    "systemd-pstore.service",
    "systemd-remount-fs.service",
    "systemd-sysctl.service",
    "systemd-tmpfiles-setup-dev.service",
    "systemd-tmpfiles-setup.service",
    "systemd-udevd.service",
    "timers.target",
)
# What systemd takes as an order to stop; an image has it from the container it is made of.
STOP = "SIGRTMIN+3"
CHANGES = (
    # systemd looks for this to know where it is.
    "ENV container=docker",
    'ENTRYPOINT ["/usr/local/bin/entrypoint"]',
    "CMD []",
)


def recipe() -> str:
    """What decides the node image, beside what is put into it."""
    return content(FILES, Path(__file__))


def build(
    tag: str, folder: Path, *, base: Path, programs: Programs, images: Path, log: Path
) -> None:
    """Build the image and give it its name; the folder is for what is made on the way."""
    tree = folder / "tree.tar"
    write_tree(tree, _files(folder, programs), _links())
    with _debian(f"{tag}-bare", base, log) as bare, _container(bare, log) as name:
        _unpack(name, tree, log)
        _import(name, images, log)
        changes = [word for change in CHANGES for word in ("--change", change)]
        run("docker", "commit", *changes, name, tag, log=log)
    tree.unlink()
    shutil.rmtree(folder / FILLED)


def _files(folder: Path, programs: Programs) -> dict[str, Path]:
    """What the node has that Debian does not: the path in it, and the file."""
    values = {"@BUSYBOX@": BUSYBOX_IMAGE, "@LOCAL_PATH@": LOCAL_PATH_IMAGE, "@PAUSE@": PAUSE_IMAGE}
    filled = folder / FILLED
    found: dict[str, Path] = {}
    for source in sorted(file for file in FILES.rglob("*") if file.is_file()):
        path = source.relative_to(FILES)
        text = source.read_text(encoding="utf-8")
        for word, value in values.items():
            text = text.replace(word, value)
        (filled / path).parent.mkdir(parents=True, exist_ok=True)
        (filled / path).write_text(text, encoding="utf-8")
        (filled / path).chmod(source.stat().st_mode)
        found[str(path)] = filled / path
    version = filled / "kind" / "version"
    version.write_text(KUBERNETES, encoding="utf-8")
    found["kind/version"] = version
    for name in ("kubeadm", "kubectl", "kubelet"):
        found[f"usr/bin/{name}"] = programs.file("kubernetes", name)
    for program in programs.folders["cni"].iterdir():
        found[f"opt/cni/bin/{program.name}"] = program
    return found


def _links() -> dict[str, str]:
    units = {f"{WANTS}/{unit}": f"../{unit}" for unit in UNITS}
    masks = {f"etc/systemd/system/{unit}": "/dev/null" for unit in MASKED}
    target = {"etc/systemd/system/default.target": "/lib/systemd/system/multi-user.target"}
    return units | masks | target


@contextmanager
def _debian(name: str, base: Path, log: Path) -> Iterator[str]:
    """An image of Debian alone; its name is taken away in the end."""
    try:
        run("docker", "import", base, name, log=log)
        yield name
    finally:
        answer("docker", "image", "rm", "--no-prune", name)


@contextmanager
def _container(image: str, log: Path) -> Iterator[str]:
    """A container of the image that waits; removed in the end."""
    name = image.replace("/", "-").replace(":", "-")
    answer("docker", "rm", "--force", name)
    words = ("docker", "run", "--detach", "--privileged", "--net=none", f"--stop-signal={STOP}")
    try:
        run(*words, f"--name={name}", image, "sleep", "infinity", log=log)
        yield name
    finally:
        answer("docker", "rm", "--force", "--volumes", name)


def _unpack(name: str, tree: Path, log: Path) -> None:
    """Lay our files over Debian's."""
    # A link that Debian made would be followed.
    with tree.open("rb") as text:
        words = ("docker", "exec", "--interactive", name)
        run(*words, "tar", "-x", "-C", "/", "--keep-directory-symlink", stdin=text, log=log)
    spec = f"ctr oci spec | jq 'del(.process.rlimits)' > {BASE_SPEC}"
    run("docker", "exec", name, "bash", "-euo", "pipefail", "-c", spec, log=log)
    run("docker", "exec", name, "mkdir", "-p", "/etc/kubernetes/manifests", log=log)


def _import(name: str, images: Path, log: Path) -> None:
    """Run containerd in the container for as long as it takes to give it the images."""
    inside = ("docker", "exec", "--interactive", name)
    with log.open("ab") as out:
        daemon = subprocess.Popen(
            (*inside, "containerd", "--log-level=warn"),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        _wait(daemon, inside, log)
        with images.open("rb") as text:
            words = ("ctr", "--namespace=k8s.io", "images", "import", "-")
            run(*inside, *words, stdin=text, log=log)
    finally:
        answer(*inside, "pkill", "--exact", "containerd")
        daemon.wait(timeout=START_SECONDS)


def _wait(daemon: subprocess.Popen[bytes], inside: tuple[str, ...], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while answer(*inside, "ctr", "version") is None:
        if daemon.poll() is not None or time.monotonic() > end:
            raise AirgapError(f"containerd did not start; the last lines of {log}:\n{tail(log)}")
        time.sleep(0.2)
