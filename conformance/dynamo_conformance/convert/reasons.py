"""Why something cannot be carried over, and what to do by hand.

Each key is a path, and its words are for that and all inside; the first that fits is used. A step
`*` is any one step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dynamo_conformance.manifest.document import V1ALPHA1, V1BETA1

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Path

_DOCUMENT: Final = {
    "status": "the operator writes it; nothing to do",
    "metadata annotations": (
        "the operator's own notes on a conversion; convert the manifest that its author wrote"
    ),
    "spec pvcs": "v1beta1 makes no claims; create each PersistentVolumeClaim yourself",
}

_SWITCH: Final = (
    "enabled is not true, and v1beta1 has it only when it is on; nothing to do if it is to be off"
)

_SERVICE: Final = {
    "dynamoNamespace": (
        "Dynamo ignores it, and only labels pods with it; nothing to do unless something selects "
        "pods by nvidia.com/dynamo-namespace"
    ),
    "autoscaling": "Dynamo ignores it; set scalingAdapter: {} and scale that",
    "ingress": "v1beta1 has none; create the Ingress yourself",
    "serviceName": "the component's name is used; nothing to do",
    "annotations": "components have none; for pods, write them in podTemplate.metadata.annotations",
    "labels": "components have none; for pods, write them in podTemplate.metadata.labels",
    "subComponentType": "only a worker is divided, in prefill and decode; check type",
    "componentType": "a type is one word; set type",
    "sharedMemory": (
        "a size is not 0, and only goes with memory that is not disabled; set sharedMemorySize, "
        '"0" for none (without it: 8Gi)'
    ),
    "volumeMounts * useAsCompilationCache": (
        "only the first mount that says true becomes compilationCache; choose one"
    ),
    "volumeMounts *": (
        "only name and mountPoint move, and one compilation cache; write the rest in volumeMounts "
        "of the container main"
    ),
    "extraPodMetadata": "pods only get annotations and labels from it; nothing to do",
    "extraPodSpec mainContainer name": "its name is always main; nothing to do",
    "extraPodSpec mainContainer": (
        "empty, 0 and false replace nothing in the service's own field, nor does a number a port's "
        "name; keep the one that is right"
    ),
    "extraPodSpec containers *": (
        "it is no container, or is called main beside mainContainer; give it a name of its own"
    ),
    "scalingAdapter": _SWITCH,
    "gpuMemoryService": _SWITCH,
    "failover": _SWITCH,
    "envs": "mainContainer.env has the same name and wins; nothing to do",
    "envFromSecret": "mainContainer.envFrom wins; add a secretRef there if the Secret is needed",
    "livenessProbe": "mainContainer.livenessProbe wins; keep the one that is right",
    "readinessProbe": "mainContainer.readinessProbe wins; keep the one that is right",
    "resources * gpuType": "without gpu it says nothing; set a limit in the container main",
    "resources claims": "mainContainer.resources.claims wins; write all of them there",
    "resources *": (
        "mainContainer.resources says it too, and wins, or it is no quantity of cpu, memory, gpu "
        "or of what stands below custom; write it in resources of the container main"
    ),
    "resources": "mainContainer.resources wins; keep the one that is right",
    "": "a service without content makes no component; leave it out, or fill it in",
}

_COMPONENT: Final = {
    "podTemplate metadata": "v1alpha1 has only annotations and labels for pods; nothing to do",
    "podTemplate spec containers * name": (
        "v1alpha1 calls this container sidecar-frontend; change what refers to it by name"
    ),
    "podTemplate spec containers * resources": (
        "v1alpha1 has limits, requests and claims, no more; check how it is spelt"
    ),
    "podTemplate spec containers *": (
        "it is no container, or a second one called main; give it a name of its own"
    ),
    "frontendSidecar": (
        "v1alpha1 takes image, args, env and one whole Secret for it, no more; the container "
        "stays, without the frontend's defaults: write its command, ports and probes out"
    ),
    "experimental grove": "v1alpha1 has no word for it; keep the graph in v1beta1 if it needs it",
    "dynamoSidecar": "v1alpha1 has no word for it; keep the graph in v1beta1 if it needs it",
    "type": "a type is one word; set componentType",
    "": "a component without a name has no key among the services; give it a name",
}

_OWNER_STEPS: Final = 3
"""How many steps lead to a service or a component: `spec.services.NAME`."""


def reason(path: Path, version: str) -> str:
    """Return why what is at `path` cannot be said in `version`, and what to do about it."""
    steps = tuple(str(step) for step in path)
    if (words := _words(_DOCUMENT, steps)) is not None:
        return words
    owner, inner = steps[:_OWNER_STEPS], steps[_OWNER_STEPS:]
    if len(owner) == _OWNER_STEPS and owner[:2] in (("spec", "services"), ("spec", "components")):
        table = _SERVICE if owner[1] == "services" else _COMPONENT
        if not inner:
            return table[""]
        if (words := _words(table, inner)) is not None:
            return words
    other = V1ALPHA1 if version == V1BETA1 else V1BETA1
    return f"{version} has no place for it; check whether {other} has, and how it is spelt"


def _words(table: dict[str, str], steps: tuple[str, ...]) -> str | None:
    for pattern, words in table.items():
        if pattern and _matches(pattern.split(), steps):
            return words
    return None


def _matches(pattern: list[str], steps: tuple[str, ...]) -> bool:
    return len(steps) >= len(pattern) and all(
        wanted in ("*", step) for wanted, step in zip(pattern, steps, strict=False)
    )
