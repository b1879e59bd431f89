"""What an engine keeps in `/dev/shm` must fit there.

Without a volume there containers get 64 MiB; the operator mounts 8Gi unless the manifest says
otherwise. Tensor parallel ranks talk through it: with too little, NCCL ends with "no space left on
device". These lie there as a whole:

* KV blocks that vLLM moves off the GPU: `--kv-offloading-size`, or `cpu_bytes_to_use` of an
  OffloadingConnector in `--kv-transfer-config`, once for each data parallel rank of the pod. vLLM
  looks at start whether they fit, and ends.
* vLLM's cache of images and the like, with `--mm-processor-cache-type shm`.
* All experts of the model, once per node, where TensorRT-LLM's load balancer moves them as it runs
  (`layer_updates_per_iter` above 0). They are written while the model loads, and the first that
  does not fit ends the worker with a bus error.

What lies there counts against the container's memory limit too.

Fix: give the size that the message names, or leave it out for 8Gi where that is enough.

PASS:
    sharedMemorySize: 72Gi
    args: [..., --kv-offloading-size, "64"]

FAIL:
    args: [..., --kv-offloading-size, "64"]  # 8Gi unless it is said
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from typing import TYPE_CHECKING

from dynamo_conformance.engines import limits
from dynamo_conformance.engines.trtllm_options import BadOptionsError, options
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.lint.rules.kv_connector import connector_configs
from dynamo_conformance.manifest.fields import is_null, is_true
from dynamo_conformance.manifest.node import Mapping, Scalar
from dynamo_conformance.manifest.quantity import parse_quantity
from dynamo_conformance.rendering.volumes import SHARED_MEMORY_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.flag import Json
    from dynamo_conformance.lint.engine_settings import EngineSettings
    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.graph import Component
    from dynamo_conformance.manifest.node import Mark
    from dynamo_conformance.rendering.ways import Ways

SEVERITY = Severity.WARNING

_GIB = 1 << 30
_LEAST = Decimal(_GIB)
_REST = 8
"""GiB for what engines have there anyway; what the operator gives."""
_MOUNT = "/dev/shm"  # noqa: S108 - the place that NCCL uses
_DESTS = ("tensor_parallel_size", "tp_size")
_SIMPLE = "VLLM_USE_SIMPLE_KV_OFFLOAD"
_OFFLOAD = "kv_offloading_size"
_TRANSFER = "kv_transfer_config"
_CACHE = "mm_processor_cache_gb"
_CACHE_TYPE = "mm_processor_cache_type"
_BALANCER = "moe_config.load_balancer"
_UPDATES = "layer_updates_per_iter"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    """The shared memory of a pod.

    Attributes:
        bytes: How much there is.
        shown: What to call it.
        mark: Where it is written, or None where nobody wrote it.
    """

    bytes: Decimal
    shown: str
    mark: Mark | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Use:
    """Something that an engine keeps in shared memory.

    Attributes:
        bytes: How much of one pod's it takes.
        what: What it is, and which setting wants it.
        mark: Where that is written.
        end: What happens when it does not fit.
    """

    bytes: Decimal
    what: str
    mark: Mark
    end: str


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each shared memory that is too small for what a component's engine keeps there."""
    for settings in subject.studied_settings:
        component = settings.part.component
        room = _room(component, subject.ways)
        uses = tuple(_uses(settings)) if room is not None else ()
        if room is not None and uses:
            yield from _problems(component, room, uses)
        elif room is not None and room.mark is not None:
            yield from _for_ranks(settings, room, room.mark)


def _for_ranks(settings: EngineSettings, room: _Room, mark: Mark) -> Iterator[Problem]:
    ranks = _ranks(settings)
    if room.bytes < _LEAST and ranks > settings.part.component.node_count:
        shown = f"{room.shown} of shared memory" if room.bytes else room.shown
        message = f"{shown} for {ranks} tensor parallel ranks: NCCL finds no space in {_MOUNT}"
        yield Problem(mark, f"{message}; leave it out for 8Gi, or give at least 1Gi")


def _problems(component: Component, room: _Room, uses: tuple[_Use, ...]) -> Iterator[Problem]:
    """Yield where `uses` do not fit: shared memory, or else the memory limit."""
    needed = sum((use.bytes for use in uses), Decimal(0))
    what = " and ".join(use.what for use in uses)
    fitting = f"{ceil(needed / _GIB) + _REST}Gi"
    if room.bytes < needed:
        shown = room.shown if room.bytes else "64Mi, as of any container"
        message = f"{what} lie in {_MOUNT}, which has {shown}: {uses[0].end}"
        advice = f"give at least {fitting}, and a memory limit that holds them too"
        mark = room.mark or uses[0].mark
        yield Problem(mark, f"{message}; {advice}", severity=Severity.ERROR)
        return
    limit = _memory_limit(component)
    held = parse_quantity(limit.text) if limit is not None else None
    if limit is not None and held is not None and held <= needed:
        message = (
            f"{what} lie in {_MOUNT} and count against the memory limit {limit.text}: the "
            f"container is ended for it; give more than {fitting}"
        )
        yield Problem(limit.mark, message, severity=Severity.ERROR)


