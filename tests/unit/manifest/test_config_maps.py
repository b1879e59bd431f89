"""ConfigMaps beside a graph, and what a volume shows of them."""

from __future__ import annotations

import pytest

from dynamo_conformance.manifest.config_maps import (
    ConfigMaps,
    config_maps,
    files_of_main,
    mounted_files,
    usable_config_maps,
    variables,
)
from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.read import read_graph

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
        ("configMap: {name: engine, items: [{key: a.yaml}, {path: n}]}", {}),
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


@pytest.mark.parametrize(
    ("fields", "line", "words"),
    [
        ("data: {a: b}\nbinaryData:\n  a: Yg==", 6, "in data and in binaryData"),
        ("data:\n  a/b: c", 5, 'no key of a ConfigMap can be "a/b"'),
        ("data:\n  ..a: c", 5, "nothing that begins with"),
        ('data:\n  ".": c', 5, 'no key of a ConfigMap can be "."'),
        (f"data:\n  {'a' * 254}: c", 5, "1 to 253 letters"),
        ("data:\n  a:\n    1", 6, 'data "a" is no text; put it in quotes'),
        ("data:\n  a:\n    [b]", 6, "is no text"),
        ("binaryData:\n  a:\n    b", 6, 'binaryData "a" is no base64'),
        (f"data:\n  ab: {'c' * (2**20 - 1)}", 1, f"a ConfigMap of {2**20 + 1} bytes"),
    ],
)
def test_what_the_api_server_refuses_is_an_error_where_it_stands(
    fields: str, line: int, words: str
) -> None:
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m}}\n{fields}\n"
    with pytest.raises(ManifestError) as caught:
        config_maps(read_documents(text, file="f.yaml"))
    assert words in caught.value.reason
    assert (caught.value.file, caught.value.mark.line) == ("f.yaml", line)


def test_what_it_takes_is_read() -> None:
    most = "c" * (2**20 - 8)
    text = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n"
        f'data: {{ab: "{most}", k: null, .a: ""}}\n'
        'binaryData: {b: "/w==\\n", o: null}\n'
    )
    held = {"ab": most, "k": "", ".a": "", "b": b"\xff", "o": b""}
    assert config_maps(read_documents(text, file="f.yaml")) == {"m": held}


def test_variables_are_what_the_kubelet_makes_of_texts() -> None:
    held: dict[str, str | bytes] = {"A": "1", "b.c": "2", "D": b"3"}
    assert list(variables(held)) == [("A", "1"), ("b.c", "2")]
    assert list(variables(held, prefix="X_")) == [("X_A", "1"), ("X_b.c", "2")]
    assert list(variables(held, prefix="=")) == []


GRAPH = """\
apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata: {name: g}
spec:
  components:
    - name: W
      type: worker
      podTemplate:
        spec:
          volumes:
            - {name: e, emptyDir: {}}
            - {name: v, configMap: {name: engine}}
          containers:
            - name: main
              volumeMounts:
                - MOUNT
"""


@pytest.mark.parametrize(
    ("mount", "files"),
    [
        ("{name: v, mountPath: /etc/x/}", {"/etc/x/a.yaml": "1", "/etc/x/b": "2"}),
        ("{name: v, mountPath: /etc/x.yaml, subPath: a.yaml}", {"/etc/x.yaml": "1"}),
        ("{name: v, mountPath: /etc/x.yaml, subPath: other}", {}),
        ("{name: v, mountPath: /etc/x.yaml, subPathExpr: $(A)}", {}),
        ("{name: v}", {}),
        ("{name: e, mountPath: /etc/x}", {}),
        ("{name: none, mountPath: /etc/x}", {}),
    ],
)
def test_the_main_container_sees_the_texts_that_are_mounted(
    mount: str, files: dict[str, str]
) -> None:
    (document,) = read_documents(GRAPH.replace("MOUNT", mount), file="f.yaml")
    (worker,) = read_graph(document).components
    held: ConfigMaps = {"engine": {"a.yaml": "1", "b": "2", "c": b"3"}}
    assert files_of_main(worker, held) == files
    assert files_of_main(worker, {}) == {}
