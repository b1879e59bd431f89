"""Operators: what one does otherwise than the one before, where a manifest meets it.

The rows are in `data/operator-changes.json`; a row's `when` is a function of `TESTS` here, which
yields the places that are concerned.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NotRequired, TypedDict

from dynamo_conformance.engines.commandline import FRONTEND_MODULE, WORKER_MODULES
from dynamo_conformance.manifest.document import V1ALPHA1
from dynamo_conformance.manifest.fields import is_true
from dynamo_conformance.manifest.graph import EPP, FRONTEND, WORKER_TYPES
from dynamo_conformance.manifest.node import Mapping, Scalar, path_text, walk
from dynamo_conformance.manifest.release import runtime_version
from dynamo_conformance.upgrade.change import Area, Change, Kind
from dynamo_conformance.upgrade.text_edits import Insert, Remove, Replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dynamo_conformance.manifest.document import Document
    from dynamo_conformance.manifest.graph import Component, Graph
    from dynamo_conformance.manifest.node import Mark
    from dynamo_conformance.manifest.node import Path as NodePath
    from dynamo_conformance.upgrade.change import Line
    from dynamo_conformance.upgrade.move import Move
    from dynamo_conformance.upgrade.text_edits import Edit

_DATA = Path(__file__).parent / "data" / "operator-changes.json"
_EXECUTOR = "nvidia.com/vllm-distributed-executor-backend"
_DISCOVERY = "nvidia.com/dynamo-discovery-backend"
_ETCD = "etcd"
_NATS = "nats"
_OLD_HEALTH_PORT = 5000
_MAIN_TYPE = "main"
_PROGRAMS = ("dynamo", "dynamo-run")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_NAMESPACE_VARIABLES = ("DYN_NAMESPACE", "DYNAMO_NAMESPACE")


class Row(TypedDict):
    """A row of the data file."""

    kind: str
    when: str
    what: str
    fix: str
    source: str
    field: NotRequired[str]
    gone: NotRequired[bool]
    remove: NotRequired[bool]
    each: NotRequired[bool]
    once: NotRequired[bool]


class Scene(NamedTuple):
    """What the tests look at: a document, its graph, and the moves of its components."""

    document: Document
    graph: Graph
    moves: tuple[Move, ...]


class Hit(NamedTuple):
    """A place that a row is about.

    Attributes:
        mark: Where it is written.
        name: What it is called in the message.
        edits: What removes it safely.
    """

    mark: Mark
    name: str
    edits: tuple[Edit, ...] = ()


def line_of(text: str) -> Line:
    """Return X.Y, or X.Y.Z, as a line."""
    major, minor = text.split(".")[:2]
    return int(major), int(minor)


@cache
def rows() -> tuple[tuple[Line, Row], ...]:
    """Return every row with the operator that is the first to do it."""
    data = json.loads(_DATA.read_text(encoding="utf-8"))
    return tuple((line_of(row["in"]), row) for row in data["changes"])


def changes(scene: Scene, *, old: Line, new: Line) -> Iterator[Change]:
    """Yield what operators after `old` and up to `new` do otherwise with a graph.

    What breaks is yielded for every operator up to `new`, whatever came before, but where somebody
    may have seen to it in the cluster.
    """
    for line, row in rows():
        is_passed = old < line <= new
        always = row["kind"] == Kind.BREAKS and not row.get("once")
        if is_passed or (always and line <= new):
            yield from _of_row(scene, line, row)


def _of_row(scene: Scene, line: Line, row: Row) -> Iterator[Change]:
    hits = tuple(_fields(scene, row) if "field" in row else TESTS[row["when"]](scene))
    groups = [(hit,) for hit in hits] if row.get("each") else [hits] if hits else []
    for group in groups:
        names = " and ".join(hit.name for hit in group)
        yield Change(
            area=Area.FIELD if "field" in row else Area.OPERATOR,
            kind=Kind(row["kind"]),
            mark=group[0].mark,
            what=row["what"].replace("{names}", names),
            since=f"operator {line[0]}.{line[1]}",
            fix=row["fix"],
            edits=tuple(edit for hit in group for edit in hit.edits),
        )


def _fields(scene: Scene, row: Row) -> Iterator[Hit]:
    pattern = tuple(row.get("field", "").split("."))
    for path, node in walk(scene.document.root):
        if not isinstance(node, Mapping):
            continue
        for entry in node:
            whole = (*path, entry.key)
            if _matches(whole, pattern):
                edits = (Remove(entry.mark, is_key=True),) if row.get("remove") else ()
                yield Hit(entry.mark, path_text(whole), edits)


def _matches(path: NodePath, pattern: tuple[str, ...]) -> bool:
    """Whether a path is of a pattern: `*` is any step, `**` any number of them."""
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(_matches(path[at:], pattern[1:]) for at in range(len(path) + 1))
    return bool(path) and pattern[0] in ("*", path[0]) and _matches(path[1:], pattern[1:])


def _named(component: Component) -> str:
    return f'component "{component.name}"'


def _workers(scene: Scene) -> Iterator[Component]:
    return (component for component in scene.graph.components if component.is_worker)


def _service(scene: Scene, component: Component) -> Mapping | None:
    """Return a component as its document has it."""
    spec = scene.document.root.mapping("spec")
    if spec is None:
        return None
    if scene.document.version == V1ALPHA1:
        services = spec.mapping("services")
        return services.mapping(component.name) if services is not None else None
    return next(
        (each for each in spec.mappings("components") if each.string("name") == component.name),
        None,
    )


def _annotation(scene: Scene, name: str) -> tuple[str, Mark] | None:
    metadata = scene.document.root.mapping("metadata")
    annotations = metadata.mapping("annotations") if metadata is not None else None
    value = annotations.string(name) if annotations is not None else None
    return (value, annotations.key_mark(name)) if annotations is not None and value else None


def _type_main(scene: Scene) -> Iterator[Hit]:
    for component in scene.graph.components:
        service = _service(scene, component)
        kind = service.get("componentType") if service is not None else None
        if isinstance(kind, Scalar) and kind.value == _MAIN_TYPE:
            edit = Replace(kind.mark, _MAIN_TYPE, FRONTEND)
            yield Hit(kind.mark, _named(component), (edit,))


def _worker_without_type(scene: Scene) -> Iterator[Hit]:
    for move in scene.moves:
        component = move.component
        service = _service(scene, component)
        is_worker = move.module in WORKER_MODULES or _starts_old_worker(component)
        if service is None or component.type is not None or not is_worker:
            continue
        edits: tuple[Edit, ...] = ()
        if scene.document.version == V1ALPHA1 and "replicas" in service:
            mark = service.key_mark("replicas")
            edits = (Insert(mark, ("componentType", "worker"), is_key=True),)
        yield Hit(component.mark, _named(component), edits)


def _starts_old_worker(component: Component) -> bool:
    """Whether it starts a service of the first releases' SDK that is called a worker."""
    main = component.main
    texts = [word.text for word in (*main.command, *main.args)] if main is not None else []
    if texts[:2] != ["dynamo", "serve"] or "--service-name" not in texts[:-1]:
        return False
    return texts[texts.index("--service-name") + 1].endswith("Worker")


