"""A large model that lies on no volume is downloaded again at every start.

What a pod writes is gone with it. A worker that is restarted, moved or scaled out fetches its model
anew, hundreds of GB for the largest; until then it does not serve, and startup probes may end it
first. Where the hub cannot be reached, it never does.

Only models of 60 GB and more are judged, by what their names say (billions of parameters; two bytes
for each unless FP8, FP4, AWQ or the like is in the name). Images of one's own may hold the model,
and init containers may bring it; neither is judged, nor is anything that comes from elsewhere
(`MODEL_EXPRESS_URL`).

Fix: mount a PersistentVolumeClaim, and let `HF_HOME` name it.

PASS:
    env: [{name: HF_HOME, value: /model-cache}]
    volumeMounts: [{name: model-cache, mountPath: /model-cache}]

FAIL:
    args: [--model, Qwen/Qwen3-235B-A22B]  # and no volume
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.image_release import parse_image
from dynamo_conformance.engines.serving import WORKER_ROLES, model_source
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.model_files import gigabytes, is_hub_id
from dynamo_conformance.lint.rule import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.engine_settings import EngineSettings
    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.INFO

_LARGE = 60
"""GB. A smaller one is there within minutes on most networks."""

_PASSING = frozenset({"emptyDir", "configMap", "secret", "downwardAPI", "projected"})
"""Volumes that are empty when a pod starts, or hold no models."""

_ELSEWHERE = ("MODEL_EXPRESS_URL", "HF_HUB_OFFLINE")


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each worker that fetches a large model and keeps it nowhere."""
    for worker in subject.settings:
        if worker.part.role not in WORKER_ROLES:
            continue
        model = model_source(worker.part)
        size = gigabytes(model) if model is not None and is_hub_id(model) else None
        if size is None or size < _LARGE or _may_keep(worker):
            continue
        message = (
            f'component "{worker.part.component.name}" downloads {model}, about {size} GB, at '
            "every start; mount a PersistentVolumeClaim, and let HF_HOME name it"
        )
        yield Problem(worker.mark("model", "model_path"), message)


def _may_keep(worker: EngineSettings) -> bool:
    """Whether a worker has a place for the model that outlives its pods, or gets it otherwise."""
    component = worker.part.component
    main, pod = component.main, component.pod_spec
    if main is None or pod is None or not parse_image(main.image or "").is_published:
        return True
    if pod.sequence("initContainers") or any(map(worker.environment, _ELSEWHERE)):
        return True
    passing = {
        volume.string("name")
        for volume in pod.mappings("volumes")
        if any(kind in volume for kind in _PASSING)
    }
    # A mount of a volume that is not declared is the operator's, of the claim of that name.
    mounted = {mount.string("name") for mount in main.node.mappings("volumeMounts")}
    return bool(mounted - passing)
