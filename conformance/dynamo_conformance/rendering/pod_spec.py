"""A component's pod spec at one position: its containers, volumes, account and pull secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.manifest.graph import EPP, MAIN
from dynamo_conformance.manifest.node import Mapping, Scalar, from_plain
from dynamo_conformance.manifest.suggest import did_you_mean
from dynamo_conformance.rendering import defaults, engine_launch, environment, names, volumes
from dynamo_conformance.rendering.node_merge import is_set, made, overlaid, sequence
from dynamo_conformance.rendering.pod_context import Position
from dynamo_conformance.rendering.pull_secrets import with_secrets
from dynamo_conformance.rendering.reconcile_failure import COMPONENT_ERROR, ReconcileFailure
from dynamo_conformance.rendering.ways import NEWEST

if TYPE_CHECKING:
    from dynamo_conformance.manifest.graph import Component
    from dynamo_conformance.rendering.pod_context import PodContext

GRACE_SECONDS = NEWEST.grace
PICKER_GRACE_SECONDS = 130
FS_GROUP = 1000


def pod_spec(context: PodContext, position: Position) -> Mapping:
    """Return the pod spec, made in the operator's own order: it decides what stands last."""
    component = context.component
    written = component.main.node if component.main is not None else None
    main = volumes.mounted(defaults.main_container(context, written=written), context)
    shared = main.mappings("volumeMounts")
    main = engine_launch.rewritten(main, context, position)
    spec = volumes.with_cache_volume(_pod_defaults(context), context)
    spec, main = volumes.with_shared_memory(spec, main, component, ways=context.ways)
    beside = _beside(context, shared)
    spec = spec.replaced("containers", sequence((main, *beside)))
    spec = volumes.ordered(engine_launch.completed(spec, context, position), main)
    spec = with_secrets(spec, context.pull_secrets, annotations=context.annotations)
    if position is not Position.ALONE:
        _check_started(main, component)
    return spec


def _pod_defaults(context: PodContext) -> Mapping:
    """Return the author's pod spec without its containers, above the operator's defaults."""
    written = (context.component.pod_spec or Mapping()).replaced("containers", None)
    is_picker = context.component.type == EPP
    grace = PICKER_GRACE_SECONDS if is_picker else context.ways.grace
    base = made(restartPolicy="Always")
    if grace:
        base = base.replaced("terminationGracePeriodSeconds", from_plain(grace))
    if is_picker:
        base = base.replaced("volumes", sequence((made(name="hf-cache", emptyDir={}),)))
    spec = overlaid(base, written)
    if context.ways.fs_group and not is_set(written.get("securityContext")):
        spec = spec.replaced("securityContext", made(fsGroup=FS_GROUP))
    if context.component.type == environment.PLANNER:
        return spec.replaced("serviceAccountName", _account(names.PLANNER_ACCOUNT))
    if written.string("serviceAccountName"):
        return spec
    if is_picker:
        return spec.replaced("serviceAccountName", _account(names.PICKER_ACCOUNT))
    account = "default" if context.uses_etcd else names.discovery_account(context.graph)
    return spec.replaced("serviceAccountName", _account(account))


def _account(name: str) -> Scalar:
    return Scalar(name, text=name)


def _beside(context: PodContext, shared: tuple[Mapping, ...]) -> tuple[Mapping, ...]:
    """Return the author's other containers, the one that is to be a frontend made one."""
    component = context.component
    wanted = component.node.string("frontendSidecar")
    others = []
    for container in component.containers:
        if container.name == MAIN:
            continue
        node = container.node
        if wanted and container.name == wanted:
            node = defaults.frontend_sidecar(context, written=node, mounts=shared)
        others.append(node)
    known = [container.name for container in component.containers]
    if wanted and wanted not in known:
        hint = did_you_mean(wanted, known)
        message = f'component {component.name}: frontendSidecar names no container "{wanted}"{hint}'
        raise ReconcileFailure(COMPONENT_ERROR, message)
    return tuple(others)


def _check_started(main: Mapping, component: Component) -> None:
    """Refuse what a LeaderWorkerSet is never made of: a container without command and args."""
    for key in ("command", "args"):
        if not main.sequence(key):
            message = f"component {component.name}: a multinode component needs {key} in main"
            raise ReconcileFailure(COMPONENT_ERROR, message)
