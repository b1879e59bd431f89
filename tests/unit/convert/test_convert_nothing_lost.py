"""Whatever is written anywhere in a graph is either carried over or said to be left behind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.convert.converter import convert
from dynamo_conformance.convert.file_conversion import convert_text
from dynamo_conformance.convert.source_text import SourceText
from dynamo_conformance.manifest.document import Document, read_documents, read_file
from dynamo_conformance.manifest.emitter import emit
from dynamo_conformance.manifest.node import Entry, Mapping, Scalar, Sequence, from_plain, walk

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Node, Plain
    from dynamo_conformance.manifest.node import Path as NodePath

ROOT = Path(__file__).parents[3]
MANIFESTS = [
    *sorted((ROOT / "tests/data/observed/render").glob("0*.input.yaml")),
    *sorted((ROOT / "examples").rglob("launch/k8s/**/disagg.yaml")),
    Path(__file__).parent / "cases/v1alpha1/whole/input.yaml",
    Path(__file__).parent / "cases/v1alpha1/whole/output.yaml",
]
OTHER = {"v1alpha1": "v1beta1", "v1beta1": "v1alpha1"}
SENTINEL = "written-nowhere-else"
ODD: tuple[Plain, ...] = (
    None,
    5,
    SENTINEL,
    [],
    {},
    {SENTINEL: SENTINEL},
    [SENTINEL],
    [{"name": SENTINEL}],
)


def replaced(node: Node, path: NodePath, new: Node) -> Node:
    """Return a copy of `node` with `new` at `path`; a key that is not there is added."""
    if not path:
        return new
    step = path[0]
    if isinstance(node, Mapping):
        assert isinstance(step, str)
        old = node.get(step) or Mapping()
        entry = Entry(step, replaced(old, path[1:], new))
        return Mapping({**node.entries, step: entry})
    assert isinstance(node, Sequence)
    items = [replaced(one, path[1:], new) if at == step else one for at, one in enumerate(node)]
    return Sequence(tuple(items))


def is_inside(path: NodePath, whole: NodePath) -> bool:
    return path[: len(whole)] == whole


def document_of(path: Path) -> tuple[Document, str]:
    # Beside the graph there may be what is not converted: ConfigMaps.
    (document,) = (one for one in read_file(path) if one.version is not None)
    assert document.version is not None
    return document, OTHER[document.version]


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_an_unknown_field_is_carried_over_or_said(path: Path) -> None:
    document, version = document_of(path)
    owners = [place for place, node in walk(document.root) if isinstance(node, Mapping)]
    assert len(owners) > 3
    for owner in owners:
        place = (*owner, "unknownField")
        root = replaced(document.root, place, Scalar(SENTINEL))
        assert isinstance(root, Mapping)
        conversion = convert(Document("f.yaml", 0, root), version)
        is_said = any(is_inside(place, one.path) for one in conversion.left_behind)
        is_carried = SENTINEL in str(conversion.root.plain())
        assert is_said != is_carried, place


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_odd_values_break_nothing_and_are_carried_over_or_said(path: Path) -> None:
    document, version = document_of(path)
    places = [
        place for place, _node in walk(document.root) if place[:1] in (("spec",), ("status",))
    ]
    for index, place in enumerate(places):
        odd = ODD[index % len(ODD)]
        root = replaced(document.root, place, from_plain(odd))
        assert isinstance(root, Mapping)
        conversion = convert(Document("f.yaml", 0, root), version)
        said = [one.path for one in conversion.left_behind]
        is_said = any(is_inside(place, one) or is_inside(one, place) for one in said)
        assert SENTINEL not in str(odd) or is_said or SENTINEL in str(conversion.root.plain()), (
            place
        )


@pytest.mark.parametrize("where", ["above", "beside"])
@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_comment_anywhere_comes_along(path: Path, where: str) -> None:
    """Each line gets a comment; only those of what is left behind may be missing."""
    document, version = document_of(path)
    written = emit(document.root).splitlines()
    lines = []
    for number, line in enumerate(written):
        indent = " " * (len(line) - len(line.lstrip()))
        above = [f"{indent}# C{number}."] if where == "above" else []
        lines += [*above, f"{line}  # C{number}." if where == "beside" else line]
    text = "\n".join(lines) + "\n"
    if next(iter(read_documents(text, file="f.yaml"))).root != document.root:
        pytest.skip("it holds a text of several lines, in which nothing is a comment")
    converted = convert_text(text, file="f.yaml", version=version)
    counts = [converted.text.count(f"# C{number}.") for number in range(len(written))]
    assert max(counts) == 1
    if not converted.losses:
        assert min(counts) == 1
    else:
        assert sum(counts) > len(counts) / 2


NOTHING = """\
apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: {name: g}
spec:
  pvcs: []
  services:
    W:
      componentType: worker
      ingress: {annotations: {}, host: ""}
      autoscaling: {behavior: {scaleUp: null}}
      labels: {}
"""


def test_what_says_nothing_is_no_loss() -> None:
    assert convert_text(NOTHING, file="f.yaml", version="v1beta1").losses == ()
    told = NOTHING.replace('host: ""', "host: h")
    (loss,) = convert_text(told, file="f.yaml", version="v1beta1").losses
    assert loss.path == "spec.services.W.ingress"


def test_text_that_would_read_as_something_else_is_not_given_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """How a value was written is kept only if it still means the same in its new place."""
    document, version = document_of(MANIFESTS[0])
    text = emit(document.root)
    expected = convert(document, version).root
    for lines in (("[",), ("other",), ("a: b", "c")):
        monkeypatch.setattr(SourceText, "lines_of", lambda _source, _node, lines=lines: lines)
        converted = convert_text(text, file="f.yaml", version=version).text
        (read,) = read_documents(converted, file="f.yaml")
        assert read.root == expected
