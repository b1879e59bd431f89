"""The published images run as user dynamo, who cannot look under /root.

Their user is dynamo (uid 1000), at home in `/home/dynamo`. A cache mounted under `/root` is never
found, so every pod downloads its model again, or takes a local path for a hub id.

Fix: mount it at `/home/dynamo/.cache/huggingface`, or anywhere and set `HF_HOME` to the mount.

PASS:
    volumeMounts:
      - name: model-cache
        mountPath: /home/dynamo/.cache/huggingface

FAIL:
    volumeMounts:
      - name: model-cache
        mountPath: /root/.cache/huggingface
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.image_release import image_release, parse_image
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.manifest.node import Scalar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.graph import Component, Container
    from dynamo_conformance.manifest.node import Mapping

SEVERITY = Severity.WARNING

_ROOT = "/root"
_MESSAGE = (
    "the published images run as user dynamo, who cannot look under /root; "
    "mount it at /home/dynamo/.cache/huggingface, or elsewhere and set HF_HOME to the mount"
)


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each mount under /root of a container that does not run as root."""
    for component in subject.graph.components:
        for container in component.containers:
            text = container.image or ""
            is_known = image_release(text, subject.release).is_studied
            if not parse_image(text).is_published or not is_known or _is_root(component, container):
                continue
            for mount in container.node.mappings("volumeMounts"):
                path = mount.get("mountPath")
                if isinstance(path, Scalar) and _is_under_root(path.text):
                    yield Problem(path.mark, _MESSAGE)


def _is_under_root(path: str) -> bool:
    return path == _ROOT or path.startswith(f"{_ROOT}/")


def _is_root(component: Component, container: Container) -> bool:
    own = _user(container.node)
    spec = component.pod_spec
    user = own if own is not None or spec is None else _user(spec)
    return user == 0


def _user(node: Mapping) -> int | None:
    context = node.mapping("securityContext")
    return context.integer("runAsUser") if context is not None else None
