"""How many pods a test cluster holds at once."""

from __future__ import annotations

from decimal import Decimal

import pytest

from dynamo_conformance.plugin.cluster_session import CPU_POD_BYTES, POD_BYTES, _room
from dynamo_conformance.targets import CPU, MOCK
from dynamo_conformance.targets.cluster.node_fit import ClusterNode


def node(memory: int) -> ClusterNode:
    return ClusterNode(
        name="n",
        labels={},
        taints=(),
        allocatable={"memory": Decimal(memory), "cpu": Decimal(2)},
        taken={"memory": Decimal(memory) / 2},
    )


@pytest.mark.parametrize(
    ("engine", "memory", "pods", "starting"),
    [
        (MOCK, 20 * POD_BYTES, 10, 32),
        (CPU, 20 * CPU_POD_BYTES, 10, 1),
        (CPU, CPU_POD_BYTES, 1, 1),
    ],
)
def test_an_engine_on_a_cpu_starts_alone_and_takes_more(
    engine: str, memory: int, pods: int, starting: int
) -> None:
    room = _room((node(memory),), engine)
    assert (room.pods, room.starting) == (pods, starting)
