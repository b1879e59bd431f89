"""ConfigMaps beside a graph, and what a volume shows of them."""

from __future__ import annotations

import pytest

from conformance.manifest.config_maps import (
    ConfigMaps,
    config_maps,
    mounted_files,
    usable_config_maps,
)
from conformance.manifest.document import read_documents

TEXT = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: engine}
data:
  a.yaml: |
    x: 1
  b.yaml: "y: 2"
---
apiVersion: v1
kind: Secret
metadata: {name: other}
data: {a: b}
"""
KNOWN: ConfigMaps = {"engine": {"a.yaml": "x: 1\n", "b.yaml": "y: 2"}}


def test_they_are_found_by_name() -> None:
    assert config_maps(read_documents(TEXT, file="f.yaml")) == KNOWN


@pytest.mark.parametrize(
    ("volume", "files"),
    [
        ("configMap: {name: engine}", KNOWN["engine"]),
        (
            "configMap: {name: engine, items: [{key: a.yaml, path: d/c.yaml}, {key: no, path: n}]}",
            {"d/c.yaml": "x: 1\n"},
        ),
        ("configMap: {name: elsewhere}", None),
        ("emptyDir: {}", None),
    ],
)
def test_a_volume_shows_its_files(volume: str, files: dict[str, str | bytes] | None) -> None:
    (document,) = read_documents(f"name: v\n{volume}\n", file="f.yaml")
    assert mounted_files(document.root, KNOWN) == files


def test_one_that_no_api_server_takes_leaves_the_others_usable() -> None:
    wrong = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: wrong}\ndata: {'a b': x}\n"
    assert usable_config_maps(read_documents(TEXT + wrong, file="f.yaml")) == KNOWN
