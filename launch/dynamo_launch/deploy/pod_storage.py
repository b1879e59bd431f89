"""Folders that outlive a component's processes, and the one that holds models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dynamo_conformance.manifest.node import Mapping, Scalar
from dynamo_launch.deploy.source_map import constant, listed, mapped, mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.manifest.node import Node
    from dynamo_launch.config.graph_config import ConfigValue
    from dynamo_launch.deploy.component_input import ComponentInput

MODEL_CACHE: Final = "model-cache"
HF_HOME: Final = "HF_HOME"

_SOURCES: Final = {
    "claim": ("persistentVolumeClaim", "claimName"),
    "path": ("hostPath", "path"),
    "config_map": ("configMap", "name"),
}
"""What a volume can be, and what the API calls that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodStorage:
    """What a component mounts.

    Attributes:
        volumes: The pod's volumes.
        mounts: Where the container has them.
        home: Where the model hub's files are, or None.
    """

    volumes: tuple[Mapping, ...]
    mounts: tuple[Mapping, ...]
    home: Node | None


def storage(given: ComponentInput) -> PodStorage:
    """Return what a component mounts."""
    volumes: dict[str, Mapping] = {}
    mounts: dict[str, Mapping] = {}
    home: Node | None = None
    for written in _written(given):
        is_cache = written.key == "model_cache"
        mount = _mount(given, written, is_cache=is_cache)
        name = _name(written, is_cache=is_cache, taken=volumes)
        volume = _volume(given, written, name)
        if volume is None or mount is None:
            continue
        if mount.text in mounts:
            given.error(written.origin, f"a second volume is mounted at {mount.text}; move one")
        volumes[name] = volume
        mounts[mount.text] = _mounted(given, written, name, mount)
        if is_cache:
            home = Scalar(mount.text, mount.mark, mount.text)
    return PodStorage(volumes=tuple(volumes.values()), mounts=tuple(mounts.values()), home=home)


def _written(given: ComponentInput) -> Iterator[ConfigValue]:
    if (cache := given.value("model_cache")) is not None:
        yield cache
    if (volumes := given.value("volumes")) is not None:
        yield from volumes.items()


def _mount(given: ComponentInput, written: ConfigValue, *, is_cache: bool) -> Scalar | None:
    mount = written.inner("mount")
    if mount is not None:
        return given.text(mount)
    return given.source_map.text(f"/{MODEL_CACHE}", written.origin) if is_cache else None


def _name(written: ConfigValue, *, is_cache: bool, taken: dict[str, Mapping]) -> str:
    """Return a volume's name in its pod: its own, its source's, or the last part of its path."""
    path = written.inner("path")
    wanted = MODEL_CACHE if is_cache else "volume"
    named = (written.inner(key) for key in ("name", "claim", "config_map"))
    written_name = next((value for value in named if value is not None), None)
    if written_name is not None:
        wanted = written_name.text
    elif path is not None and not is_cache:
        last = path.text.rpartition("/")[2].lower()
        wanted = "".join(c if c.isascii() and c.isalnum() else "-" for c in last).strip("-")[:50]
    name, number = wanted or "volume", 2
    while name in taken:
        name, number = f"{wanted}-{number}", number + 1
    return name


def _volume(given: ComponentInput, written: ConfigValue, name: str) -> Mapping | None:
    sources = [value for value in written.fields() if value.key in _SOURCES]
    if len(sources) != 1:
        both = f"both {' and '.join(value.key for value in sources)}"
        what = both if sources else "neither claim nor path"
        text = f"a volume has {what}; write one: claim: NAME, or path: of a folder of each machine"
        # Models are written into their cache, and nobody writes into a ConfigMap's files.
        more = "" if written.key == "model_cache" else ", or config_map: NAME"
        given.error(written.origin, f"{text}{more}")
        return None
    (chosen,) = sources
    kind, field = _SOURCES[chosen.key]
    source: dict[str, Node] = {field: given.text(chosen)}
    files = written.inner("files")
    if files is not None and chosen.key != "config_map":
        given.error(files.origin, f"files are those of a config_map, not of a {chosen.key}")
    elif files is not None:
        # Which key of the ConfigMap is shown as which file.
        source["items"] = listed(
            mapping(key=given.text(file), path=constant(file.key)) for file in files.fields()
        )
    return mapped({"name": constant(name), kind: mapped(source)})


def _mounted(given: ComponentInput, written: ConfigValue, name: str, mount: Scalar) -> Mapping:
    read_only = written.inner("read_only")
    is_read_only = read_only is not None and read_only.is_true
    flag = given.copied(read_only) if is_read_only else None
    return mapping(name=constant(name), mountPath=mount, readOnly=flag)
