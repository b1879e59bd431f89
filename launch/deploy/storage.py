"""Folders that outlive a component's processes, and the one that holds models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from conformance.manifest.node import Mapping, Scalar
from launch.deploy.trace import constant, mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.manifest.node import Node
    from launch.deploy.draft import Draft, Written

MODEL_CACHE: Final = "model-cache"
HF_HOME: Final = "HF_HOME"


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """What a component mounts.

    Attributes:
        volumes: The pod's volumes.
        mounts: Where the container has them.
        home: Where the model hub's files are, or None.
    """

    volumes: tuple[Mapping, ...]
    mounts: tuple[Mapping, ...]
    home: Node | None


def storage(draft: Draft) -> Storage:
    """Return what a component mounts."""
    volumes: dict[str, Mapping] = {}
    mounts: dict[str, Mapping] = {}
    home: Node | None = None
    for written in _written(draft):
        is_cache = written.key == "model_cache"
        mount = _mount(draft, written, is_cache=is_cache)
        name = _name(written, is_cache=is_cache, taken=volumes)
        volume = _volume(draft, written, name)
        if volume is None or mount is None:
            continue
        if mount.text in mounts:
            draft.error(written.origin, f"a second volume is mounted at {mount.text}; move one")
        volumes[name] = volume
        mounts[mount.text] = _mounted(draft, written, name, mount)
        if is_cache:
            home = Scalar(mount.text, mount.mark, mount.text)
    return Storage(volumes=tuple(volumes.values()), mounts=tuple(mounts.values()), home=home)


def _written(draft: Draft) -> Iterator[Written]:
    cache = draft.written("model_cache")
    if cache is not None:
        yield cache
    volumes = draft.written("volumes")
    if volumes is not None:
        yield from volumes.items()


def _mount(draft: Draft, written: Written, *, is_cache: bool) -> Scalar | None:
    mount = written.inner("mount")
    if mount is not None:
        return draft.trace.text(mount.text, mount.origin)
    return draft.trace.text(f"/{MODEL_CACHE}", written.origin) if is_cache else None


def _name(written: Written, *, is_cache: bool, taken: dict[str, Mapping]) -> str:
    """Return a volume's name in its pod: its claim's, or the last part of its path."""
    claim, path = written.inner("claim"), written.inner("path")
    wanted = MODEL_CACHE if is_cache else "volume"
    if claim is not None:
        wanted = claim.text
    elif path is not None and not is_cache:
        last = path.text.rpartition("/")[2].lower()
        wanted = "".join(c if c.isascii() and c.isalnum() else "-" for c in last).strip("-")[:50]
    name, number = wanted or "volume", 2
    while name in taken:
        name, number = f"{wanted}-{number}", number + 1
    return name


def _volume(draft: Draft, written: Written, name: str) -> Mapping | None:
    claim, path = written.inner("claim"), written.inner("path")
    if (claim is None) == (path is None):
        what = "both claim and path" if claim is not None else "neither claim nor path"
        text = f"a volume has {what}; write one: claim: NAME, or path: of a folder of each machine"
        draft.error(written.origin, text)
        return None
    if claim is not None:
        source = mapping(claimName=draft.trace.text(claim.text, claim.origin))
        return mapping(name=constant(name), persistentVolumeClaim=source)
    if path is not None:
        source = mapping(path=draft.trace.text(path.text, path.origin))
        return mapping(name=constant(name), hostPath=source)
    return None


def _mounted(draft: Draft, written: Written, name: str, mount: Scalar) -> Mapping:
    read_only = written.inner("read_only")
    is_read_only = read_only is not None and read_only.is_true
    flag = draft.trace.flag(read_only.origin) if read_only is not None and is_read_only else None
    return mapping(name=constant(name), mountPath=mount, readOnly=flag)