def _probe_5000(scene: Scene) -> Iterator[Hit]:
    for component in scene.graph.components:
        for probe in _PROBES:
            node = component.main.node.mapping(probe) if component.main is not None else None
            asked = node.mapping("httpGet") if node is not None else None
            if asked is not None and asked.integer("port") == _OLD_HEALTH_PORT:
                yield Hit(asked.key_mark("port"), _named(component))


def _no_command(scene: Scene) -> Iterator[Hit]:
    for move in scene.moves:
        component, main = move.component, move.component.main
        if main is None or main.command or component.type not in (None, *WORKER_TYPES):
            continue
        texts = [word.text for word in main.args]
        if move.command is None and not set(_PROGRAMS) & set(texts):
            yield Hit(component.mark, _named(component))


def _lws_annotations(scene: Scene) -> Iterator[Hit]:
    for component in scene.graph.components:
        service = _service(scene, component)
        annotations = service.mapping("annotations") if service is not None else None
        if annotations is not None and "nvidia.com/lws-size" in annotations:
            yield Hit(annotations.key_mark("nvidia.com/lws-size"), _named(component))


def _without_probe(*probes: str) -> Callable[[Scene], Iterator[Hit]]:
    def test(scene: Scene) -> Iterator[Hit]:
        for component in _workers(scene):
            main = component.main
            if component.node_count == 1 and main and not any(each in main.node for each in probes):
                yield Hit(component.mark, _named(component))

    return test


def _vllm_multinode(scene: Scene) -> Iterator[Hit]:
    if _annotation(scene, _EXECUTOR) is not None:
        return
    for move in scene.moves:
        if move.component.node_count > 1 and move.module == "dynamo.vllm":
            yield Hit(move.component.mark, _named(move.component))


