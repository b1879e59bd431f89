"""What the pods of a group share when a replica spans nodes: the wait for its leader, ssh keys."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.kube.resources import kube_object
from dynamo_conformance.operator.objects import wait_for_leader
from dynamo_conformance.operator.objects.last_applied import noted
from dynamo_conformance.rendering import labels, names
from dynamo_conformance.rendering.vllm_multinode import WAIT_SCRIPT

if TYPE_CHECKING:
    from dynamo_conformance.kube.resources import KubeObject, Owner
    from dynamo_conformance.manifest.graph import Graph


@dataclass(frozen=True, slots=True, kw_only=True)
class SshKey:
    """The key pair with which the nodes of a group open each other's ssh.

    Attributes:
        private: The private key, as OpenSSH writes it.
        public: The public key, one line.
    """

    private: bytes
    public: bytes


def wait_script(graph: Graph, *, namespace: str, owner: Owner) -> KubeObject:
    """Return the ConfigMap with the script that followers wait with."""
    script = Path(wait_for_leader.__file__).read_text(encoding="utf-8")
    made = kube_object(
        "v1",
        "ConfigMap",
        names.wait_leader_config(graph),
        namespace=namespace,
        owner=owner,
        labels={labels.GRAPH: graph.name},
        data={WAIT_SCRIPT: script},
    )
    return noted(made)


def ssh_secret(key: SshKey, *, namespace: str) -> KubeObject:
    """Return the Secret with the keys; it is there for all graphs of a namespace, and stays."""
    return kube_object(
        "v1",
        "Secret",
        names.SSH_SECRET,
        namespace=namespace,
        owner=None,
        labels={"app.kubernetes.io/managed-by": "dynamo-operator"},
        type="Opaque",
        data={
            "private.key": base64.b64encode(key.private).decode(),
            "private.key.pub": base64.b64encode(key.public).decode(),
        },
    )


def new_key() -> SshKey:
    """Return a key pair that nobody has yet."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    key = Ed25519PrivateKey.generate()
    return SshKey(
        private=key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()),
        public=key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + b"\n",
    )