def _room(component: Component, ways: Ways) -> _Room | None:
    """Return the shared memory of a component's pods; None when nobody can tell here.

    The operator puts its own volume in the place of the author's, unless it is to give none.
    """
    size = component.node.get("sharedMemorySize")
    if not isinstance(size, Scalar) or is_null(size):
        if not ways.shared_memory:
            return None  # What there is, is the container runtime's affair.
        default = parse_quantity(SHARED_MEMORY_SIZE) or Decimal(0)
        return _Room(bytes=default, shown=f"{SHARED_MEMORY_SIZE}, the operator's own")
    given = parse_quantity(size.text)
    if given is None:
        return None
    if given:
        return _Room(bytes=given, shown=size.text, mark=size.mark)
    if _is_hosts(component):
        return None
    mounts = component.main.node.mappings("volumeMounts") if component.main is not None else ()
    name = next((it.string("name") for it in mounts if it.string("mountPath") == _MOUNT), None)
    if name is None:
        return _Room(bytes=Decimal(0), shown="no shared memory", mark=size.mark)
    return _of_volume(component, name)


def _of_volume(component: Component, name: str) -> _Room | None:
    """Return the room of the author's own volume, where it is memory of a size."""
    spec = component.pod_spec
    for volume in spec.mappings("volumes") if spec is not None else ():
        source = volume.mapping("emptyDir") if volume.string("name") == name else None
        size = source.get("sizeLimit") if source is not None else None
        given = parse_quantity(size.text) if isinstance(size, Scalar) else None
        if isinstance(size, Scalar) and given is not None:
            return _Room(bytes=given, shown=size.text, mark=size.mark)
    return None


def _is_hosts(component: Component) -> bool:
    spec = component.pod_spec
    return spec is not None and is_true(spec.get("hostIPC"))


def _uses(settings: EngineSettings) -> Iterator[_Use]:
    main = settings.part.component.main
    if main is None or not main.gpus:
        # Elsewhere vLLM keeps such blocks in memory of its own.
        return
    if settings.module == "dynamo.vllm":
        yield from _offloads(settings)
        yield from _caches(settings)
    elif settings.module == "dynamo.trtllm":
        yield from _expert_copies(settings)


def _offloads(settings: EngineSettings) -> Iterator[_Use]:
    """Yield the KV blocks that vLLM keeps there."""
    size = parse_quantity(settings.text(_OFFLOAD) or "")
    if size is not None:
        simple = settings.environment(_SIMPLE)
        is_simple = simple is not None and simple.value not in (None, "", "0")
        if settings.text("kv_offloading_backend") == "native" and not is_simple:
            yield _blocks(settings, _OFFLOAD, size * _GIB)
        return
    known = limits.load()
    for config in connector_configs(settings):
        extra = config.get("kv_connector_extra_config")
        name = config.get("kv_connector")
        if name not in known.offload_connectors or not isinstance(extra, dict):
            continue
        size = _number(extra.get("cpu_bytes_to_use"))
        is_shared = extra.get("spec_name", "CPUOffloadingSpec") in known.offload_specs
        if size is not None and is_shared and config.get("kv_connector_module_path") is None:
            yield _blocks(settings, _TRANSFER, size)


def _blocks(settings: EngineSettings, dest: str, size: Decimal) -> _Use:
    ranks = _local_ranks(settings)
    each = f" for each of {ranks} data parallel ranks" if ranks > 1 else ""
    return _Use(
        bytes=size * ranks,
        what=f"{_gib(size)} of KV blocks{each} ({settings.label(dest)})",
        mark=settings.mark(dest),
        end="vLLM ends at start",
    )


def _local_ranks(settings: EngineSettings) -> int:
    """Return how many data parallel ranks run in one pod; each keeps blocks of its own."""
    if settings.given("data_parallel_rank"):
        return 1
    local = settings.number("data_parallel_size_local")
    total = settings.number("data_parallel_size") or 1
    return max(local or -(-total // max(settings.part.component.node_count, 1)), 1)


def _caches(settings: EngineSettings) -> Iterator[_Use]:
    size = parse_quantity(settings.text(_CACHE) or "")
    if settings.text(_CACHE_TYPE) == "shm" and size:
        yield _Use(
            bytes=size * _GIB,
            what=f"{_gib(size * _GIB)} of processed images ({settings.label(_CACHE_TYPE)} shm)",
            mark=settings.mark(_CACHE_TYPE),
            end="the worker ends with a bus error once it is full",
        )


def _expert_copies(settings: EngineSettings) -> Iterator[_Use]:
    """Yield the copies of all experts that TensorRT-LLM keeps to move them as it runs."""
    updates = _number(_balancer(settings).get(_UPDATES))
    experts = limits.load().experts.get(settings.text("model") or "") if updates else None
    if experts is None:
        return
    yield _Use(
        bytes=Decimal(experts.bytes),
        what=f"{_gib(Decimal(experts.bytes))} of experts ({experts.how}; {_UPDATES} {updates})",
        mark=settings.option_mark(_BALANCER),
        end="the worker ends while it loads the model",
    )


def _balancer(settings: EngineSettings) -> dict[str, Json]:
    """Return the settings of the load balancer, its file's included where that is here."""
    value = settings.option(_BALANCER)
    if isinstance(value, dict):
        return value
    text = settings.files.get(value) if isinstance(value, str) else None
    if text is None:
        return {}
    try:
        return options(file=text, override=None, dotted={})
    except BadOptionsError:
        return {}


def _number(value: Json) -> Decimal | None:
    is_number = isinstance(value, int | float | str) and not isinstance(value, bool)
    return parse_quantity(str(value)) if is_number else None


def _gib(size: Decimal) -> str:
    return f"{size / _GIB:.4g} GiB"


def _memory_limit(component: Component) -> Scalar | None:
    main = component.main
    node: Mapping | None = main.node if main is not None else None
    for key in ("resources", "limits"):
        node = node.mapping(key) if node is not None else None
    limit = node.get("memory") if node is not None else None
    return limit if isinstance(limit, Scalar) else None


def _ranks(settings: EngineSettings) -> int:
    values = (settings.number(dest) for dest in _DESTS)
    return next((value for value in values if value is not None), 1)
