"""Container images made without an engine: one layer each, several in one archive.

One layer each, because containerd unpacks them while the node's own file system is an overlay,
and an overlay cannot be the upper part of another.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import platform
import shutil
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

from command import AirgapError

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# The archive is copied whenever a cluster starts; more than the least effort saves little.
EFFORT = 1
EXECUTABLE = 0o755
READABLE = 0o644
SHARED = 0o1777


@dataclass(frozen=True)
class Image:
    """What is in an image and how it starts."""

    name: str
    entrypoint: tuple[str, ...]
    # What lies where: the path in the image, without a leading slash, and a file of this machine.
    files: dict[str, Path] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    # Empty folders that everybody may write to.
    open_folders: tuple[str, ...] = ()
    # A tar file to begin with.
    base: Path | None = None
    user: str = ""


def architecture() -> str:
    """This machine's, as images name it."""
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        raise AirgapError(f"{machine}: images are made for {', '.join(ARCHITECTURES)} only")
    return ARCHITECTURES[machine]


def write(archive: Path, images: list[Image]) -> None:
    """An archive that `docker load` and `ctr images import` take."""
    manifest = []
    with tarfile.open(archive, "w") as out:
        for image in images:
            layer = archive.with_suffix(".layer")
            _write_layer(layer, image)
            packed, inner, outer = _pack(layer)
            config = json.dumps(_config(image, inner)).encode()
            config_name = f"{hashlib.sha256(config).hexdigest()}.json"
            _add_bytes(out, config_name, config)
            layer_name = f"{outer}.tar.gz"
            if layer_name not in out.getnames():
                out.add(packed, layer_name)
            packed.unlink()
            manifest.append(
                {"Config": config_name, "RepoTags": [image.name], "Layers": [layer_name]}
            )
        _add_bytes(out, "manifest.json", json.dumps(manifest).encode())


def write_tree(
    tar: Path, files: dict[str, Path], links: dict[str, str], base: Path | None = None
) -> None:
    """A tar file with these files, owned by root, after what a first one has."""
    if base:
        shutil.copyfile(base, tar)
    with tarfile.open(tar, "a" if base else "w") as out:
        have = set(out.getnames()) if base else set()
        for name in sorted(_parents([*files, *links])):
            # What begins with a file system has its folders, some of them as links.
            if not base or not {name, f"./{name}"} & have:
                out.addfile(_info(name, tarfile.DIRTYPE, EXECUTABLE))
        for name, file in sorted(files.items()):
            mode = EXECUTABLE if file.stat().st_mode & 0o100 else READABLE
            info = _info(name, tarfile.REGTYPE, mode)
            info.size = file.stat().st_size
            with file.open("rb") as text:
                out.addfile(info, text)
        for name, target in sorted(links.items()):
            info = _info(name, tarfile.SYMTYPE, 0o777)
            info.linkname = target
            out.addfile(info)


def _write_layer(tar: Path, image: Image) -> None:
    write_tree(tar, image.files, image.links, image.base)
    with tarfile.open(tar, "a") as out:
        for name in image.open_folders:
            out.addfile(_info(name, tarfile.DIRTYPE, SHARED))


def _parents(names: list[str]) -> set[str]:
    return {str(folder) for name in names for folder in Path(name).parents} - {"."}


def _info(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    """An entry without a time or a user of this machine: the same files, the same image."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.mode = mode
    return info


def _add_bytes(out: tarfile.TarFile, name: str, text: bytes) -> None:
    info = _info(name, tarfile.REGTYPE, READABLE)
    info.size = len(text)
    out.addfile(info, io.BytesIO(text))


def _pack(layer: Path) -> tuple[Path, str, str]:
    """The layer compressed in its place, and the digests of what is inside and outside."""
    packed = layer.with_suffix(".gz")
    with layer.open("rb") as text:
        inner = hashlib.file_digest(text, "sha256").hexdigest()
        text.seek(0)
        with packed.open("wb") as raw, gzip.GzipFile("", "wb", EFFORT, raw, mtime=0) as out:
            shutil.copyfileobj(text, out, 1 << 20)
    layer.unlink()
    with packed.open("rb") as text:
        outer = hashlib.file_digest(text, "sha256").hexdigest()
    return packed, inner, outer


def _config(image: Image, layer: str) -> dict[str, object]:
    return {
        "architecture": architecture(),
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {"Entrypoint": list(image.entrypoint), "Env": [PATH], "User": image.user},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}"]},
    }
