"""A mount without its volume, or a volume that is none, leaves a Deployment that is never made.

Every mount of a sidecar or an init container names a volume of the pod. Only for `main` does the
operator make one up: a claim (PersistentVolumeClaim) of the mount's name, which must then exist.
A volume has one source; one without any becomes an empty folder, silently.

Fix: declare the volume under the pod's `volumes`, with one source.

PASS:
    containers:
      - name: exporter
        volumeMounts: [{name: logs, mountPath: /logs}]
    volumes: [{name: logs, emptyDir: {}}]

FAIL:
    containers:
      - name: exporter
        volumeMounts: [{name: logs, mountPath: /logs}]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.name_faults import label_fault, spelt_as_label, subdomain_fault
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.lint.workload import Placed, containers, given, unknown_word
from dynamo_conformance.manifest.fields import is_true, mark_of
from dynamo_conformance.manifest.graph import EPP
from dynamo_conformance.manifest.node import Mapping
from dynamo_conformance.manifest.suggest import did_you_mean
from dynamo_conformance.rendering import v1alpha1_extras
from dynamo_conformance.rendering.names import SSH_SECRET
from dynamo_conformance.rendering.volumes import SHARED_MEMORY, SHARED_MEMORY_PATH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.graph import Component

SEVERITY = Severity.ERROR

_OPERATORS = frozenset({SHARED_MEMORY, SSH_SECRET, "wait-leader-script"})
"""Volumes that the operator may add to a pod."""

_NOT_RENDERED = ("experimental", "eppConfig")
"""With these the operator adds volumes that are not known here."""

_HOST_TYPES = (
    "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice",
)  # fmt: skip
_PROPAGATIONS = ("None", "HostToContainer", "Bidirectional")
_RECURSIVE = ("Disabled", "IfPossible", "Enabled")
_MEDIA = ("Memory", "HugePages")
_HUGE_PAGES = "HugePages-"
_CLAIM = "persistentVolumeClaim"
_NAMED = {_CLAIM: "claimName", "configMap": "name", "secret": "secretName"}
_LARGEST_MODE = 0o777


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each volume and each mount that is refused or cannot be served."""
    for component in subject.graph.components:
        volumes = _volumes(component)
        known = _known(component, volumes)
        for volume in volumes:
            yield from _volume(volume)
        for placed in containers(component):
            yield from _mounts(placed, known)
            if placed.is_main:
                yield from _claims(placed, volumes)
                yield from _twice(placed, subject)


def _volumes(component: Component) -> tuple[Mapping, ...]:
    return component.pod_spec.mappings("volumes") if component.pod_spec is not None else ()


def _known(component: Component, volumes: tuple[Mapping, ...]) -> frozenset[str] | None:
    """Return the names of the pod's volumes, or None when not all are known here."""
    if component.type == EPP or any(key in component.node for key in _NOT_RENDERED):
        return None
    main = component.main
    mounted = main.node.mappings("volumeMounts") if main is not None else ()
    names = {volume.string("name") or "" for volume in (*volumes, *mounted)}
    cache = component.node.mapping("compilationCache")
    if cache is not None:
        names.add(cache.string("pvcName") or "")
    return frozenset(names) | _OPERATORS


def _volume(volume: Mapping) -> Iterator[Problem]:
    name = volume.string("name")
    if name is not None and (fault := label_fault(name)) is not None:
        yield Problem(mark_of(volume, "name"), _misnamed("volume", name, fault))
    yield from _one_source(volume)
    for key, field in _NAMED.items():
        source = volume.mapping(key)
        if source is not None:
            yield from _named(source, key, field)
    for key in ("configMap", "secret", "downwardAPI", "projected"):
        source = volume.mapping(key)
        if source is not None:
            yield from _files(source)
    yield from _host_path(volume.mapping("hostPath") or Mapping())
    yield from _empty_dir(volume.mapping("emptyDir") or Mapping())


def _misnamed(what: str, name: str, fault: str) -> str:
    spelt = spelt_as_label(name)
    advice = f'; write "{spelt}"' if spelt is not None else "; rename it"
    return f'no {what} can be called "{name}": {fault}{advice}'


def _one_source(volume: Mapping) -> Iterator[Problem]:
    keys = [entry.key for entry in volume if entry.key != "name"]
    sources = [key for key in keys if given(volume, key) is not None]
    name = volume.string("name")
    if len(sources) > 1:
        message = f'volume "{name}" has {len(sources)} sources ({", ".join(sources)}); keep one'
        yield Problem(volume.key_mark(sources[1]), message)
    elif not sources and keys != ["emptyDir"] and name != SHARED_MEMORY:
        message = f'volume "{name}" has no source and becomes an empty folder; write its source'
        yield Problem(volume.mark, f"{message}, or emptyDir: {{}}", severity=Severity.WARNING)


