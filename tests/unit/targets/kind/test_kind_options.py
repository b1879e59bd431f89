"""Which node image is asked for."""

from __future__ import annotations

import pytest

from dynamo_conformance.targets.kind.kind_cluster import KindOptions


@pytest.mark.parametrize(
    ("options", "image"),
    [
        (KindOptions(), None),
        (KindOptions(version="v1.34.0"), "kindest/node:v1.34.0"),
        (KindOptions(version="1.34.0", image="mine:1"), "mine:1"),
    ],
)
def test_which_node_image_is_asked_for(options: KindOptions, image: str | None) -> None:
    assert options.node_image == image
