"""What is written is read again, and written in a plain layout where that says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.convert import converter
from dynamo_conformance.convert.file_conversion import convert_text
from dynamo_conformance.manifest.node import Mapping, from_plain

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain

GRAPH = """\
apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata:
  name: g
spec:
  envs:
  - name: A  # kept
    value: 'b'
"""


@pytest.mark.parametrize("dash", ["  - name", "    - name"])
def test_a_layout_that_says_something_else_is_given_up_but_for_comments_and_dashes(
    monkeypatch: pytest.MonkeyPatch, dash: str
) -> None:
    monkeypatch.setattr(converter, "_reads_as", lambda _text, _root: False)
    text = GRAPH.replace("  - name", dash).replace("    value", f"{' ' * dash.index('n')}value")
    written = convert_text(text, file="g.yaml", version="v1beta1").text
    assert f"\n{dash}: A  # kept\n" in written
    assert "value: b\n" in written


@pytest.mark.parametrize(
    ("text", "value", "is_same"),
    [
        ("a: {}", {"a": {}}, True),
        ("a: []", {"a": {}}, False),
        ("a: {}", {"a": []}, False),
        ("a: 1", {"a": 1.0}, False),
        ("a: 1", {"a": "1"}, False),
        ("b: 1", {"a": 1}, False),
        ("a: 1\n---\na: 1", {"a": 1}, False),
        ("a: {", {"a": 1}, False),
    ],
)
def test_a_text_says_the_same_with_the_same_types(
    *, text: str, value: Plain, is_same: bool
) -> None:
    root = from_plain(value)
    assert isinstance(root, Mapping)
    assert converter._reads_as(text, root) is is_same
