"""Image references, as a kubelet reads them."""

from __future__ import annotations

import pytest

from dynamo_conformance.lint.image_reference import image_fault


@pytest.mark.parametrize(
    "text",
    [
        "",
        "busybox",
        "host:5000",
        "host:5000/a",
        "localhost/a",
        "Registry/a:T",
        "[::1]:5000/a",
        "a/b_c__d--e.f:v1",
        "a@sha256:" + "0" * 64,
        "nvcr.io/nvidia/x:1.6.1@sha256:" + "0" * 64,
        "${REGISTRY}/A",
        "{{ image }}",
    ],
)
def test_references_have_no_fault(text: str) -> None:
    assert image_fault(text) is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("busybox ", "space"),
        ("busybox\t:1", "space"),
        ("https://busybox", "scheme"),
        ("'busybox'", "quote"),
        ("a@sha256:12", "digest"),
        ("a@", "digest"),
        ("a:", "tag"),
        ("a:1+2", "tag"),
        ("a:" + "1" * 129, "tag"),
        ("nvcr.io/Nvidia/x", 'write it "nvidia/x"'),
        ("Busybox", 'write it "busybox"'),
        ("-a.b/c", "registry"),
        ("<image>", "repository"),
        ("a//b", "repository"),
        ("a/" + "b" * 256, "longer"),
    ],
)
def test_anything_else_is_told_why(text: str, fault: str) -> None:
    assert fault in (image_fault(text) or "")