def _own_namespace(scene: Scene) -> Iterator[Hit]:
    running = [move for move in scene.moves if move.module in (*WORKER_MODULES, FRONTEND_MODULE)]
    said = {move.component.name: tuple(_namespaces(move)) for move in running}
    if len({name for names in said.values() for name, _hit in names}) == 1 and all(said.values()):
        return  # All say the same, and see each other.
    yield from (hit for names in said.values() for _name, hit in names)


def _namespaces(move: Move) -> Iterator[tuple[str, Hit]]:
    """Yield each Dynamo namespace that a component is given, with its place."""
    for flag in ("--namespace", "--endpoint"):
        value = move.value(flag)
        if value is not None and "$" not in value:
            name = value.removeprefix("dyn://").partition(".")[0]
            yield name, Hit(move.mark(flag), f"{_named(move.component)} with {flag} {value}")
    for variable in filter(None, map(move.env.get, _NAMESPACE_VARIABLES)):
        if variable.value is not None and "$" not in variable.value:
            hit = Hit(variable.mark, f"{_named(move.component)} with {variable.name}")
            yield variable.value, hit


def _etcd_words(scene: Scene) -> Iterator[Hit]:
    backend = _annotation(scene, _DISCOVERY)
    if backend is not None and backend[0] == _ETCD:
        return
    for move in scene.moves:
        for flag in ("--store-kv", "--discovery-backend"):
            if move.value(flag) == _ETCD:
                yield Hit(move.mark(flag), _named(move.component))
        for name, value in move.env.items():
            is_backend = name in ("DYN_STORE_KV", "DYN_DISCOVERY_BACKEND") and value.value == _ETCD
            if is_backend:
                yield Hit(value.mark, _named(move.component))


def _etcd_only_release(scene: Scene) -> Iterator[Hit]:
    backend = _annotation(scene, _DISCOVERY)
    if backend is not None and backend[0] == _ETCD:
        return
    for move in scene.moves:
        if move.module and move.new_ways.discovery.choices == (_ETCD,):
            yield Hit(move.at, _named(move.component))


def _nats_only_release(scene: Scene) -> Iterator[Hit]:
    for move in scene.moves:
        only = move.new_ways.request_plane.choices == (_NATS,)
        if move.module and only and "NATS_SERVER" not in move.env:
            yield Hit(move.at, _named(move.component))


def _own_service_account(scene: Scene) -> Iterator[Hit]:
    backend = _annotation(scene, _DISCOVERY)
    if backend is not None and backend[0] == _ETCD:
        return
    for component in scene.graph.components:
        spec = component.pod_spec
        if spec is not None and spec.string("serviceAccountName") and component.type != "planner":
            yield Hit(spec.key_mark("serviceAccountName"), _named(component))


def _volume_without_fsgroup(scene: Scene) -> Iterator[Hit]:
    for component in scene.graph.components:
        spec = component.pod_spec
        if spec is None or "securityContext" in spec:
            continue
        claims = [each for each in spec.mappings("volumes") if "persistentVolumeClaim" in each]
        mounts = component.main.node.mappings("volumeMounts") if component.main else ()
        is_claim = bool(claims) or (bool(mounts) and "pvcs" in (_spec(scene) or Mapping()))
        if is_claim:
            yield Hit(component.mark, _named(component))


def _memory_limit(scene: Scene) -> Iterator[Hit]:
    for component in scene.graph.components:
        resources = component.main.node.mapping("resources") if component.main else None
        limits = resources.mapping("limits") if resources is not None else None
        if limits is not None and "memory" in limits and "sharedMemorySize" not in component.node:
            yield Hit(component.mark, _named(component))


def _spec(scene: Scene) -> Mapping | None:
    return scene.document.root.mapping("spec")


def _etcd_annotation(scene: Scene) -> Iterator[Hit]:
    backend = _annotation(scene, _DISCOVERY)
    has_own = any("ETCD_ENDPOINTS" in move.env for move in scene.moves)
    if backend is not None and backend[0] == _ETCD and not has_own:
        yield Hit(backend[1], _DISCOVERY)


def _single_node_workers(scene: Scene) -> Iterator[Hit]:
    for component in _workers(scene):
        if component.node_count == 1:
            yield Hit(component.mark, _named(component))


