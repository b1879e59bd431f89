"""What a cluster has beside the Dynamo operator, as far as its verdicts depend on it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Feature(StrEnum):
    """What a cluster can have, by the word that `--cluster-has` takes."""

    LWS = "lws"
    GROVE = "grove"
    INFERENCE_EXTENSION = "inference-extension"
    NATS = "nats"
    ETCD = "etcd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The optional parts of a cluster.

    Attributes:
        lws: The LeaderWorkerSet controller (and the Volcano API group the operator asks for).
        grove: Grove, which then runs every graph that does not decline it.
        inference_extension: The Gateway API inference extension, which an `epp` component needs.
        nats: A NATS server whose address the operator gives to graphs.
        etcd: An etcd server whose address the operator gives to graphs.
    """

    lws: bool = False
    grove: bool = False
    inference_extension: bool = False
    nats: bool = False
    etcd: bool = False

    def has(self, feature: Feature) -> bool:
        """Whether the cluster has `feature`."""
        return {
            Feature.LWS: self.lws,
            Feature.GROVE: self.grove,
            Feature.INFERENCE_EXTENSION: self.inference_extension,
            Feature.NATS: self.nats,
            Feature.ETCD: self.etcd,
        }[feature]
