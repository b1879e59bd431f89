"""One document in the other version: the tree, its text, and what could not be carried over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.convert.comments import Comments
from dynamo_conformance.convert.lost_values import Leftover, leftovers, numbers
from dynamo_conformance.convert.quantities import with_quantities_only
from dynamo_conformance.convert.value_tracking import Numbering
from dynamo_conformance.manifest.conversion_annotations import without_notes
from dynamo_conformance.manifest.document import V1BETA1
from dynamo_conformance.manifest.emitter import YamlLayout, emit
from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.node import Mapping, Mark, Scalar, Sequence, walk
from dynamo_conformance.manifest.to_v1alpha1 import refuse_namesakes, to_v1alpha1
from dynamo_conformance.manifest.v1alpha1 import to_v1beta1
from dynamo_conformance.manifest.yaml import parse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamo_conformance.convert.source_text import Comment, SourceText
    from dynamo_conformance.manifest.document import Document
    from dynamo_conformance.manifest.node import Node

_FIRST = ("apiVersion", "kind", "metadata", "spec")


@dataclass(frozen=True, slots=True)
class Conversion:
    """A converted document.

    Attributes:
        root: The document in the other version; marks point at what its author wrote.
        left_behind: What that version has no place for.
        numbering: What the author wrote.
        numbered: `root` with numbers for marks.
    """

    root: Mapping
    left_behind: tuple[Leftover, ...]
    numbering: Numbering
    numbered: Mapping

    def text(self, source: SourceText, comments: Iterable[Comment]) -> str:
        """Return the converted document as YAML, with its author's comments.

        Args:
            source: The text that the document was read from.
            comments: Those of the document.
        """
        layout = self._layout(source, comments)
        text = emit(self.numbered, layout)
        if _reads_as(text, self.numbered):
            return text
        # What was written hangs on its place in a way that nobody foresaw; the values come first.
        return emit(self.numbered, YamlLayout(remarks=layout.remarks, is_compact=layout.is_compact))

    def _layout(self, source: SourceText, comments: Iterable[Comment]) -> YamlLayout:
        owned = Comments(self.numbering, source)
        owned.add(comments)
        ends = self.numbering.origins
        gone = {
            number
            for value in self.left_behind
            for number in range(value.number, ends[value.number].end)
        }
        remarks = owned.moved(self.numbering, numbers(self.numbered), gone)
        layout = YamlLayout(
            remarks={Mark(number, 0): remark for number, remark in remarks.items()},
            is_compact=_is_compact(self.numbering, source),
        )
        for number, origin in ends.items():
            written = origin.written
            if isinstance(written, Scalar) and isinstance(origin.node, Scalar):
                if (lines := source.lines_of(written)) is not None:
                    layout.written[Mark(number, 0)] = (origin.node, lines)
            elif written is not None and origin.node and source.in_one_line(written):
                layout.in_line[Mark(number, 0)] = origin.node
        return layout


def convert(document: Document, version: str) -> Conversion:
    """Return a DynamoGraphDeployment in `version`.

    It is not judged: what has the wrong type or an unknown name is carried over as it is, or left
    behind.

    Raises:
        ManifestError: Two components have the same name, which v1alpha1 cannot say.
    """
    numbering = Numbering(document.root)
    root = without_notes(numbering.root).replaced("status", None)
    if version == V1BETA1:
        converted = to_v1beta1(with_quantities_only(root))
    else:
        refuse_namesakes(document)
        converted = to_v1alpha1(root)
    converted = _in_natural_order(converted)
    left = tuple(leftovers(numbering, numbers(converted)))
    restored = numbering.restored(converted)
    assert isinstance(restored, Mapping)  # noqa: S101 - a copy is of the same kind
    return Conversion(restored, left, numbering, converted)


def _in_natural_order(root: Mapping) -> Mapping:
    ordered = {key: root.entries[key] for key in _FIRST if key in root}
    return Mapping({**ordered, **root.entries}, root.mark)


def _is_compact(numbering: Numbering, source: SourceText) -> bool:
    """Whether the author writes a list's dashes below the first letter of its key."""
    for origin in numbering.origins.values():
        if isinstance(origin.node, Sequence) and origin.mark.line > origin.begin.line:
            first = source.lines[origin.mark.line - 1][origin.mark.column - 1 :]
            if first.startswith("-"):
                return origin.mark.column == origin.begin.column
    return False


def _reads_as(text: str, root: Mapping) -> bool:
    try:
        documents = list(parse(text, file=""))
    except ManifestError:
        return False
    return len(documents) == 1 and _typed(documents[0]) == _typed(root)


def _typed(root: Node) -> list[tuple[str, str]]:
    """Return what a tree says, with the types that equality overlooks (1 and 1.0)."""
    entries = []
    for path, node in walk(root):
        said = f"{type(node.value).__name__} {node.value}" if isinstance(node, Scalar) else ""
        entries.append((repr(path), said or type(node).__name__))
    return sorted(entries)
