"""Under which names a node finds images."""

from __future__ import annotations

import pytest

from dynamo_conformance.targets.image_names import full_name


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("nvcr.io/nvidia/x:1.6.1", "nvcr.io/nvidia/x:1.6.1"),
        ("team/x:1", "docker.io/team/x:1"),
        ("x", "docker.io/library/x:latest"),
        ("localhost:5000/x", "localhost:5000/x:latest"),
        ("nvcr.io/x:1@sha256:00", "nvcr.io/x:1"),
    ],
)
def test_images_by_their_full_names(name: str, full: str) -> None:
    assert full_name(name) == full