def _twin_types(scene: Scene) -> Iterator[Hit]:
    # Up to then all workers were of one type; prefill and decode were sub-types.
    twins = [component for component in _workers(scene) if component.type is not None]
    if len(twins) > 1:
        yield from (Hit(each.mark, _named(each)) for each in twins)


def _dotted_name(scene: Scene) -> Iterator[Hit]:
    metadata = scene.document.root.mapping("metadata")
    name = metadata.get("name") if metadata is not None else None
    if isinstance(name, Scalar) and "." in str(name.value):
        yield Hit(name.mark, str(name.value))


def _epp_single_dash(scene: Scene) -> Iterator[Hit]:
    for component in scene.graph.components:
        if component.type != EPP or component.main is None:
            continue
        for word in component.main.args:
            name = word.text.partition("=")[0]
            if name.startswith("-") and not name.startswith("--") and name[2:]:
                yield Hit(word.mark, name, (Replace(word.mark, name, f"-{name}"),))


def _lws_multinode(scene: Scene) -> Iterator[Hit]:
    if scene.graph.declines_grove:
        for component in scene.graph.components:
            if component.node_count > 1:
                yield Hit(component.mark, _named(component))


def _shared_memory_without_size(scene: Scene) -> Iterator[Hit]:
    for component in scene.graph.components:
        service = _service(scene, component)
        shared = service.mapping("sharedMemory") if service is not None else None
        if service is None or shared is None or "size" in shared:
            continue
        if "disabled" in shared and not is_true(shared.get("disabled")):
            mark = service.key_mark("sharedMemory")
            name = f"sharedMemory of {_named(component)}"
            yield Hit(mark, name, (Remove(mark, is_key=True),))


def _nats_words(scene: Scene) -> Iterator[Hit]:
    for move in scene.moves:
        if "NATS_SERVER" in move.env:
            continue
        for backend in (move.new_ways.request_plane, move.new_ways.event_plane):
            flag, variable = backend.flag, backend.variable
            if flag is not None and move.value(flag) == _NATS:
                yield Hit(move.mark(flag), f"{_named(move.component)} with {flag} {_NATS}")
            given = move.env.get(variable or "")
            if given is not None and given.value == _NATS:
                yield Hit(given.mark, f"{_named(move.component)} with {variable}={_NATS}")


def _nats_server(scene: Scene) -> Iterator[Hit]:
    for move in scene.moves:
        if (variable := move.env.get("NATS_SERVER")) is not None:
            yield Hit(variable.mark, f"{_named(move.component)} with NATS_SERVER")


def _no_image(scene: Scene) -> Iterator[Hit]:
    for component in scene.graph.components:
        if component.main is None or not component.main.image:
            yield Hit(component.mark, _named(component))


def _image_without_release(scene: Scene) -> Iterator[Hit]:
    for component in scene.graph.components:
        main = component.main
        if main is None or not main.image or "$" in main.image:
            continue
        has_override = "runtimeVersionOverride" in component.node
        if not has_override and runtime_version(main.image) is None:
            yield Hit(main.node.key_mark("image"), _named(component))


def _grove_annotation(scene: Scene) -> Iterator[Hit]:
    name = "nvidia.com/enable-grove"
    given = _annotation(scene, name)
    if given is not None:
        yield Hit(given[1], name)


TESTS: dict[str, Callable[[Scene], Iterable[Hit]]] = {
    "type-main": _type_main,
    "worker-without-type": _worker_without_type,
    "probe-5000": _probe_5000,
    "no-command": _no_command,
    "lws-annotations": _lws_annotations,
    "default-startup-probe": _without_probe("startupProbe"),
    "default-liveness-probe": _without_probe("livenessProbe"),
    "vllm-multinode": _vllm_multinode,
    "own-namespace": _own_namespace,
    "etcd-words": _etcd_words,
    "own-service-account": _own_service_account,
    "volume-without-fsgroup": _volume_without_fsgroup,
    "memory-limit": _memory_limit,
    "etcd-only-release": _etcd_only_release,
    "nats-only-release": _nats_only_release,
    "etcd-annotation": _etcd_annotation,
    "single-node-workers": _single_node_workers,
    "twin-types": _twin_types,
    "dotted-name": _dotted_name,
    "epp-single-dash": _epp_single_dash,
    "lws-multinode": _lws_multinode,
    "shared-memory-without-size": _shared_memory_without_size,
    "nats-words": _nats_words,
    "nats-server": _nats_server,
    "no-image": _no_image,
    "image-without-release": _image_without_release,
    "grove-annotation": _grove_annotation,
}
