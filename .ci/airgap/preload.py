"""The images that a cluster starts with, in one archive: nothing in it can pull another."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from pathlib import Path

from cache import content
from command import AirgapError, answer
from images import Image, write
from pins import (
    BUSYBOX_IMAGE,
    COREDNS,
    ETCD_TAG,
    KUBERNETES,
    LOCAL_PATH_IMAGE,
    LWS_IMAGE,
    PAUSE_IMAGE,
)

FILES = Path(__file__).parent / "files" / "proxy"
REGISTRY = "registry.k8s.io"
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
TABLES = tuple(
    f"{name}{action}" for name in ("iptables", "ip6tables") for action in ("", "-restore", "-save")
)
# The user of the published image: its manifest wants one that is not root.
NOBODY = "65532:65532"
# Those of kubeadm; its own list is held against them.
WANTED = {
    *(f"{REGISTRY}/{name}:{KUBERNETES}" for name in (*CONTROL_PLANE, "kube-proxy")),
    f"{REGISTRY}/coredns/coredns:{COREDNS}",
    f"{REGISTRY}/etcd:{ETCD_TAG}",
    PAUSE_IMAGE,
}


@dataclass(frozen=True)
class Programs:
    """The folders with what was built from Go, by module, and kube-proxy's Debian."""

    folders: dict[str, Path]
    proxy: Path

    def file(self, module: str, name: str) -> Path:
        """One program."""
        return self.folders[module] / name


def recipe() -> str:
    """What decides the images, beside the programs in them."""
    return content(FILES, Path(__file__), Path(__file__).with_name("images.py"))


def archive(file: Path, programs: Programs) -> None:
    """Write every image into one archive."""
    _hold_against_kubeadm(programs.file("kubernetes", "kubeadm"))
    shell = file.with_name("busybox")
    with tarfile.open(programs.proxy) as tree:
        source = tree.extractfile("./bin/busybox")
        if source is None:
            raise AirgapError(f"{programs.proxy}: /bin/busybox is no file")
        shell.write_bytes(source.read())
    shell.chmod(0o755)
    write(file, [*_cluster(programs), _busybox(shell)])
    shell.unlink()


def _hold_against_kubeadm(kubeadm: Path) -> None:
    words = (kubeadm, "config", "images", "list", "--kubernetes-version", KUBERNETES)
    printed = answer(*words)
    wants = set((printed or "").split())
    if wants != WANTED:
        raise AirgapError(f"kubeadm wants {sorted(wants)}, pins.py says {sorted(WANTED)}")


def _cluster(programs: Programs) -> list[Image]:
    control_plane = [
        _single(f"{REGISTRY}/{name}:{KUBERNETES}", programs.file("kubernetes", name))
        for name in CONTROL_PLANE
    ]
    return [
        *control_plane,
        _kube_proxy(programs),
        _single(f"{REGISTRY}/coredns/coredns:{COREDNS}", programs.file("coredns", "coredns")),
        _single(f"{REGISTRY}/etcd:{ETCD_TAG}", programs.file("etcd", "etcd")),
        _single(PAUSE_IMAGE, programs.file("own", "pause")),
        _single(LOCAL_PATH_IMAGE, programs.file("local-path", "local-path-provisioner")),
        Image(
            name=LWS_IMAGE,
            entrypoint=("/manager",),
            files={"manager": programs.file("lws", "manager")},
            user=NOBODY,
        ),
    ]


def _single(name: str, program: Path) -> Image:
    path = f"usr/local/bin/{program.name}"
    return Image(name=name, entrypoint=(f"/{path}",), files={path: program})


def _kube_proxy(programs: Programs) -> Image:
    """It calls iptables; everything else here is one static program."""
    path = "usr/local/bin/kube-proxy"
    return Image(
        name=f"{REGISTRY}/kube-proxy:{KUBERNETES}",
        entrypoint=(f"/{path}",),
        files={
            path: programs.file("kubernetes", "kube-proxy"),
            "usr/local/sbin/select-tables": FILES / "select-tables",
        },
        links={
            **{f"usr/local/sbin/{name}": "select-tables" for name in TABLES},
            "bin/grep": "busybox",
            "bin/sh": "busybox",
        },
        base=programs.proxy,
    )


def _busybox(program: Path) -> Image:
    applets = (answer(program, "--list") or "").split()
    return Image(
        name=BUSYBOX_IMAGE,
        entrypoint=(),
        files={"bin/busybox": program},
        links={f"bin/{name}": "busybox" for name in applets if name != "busybox"},
        open_folders=("tmp",),
    )
