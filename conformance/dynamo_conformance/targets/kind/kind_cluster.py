"""The lifetime of a kind cluster: created once, reused, and only deleted when we made it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.kube.labels import PART, WORLD
from dynamo_conformance.targets.interface import TargetUnavailableError
from dynamo_conformance.targets.kind import required_programs

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_kubernetes.providers.kind import KindManagerBase

DEFAULT_NAME = "dynamo-conformance"
CREATE_SECONDS = 240
READY_SECONDS = 120

NODE_IMAGE_VARIABLE = "DYN_CONFORMANCE_NODE_IMAGE"
PUBLIC_NODE_IMAGE = "kindest/node:v{version}"

_CONFIG = """\
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
name: {name}
# Lets requests be scaled down at admission; Kubernetes 1.36 and later have it without asking.
featureGates:
  MutatingAdmissionPolicy: true
runtimeConfig:
  admissionregistration.k8s.io/v1beta1: "true"
nodes:
  - role: control-plane
{image}    labels:
      {label}: {value}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindOptions:
    """Which kind cluster is used.

    Attributes:
        image: The node image; None leaves the choice to kind, or to `version`.
        version: The Kubernetes version, such as `1.34.0`, of kind's public node image.
        delete: Whether it is deleted after the run, if we made it.
    """

    name: str = DEFAULT_NAME
    image: str | None = None
    version: str | None = None
    delete: bool = False

    @property
    def node_image(self) -> str | None:
        """The node image that is asked for, or None when kind may choose."""
        if self.image is None and self.version is not None:
            return PUBLIC_NODE_IMAGE.format(version=self.version.removeprefix("v"))
        return self.image


@dataclass(frozen=True, slots=True, kw_only=True)
class KindCluster:
    """A running kind cluster.

    Attributes:
        kubeconfig: The file that leads to it.
        is_ours: Whether we made it, in this run or an earlier run.
    """

    name: str
    kubeconfig: Path
    is_ours: bool

    @property
    def context(self) -> str:
        """Its context in the kubeconfig."""
        return f"kind-{self.name}"

    @property
    def node(self) -> str:
        """The container that is its node."""
        return f"{self.name}-control-plane"

    def nodes(self) -> tuple[str, ...]:
        """Return the containers that are its nodes."""
        names = required_programs.output("kind", "get", "nodes", "--name", self.name)
        return tuple(names.split())

    def load(self, image: str) -> None:
        """Load an image of the local engine into every node that has none of that name.

        The name must identify what is in it, as the names of our images do: kind itself would copy
        the complete image each time to find out that it is there.
        """
        if all(_full_name(image) in _images(node) for node in self.nodes()):
            return
        try:
            _manager(self.name, self.kubeconfig).load_image(shlex.quote(image))
        except subprocess.CalledProcessError as failed:
            raise _unavailable(f"cannot load {image} into {self.name}", failed) from failed

    def rename(self, image: str, names: tuple[str, ...]) -> None:
        """Let a loaded image answer to other names too; the local engine's own stay as they are."""
        full = _full_name(image)
        for node in self.nodes():
            images = _images(node)
            for name in names:
                if images.get(name) != images.get(full):
                    _ctr(node, "images", "tag", "--force", full, name)

    def delete(self) -> None:
        """Delete it, if it is ours; a cluster that somebody else made is left alone."""
        if not self.is_ours:
            return
        try:
            _manager(self.name, self.kubeconfig).delete()
        except subprocess.CalledProcessError as failed:
            raise _unavailable(f"cannot delete the kind cluster {self.name}", failed) from failed


def open_cluster(options: KindOptions, *, progress: Callable[[str], None]) -> KindCluster:
    """Return the cluster that `options` names, made when there is none of that name.

    Raises:
        TargetUnavailableError: A program is missing, or kind could not make it.
    """
    kubeconfig = _kubeconfig_path(options.name)
    exists = exported(options.name)
    if not exists:
        progress(f"kind: making the cluster {options.name}")
        _create(options, kubeconfig)
    cluster = KindCluster(
        name=options.name,
        kubeconfig=kubeconfig,
        is_ours=not exists or _has_our_label(options.name, kubeconfig),
    )
    if exists and options.node_image is not None:
        _check_image(cluster, options.node_image)
    return cluster


def exported(name: str) -> bool:
    """Return whether there is a kind cluster of a name; then its kubeconfig is written too.

    Raises:
        TargetUnavailableError: A program is missing.
    """
    required_programs.require()
    kubeconfig = _kubeconfig_path(name)
    kubeconfig.parent.mkdir(parents=True, exist_ok=True)
    if name not in required_programs.output("kind", "get", "clusters").split():
        return False
    required_programs.output(
        "kind", "export", "kubeconfig", "--name", name, "--kubeconfig", str(kubeconfig)
    )
    return True