def _named(source: Mapping, key: str, field: str) -> Iterator[Problem]:
    name, optional = source.string(field), source.get("optional")
    # What else is missing or misspelt is the schema's to say.
    is_missing = field not in source and "name" not in source and key != _CLAIM
    if name == "" or is_missing:
        yield Problem(mark_of(source, field), f"{key} names nothing; write its {field}")
    elif is_true(optional):
        return
    elif name and "$" not in name and (fault := subdomain_fault(name)) is not None:
        yield Problem(mark_of(source, field), _misnamed(key, name, fault))


def _files(source: Mapping) -> Iterator[Problem]:
    mode = source.integer("defaultMode")
    if mode is not None and not 0 <= mode <= _LARGEST_MODE:
        message = f"defaultMode: {mode} is no mode, which is 0 to 0777; write 0644 or 420, not 644"
        yield Problem(mark_of(source, "defaultMode"), message)
    for item in source.mappings("items"):
        yield from _inside(item, "path")


def _host_path(source: Mapping) -> Iterator[Problem]:
    yield from unknown_word(source, "type", _HOST_TYPES)
    path = source.string("path")
    if path is not None and ".." in path.split("/"):
        yield Problem(mark_of(source, "path"), f'"{path}" goes up; write the path without ".."')


def _empty_dir(source: Mapping) -> Iterator[Problem]:
    if not (source.string("medium") or "").startswith(_HUGE_PAGES):
        yield from unknown_word(source, "medium", _MEDIA)


def _mounts(placed: Placed, known: frozenset[str] | None) -> Iterator[Problem]:
    for mount in placed.node.mappings("volumeMounts"):
        name, path = mount.string("name"), mount.string("mountPath")
        if known is not None and name and name not in known:
            yield Problem(mark_of(mount, "name"), _undeclared(placed, name, known))
        # An empty path in `main` is the operator's to fill in, or admission's to refuse.
        if path == "" and not placed.is_main:
            yield Problem(mark_of(mount, "mountPath"), f'mount of "{name}" has no path; write one')
        yield from _words(mount)


def _undeclared(placed: Placed, name: str, known: frozenset[str]) -> str:
    advice = did_you_mean(name, sorted(known - _OPERATORS)) or "; declare it under volumes"
    return f'container "{placed.name}" mounts "{name}", which the pod has no volume for{advice}'


def _words(mount: Mapping) -> Iterator[Problem]:
    for key in ("subPath", "subPathExpr"):
        yield from _inside(mount, key)
    if mount.string("subPath") and mount.string("subPathExpr"):
        yield Problem(mark_of(mount, "subPathExpr"), "subPath and subPathExpr exclude; keep one")
    yield from unknown_word(mount, "mountPropagation", _PROPAGATIONS)
    yield from unknown_word(mount, "recursiveReadOnly", _RECURSIVE)


def _inside(node: Mapping, key: str) -> Iterator[Problem]:
    """Yield when a path inside a volume leads out of it."""
    path = node.string(key)
    if path is None:
        return
    if path.startswith("/"):
        message = f'{key} "{path}" is a path inside the volume; write it without the first "/"'
        yield Problem(mark_of(node, key), message)
    if ".." in path.split("/"):
        message = f'{key} "{path}" leads out of the volume; write it without ".."'
        yield Problem(mark_of(node, key), message)


def _claims(placed: Placed, volumes: tuple[Mapping, ...]) -> Iterator[Problem]:
    """Yield when a mount of `main` becomes a volume whose name Kubernetes refuses."""
    declared = {volume.string("name") for volume in volumes}
    for mount in placed.node.mappings("volumeMounts"):
        name = mount.string("name")
        if name and name not in declared and (fault := label_fault(name)) is not None:
            message = _misnamed("volume (the operator makes one of this mount)", name, fault)
            yield Problem(mark_of(mount, "name"), message)


def _twice(placed: Placed, subject: Subject) -> Iterator[Problem]:
    """Yield when a mount of a v1alpha1 service stands at a path that is taken.

    Within one list of a container the schema says so.
    """
    service = v1alpha1_extras.service(subject.graph, placed.component)
    mounts = service.mappings("volumeMounts") if service is not None else ()
    dedicated = {item.mark for item in mounts}
    cache = placed.component.node.mapping("compilationCache")
    claim = cache.string("pvcName") if cache is not None else None
    taken: set[str] = set()
    for mount in placed.node.mappings("volumeMounts"):
        name, path = mount.string("name"), mount.string("mountPath")
        # The operator drops what mounts the cache again, and whatever mounts shared memory.
        if not path or path == SHARED_MEMORY_PATH or name == claim:
            continue
        if path in taken and mount.mark in dedicated:
            message = f'"{path}" has a mount already; keep one, or choose another path'
            yield Problem(mark_of(mount, "mountPath"), message)
        taken.add(path)
