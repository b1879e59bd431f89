"""What is made from what: the key of everything that is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import lws
import node
import preload
import rootfs
from cache import key
from pins import KUBERNETES, LWS, MODULES, NODE_PACKAGES, PROXY_PACKAGES, REPOSITORY

if TYPE_CHECKING:
    from gobuild import Go

# The programs that run beside the cluster, and the modules they come from.
TOOLS = {"kind": "kind", "kubectl": "kubernetes"}


@dataclass(frozen=True)
class Plan:
    """The keys for this source and this machine's Go."""

    go: Go
    images: str
    node: str
    python: str
    manifests: str
    tools: str

    @property
    def key(self) -> str:
        """One word for all of it."""
        return key(self.node, self.python, self.manifests, self.tools)

    @property
    def node_tag(self) -> str:
        """The node image's name."""
        return f"{REPOSITORY}/node:{KUBERNETES}-{self.node}"

    @property
    def python_tag(self) -> str:
        """The base image's name."""
        return f"{REPOSITORY}/python:{self.python}"


def make(go: Go) -> Plan:
    """Work out every key; nothing is built or asked of anyone."""
    modules = {module.name: go.key(module) for module in MODULES}
    proxy = rootfs.key_of(PROXY_PACKAGES, variant=rootfs.UNPACKED)
    images = key(*modules.values(), go.own_key(), proxy, preload.recipe())
    return Plan(
        go=go,
        images=images,
        node=key(images, rootfs.key_of(NODE_PACKAGES), node.recipe()),
        python=rootfs.python_key(),
        manifests=key(LWS, modules["kubernetes"], lws.recipe()),
        tools=key(*(modules[name] for name in TOOLS.values())),
    )