def existing_cluster(name: str) -> KindCluster:
    """Return a cluster that is there already; nothing in it is looked at or changed.

    Raises:
        TargetUnavailableError: A program is missing, or there is no such cluster.
    """
    if not exported(name):
        raise TargetUnavailableError(
            f"there is no kind cluster {name}: name one with --dynamo-kind-cluster"
        )
    return KindCluster(name=name, kubeconfig=_kubeconfig_path(name), is_ours=False)


def _create(options: KindOptions, kubeconfig: Path) -> None:
    image = options.node_image
    handle, name = tempfile.mkstemp(prefix="kind-", suffix=".yaml")
    os.close(handle)
    config = Path(name)
    config.write_text(
        _CONFIG.format(
            name=options.name,
            image=f"    image: {image}\n" if image is not None else "",
            label=PART,
            value=WORLD,
        ),
        encoding="utf-8",
    )
    from pytest_kubernetes.options import ClusterOptions

    kubeconfig.unlink(missing_ok=True)
    wanted = ClusterOptions(
        cluster_name=options.name,
        # It hands its words to a shell; the configuration it also reads, so no quotes there.
        kubeconfig_path=Path(shlex.quote(str(kubeconfig))),
        provider_config=config,
        cluster_timeout=CREATE_SECONDS,
    )
    try:
        _manager(options.name, kubeconfig).create(wanted, timeout=READY_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as failed:
        raise _unavailable(f"kind could not make the cluster {options.name}", failed) from failed
    except RuntimeError as failed:
        raise TargetUnavailableError(f"the kind cluster {options.name}: {failed}") from failed
    finally:
        config.unlink(missing_ok=True)


def _manager(name: str, kubeconfig: Path) -> KindManagerBase:
    """Return what makes, fills and deletes the cluster of that name.

    A name that it is given gets `pytest-` before it; a name in a configuration file stays.
    """
    from pytest_kubernetes.providers.kind import KindManagerBase

    with tempfile.NamedTemporaryFile("w", prefix="kind-", suffix=".yaml") as config:
        config.write(json.dumps({"name": name}))
        config.flush()
        return KindManagerBase(provider_config=config.name, kubeconfig=kubeconfig)


def _images(node: str) -> dict[str, str]:
    """Return the digest of each image that a node has, by its full name."""
    # A head, then lines of REF TYPE DIGEST SIZE PLATFORMS LABELS.
    lines = _ctr(node, "images", "list").splitlines()[1:]
    return {name: digest for name, _type, digest, *_rest in (line.split() for line in lines)}


def _ctr(node: str, *words: str) -> str:
    return required_programs.output("docker", "exec", node, "ctr", "--namespace=k8s.io", *words)


def _full_name(image: str) -> str:
    """Return the name that containerd gives to an image of the local engine's own."""
    return f"docker.io/{image}"


def _check_image(cluster: KindCluster, wanted: str) -> None:
    """Refuse to test on another Kubernetes than the one that was asked for."""
    running = required_programs.output(
        "docker", "inspect", "--format", "{{.Config.Image}}", cluster.nodes()[0]
    ).strip()
    if running.partition("@")[0] != wanted.partition("@")[0]:
        raise TargetUnavailableError(
            f"the kind cluster {cluster.name} runs the node image {running}, not {wanted}; "
            f"delete it (kind delete cluster --name {cluster.name}), or name another cluster "
            "with --dynamo-kind-cluster"
        )


def _has_our_label(name: str, kubeconfig: Path) -> bool:
    nodes = required_programs.output(
        "kubectl", "--kubeconfig", str(kubeconfig), "--context", f"kind-{name}",
        "get", "nodes", "--selector", f"{PART}={WORLD}", "--output", "name",
    )  # fmt: skip
    return bool(nodes.strip())


def _kubeconfig_path(name: str) -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "dynamo-conformance" / "kind" / f"{name}.kubeconfig"


def _unavailable(what: str, failed: subprocess.SubprocessError) -> TargetUnavailableError:
    if isinstance(failed, subprocess.TimeoutExpired):
        return TargetUnavailableError(f"{what}: not done after {failed.timeout:.0f} s")
    output = getattr(failed, "stderr", b"") or getattr(failed, "output", b"") or b""
    text = output.decode(errors="replace") if isinstance(output, bytes) else str(output)
    lines = [line for line in text.strip().splitlines() if line.strip()][-12:]
    return TargetUnavailableError("\n".join((f"{what}:", *lines)))
