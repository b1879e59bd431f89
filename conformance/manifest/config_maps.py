"""ConfigMaps that a file brings along with its graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from conformance.manifest.node import Scalar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.manifest.document import Document
    from conformance.manifest.graph import Component
    from conformance.manifest.node import Mapping

KIND = "ConfigMap"

ConfigMaps: TypeAlias = "dict[str, dict[str, str]]"
"""The texts of ConfigMaps: by the map's name, then by key."""


def config_maps(documents: Iterable[Document]) -> ConfigMaps:
    """Return the texts of the ConfigMaps among `documents`; `binaryData` is left out."""
    return {
        one.name: _texts(one.root.mapping("data"))
        for one in documents
        if one.kind == KIND and one.api_version == "v1"
    }


def _texts(data: Mapping | None) -> dict[str, str]:
    entries = data or ()
    return {
        entry.key: entry.value.value
        for entry in entries
        if isinstance(entry.value, Scalar) and isinstance(entry.value.value, str)
    }


def mounted_files(volume: Mapping, known: ConfigMaps) -> dict[str, str] | None:
    """Return what a volume shows of a known ConfigMap: file names below the mount, with texts.

    Args:
        volume: An entry of a pod's `volumes`.
        known: The ConfigMaps that are here.

    Returns:
        None when the volume is another one, or its ConfigMap is not here.
    """
    source = volume.mapping("configMap")
    texts = known.get(source.string("name") or "") if source is not None else None
    if source is None or texts is None:
        return None
    items = source.mappings("items")
    if not items:
        return texts
    named = ((one.string("key") or "", one.string("path") or "") for one in items)
    return {path: texts[key] for key, path in named if path and key in texts}


def files_of_main(component: Component, known: ConfigMaps) -> dict[str, str]:
    """Return the files of known ConfigMaps that the container `main` sees: path, and text."""
    main, pod = component.main, component.pod_spec
    if not known or main is None or pod is None:
        return {}
    volumes = {one.string("name"): one for one in pod.mappings("volumes")}
    found: dict[str, str] = {}
    for mount in main.node.mappings("volumeMounts"):
        volume = volumes.get(mount.string("name"))
        texts = mounted_files(volume, known) if volume is not None else None
        path = (mount.string("mountPath") or "").rstrip("/")
        below = mount.string("subPath") or ""
        if texts is None or not path or "subPathExpr" in mount:
            continue
        if below in texts:
            found[path] = texts[below]
        elif not below:
            found |= {f"{path}/{name}": text for name, text in texts.items()}
    return found
