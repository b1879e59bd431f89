"""The LeaderWorkerSet controller's manifests, rendered from its own module."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from cache import content
from command import run
from pins import LWS_IMAGE

# Where its module lays the parts of its default installation.
DEFAULT = Path("config") / "default"
IMAGE_IN_MODULE = "us-central1-docker.pkg.dev/k8s-staging-images/lws/lws"
DEPLOYMENT = "lws-controller-manager"
CONTAINER = "manager"
FILE = "lws.yaml"


def recipe() -> str:
    """What decides the manifests, beside the module."""
    return content(Path(__file__)) + LWS_IMAGE


def render(folder: Path, source: Path, kubectl: Path, log: Path) -> None:
    """Write all the manifests into one file: certificates of its own, one replica, small."""
    work = folder / "work"
    shutil.copytree(source / "config", work / "config", copy_function=shutil.copyfile)
    overlay = work / "overlay"
    overlay.mkdir()
    text = json.dumps(_kustomization(), indent=2)
    (overlay / "kustomization.yaml").write_text(text, encoding="utf-8")
    with (folder / FILE).open("wb") as out:
        run(kubectl, "kustomize", overlay, log=log, stdout=out)
    shutil.rmtree(work)


def _kustomization() -> dict[str, object]:
    name, _, tag = LWS_IMAGE.rpartition(":")
    container = {
        "name": CONTAINER,
        "imagePullPolicy": "IfNotPresent",
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
    }
    patch = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": DEPLOYMENT, "namespace": "lws-system"},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [container]}}},
    }
    return {
        "resources": [f"../{DEFAULT}"],
        "images": [{"name": IMAGE_IN_MODULE, "newName": name, "newTag": tag}],
        "patches": [{"patch": json.dumps(patch)}],
    }
