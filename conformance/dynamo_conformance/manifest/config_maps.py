"""ConfigMaps that a file brings along with its graphs."""

from __future__ import annotations

import base64
import binascii
import re
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.fields import is_null
from dynamo_conformance.manifest.node import Scalar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.manifest.document import Document
    from dynamo_conformance.manifest.graph import Component
    from dynamo_conformance.manifest.node import Entry, Mapping

KIND = "ConfigMap"

ConfigMaps: TypeAlias = "dict[str, dict[str, str | bytes]]"
"""What ConfigMaps hold, by the map's name and by key: `data` as texts, `binaryData` as bytes."""

_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_VARIABLE = re.compile(r"[ -<>-~]+")
"""What the kubelet takes for the name of an environment variable; others it leaves out."""

_MAX_BYTES = 2**20


def config_maps(documents: Iterable[Document]) -> ConfigMaps:
    """Return what the ConfigMaps among `documents` hold.

    Raises:
        ManifestError: The API server would refuse one of them.
    """
    return {
        document.name: _contents(document)
        for document in documents
        if document.kind == KIND and document.api_version == "v1"
    }


def usable_config_maps(documents: Iterable[Document]) -> ConfigMaps:
    """Return what those ConfigMaps among `documents` hold that the API server would take."""
    usable: ConfigMaps = {}
    for document in documents:
        with suppress(ManifestError):
            usable |= config_maps([document])
    return usable


def _contents(document: Document) -> dict[str, str | bytes]:
    held: dict[str, str | bytes] = {}
    size = 0
    for field in ("data", "binaryData"):
        for entry in document.root.mapping(field) or ():
            if entry.key in held:
                reason = f'key "{entry.key}" is in data and in binaryData; keep one'
                raise ManifestError(document.file, entry.mark, reason)
            _check_key(document, entry)
            value = _value(document, field, entry)
            size += len(entry.key) + len(value.encode() if isinstance(value, str) else value)
            held[entry.key] = value
    if size > _MAX_BYTES:
        reason = f"a ConfigMap of {size} bytes, which may have {_MAX_BYTES}"
        raise ManifestError(document.file, document.root.mark, reason)
    return held


def _check_key(document: Document, entry: Entry) -> None:
    key = entry.key
    if _KEY.fullmatch(key) is None or key == "." or key.startswith(".."):
        reason = (
            f'no key of a ConfigMap can be "{key}": 1 to 253 letters, digits, "-", "_" and ".", '
            'not "." and nothing that begins with ".."'
        )
        raise ManifestError(document.file, entry.mark, reason)


def _value(document: Document, field: str, entry: Entry) -> str | bytes:
    if is_null(entry.value):
        return "" if field == "data" else b""
    value = entry.value.value if isinstance(entry.value, Scalar) else None
    if not isinstance(value, str):
        reason = f'{field} "{entry.key}" is no text; put it in quotes'
        raise ManifestError(document.file, entry.value.mark, reason)
    if field == "data":
        return value
    try:
        return base64.b64decode("".join(value.split("\n")), validate=True)
    except binascii.Error as error:
        reason = f'{field} "{entry.key}" is no base64: {error}'
        raise ManifestError(document.file, entry.value.mark, reason) from error


def mounted_files(volume: Mapping, known: ConfigMaps) -> dict[str, str | bytes] | None:
    """Return what a volume shows of a known ConfigMap: file names below the mount, with contents.

    Args:
        volume: An entry of a pod's `volumes`.
        known: The ConfigMaps that are here.

    Returns:
        None when the volume is another one, or its ConfigMap is not here.
    """
    source = volume.mapping("configMap")
    held = known.get(source.string("name") or "") if source is not None else None
    if source is None or held is None:
        return None
    items = source.mappings("items")
    if not items:
        return held
    named = ((item.string("key") or "", item.string("path") or "") for item in items)
    return {path: held[key] for key, path in named if path and key in held}


def variables(held: dict[str, str | bytes], *, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the variables that the kubelet makes of a ConfigMap for `envFrom`, by name and value.

    Only `data` counts, and what cannot be the name of a variable is left out.
    """
    for key, value in held.items():
        if isinstance(value, str) and _VARIABLE.fullmatch(prefix + key):
            yield prefix + key, value


def given_variables(container: Mapping, known: ConfigMaps) -> tuple[dict[str, str], bool]:
    """Return what a container's `envFrom` gives of known ConfigMaps, and whether that is all."""
    given: dict[str, str] = {}
    complete = True
    for source in container.mappings("envFrom"):
        reference = source.mapping("configMapRef")
        held = known.get(reference.string("name") or "") if reference is not None else None
        if held is None:
            # What stands there may replace what came before.
            given, complete = {}, False
        else:
            given |= variables(held, prefix=source.string("prefix") or "")
    return given, complete


def referenced_value(source: Mapping, known: ConfigMaps) -> str | None:
    """Return what a variable's `valueFrom` takes out of a known ConfigMap, or None."""
    reference = source.mapping("configMapKeyRef")
    if reference is None:
        return None
    value = known.get(reference.string("name") or "", {}).get(reference.string("key") or "")
    return value if isinstance(value, str) else None


def files_of_main(component: Component, known: ConfigMaps) -> dict[str, str]:
    """Return the files of known ConfigMaps that the container `main` sees: path, and text."""
    main, pod = component.main, component.pod_spec
    if not known or main is None or pod is None:
        return {}
    volumes = {entry.string("name"): entry for entry in pod.mappings("volumes")}
    files: dict[str, str] = {}
    for mount in main.node.mappings("volumeMounts"):
        volume = volumes.get(mount.string("name"))
        held = mounted_files(volume, known) if volume is not None else None
        path = (mount.string("mountPath") or "").rstrip("/")
        below = mount.string("subPath") or ""
        if held is None or not path or "subPathExpr" in mount:
            continue
        texts = {name: text for name, text in held.items() if isinstance(text, str)}
        if below in texts:
            files[path] = texts[below]
        elif not below:
            files |= {f"{path}/{name}": text for name, text in texts.items()}
    return files
