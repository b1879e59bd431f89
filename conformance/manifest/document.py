"""Documents: one manifest each, with the file it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.manifest.errors import ManifestError
from conformance.manifest.node import Mapping, Mark, Path, Scalar, walk
from conformance.manifest.yaml import parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path as FilePath

    from conformance.manifest.node import Node

GROUP = "nvidia.com"
KIND = "DynamoGraphDeployment"
V1ALPHA1 = "v1alpha1"
V1BETA1 = "v1beta1"
VERSIONS = (V1ALPHA1, V1BETA1)


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file.

    Attributes:
        file: The file's name as the caller gave it.
        index: Which document of the file it is, from 0; empty documents are not counted.
        root: The whole document.
    """

    file: str
    index: int
    root: Mapping

    @property
    def api_version(self) -> str:
        """`group/version` as written, or an empty string."""
        return self.root.string("apiVersion") or ""

    @property
    def kind(self) -> str:
        """The kind as written, or an empty string."""
        return self.root.string("kind") or ""

    @property
    def name(self) -> str:
        """`metadata.name` or `metadata.generateName`, or an empty string."""
        metadata = self.root.mapping("metadata")
        if metadata is None:
            return ""
        return metadata.string("name") or metadata.string("generateName") or ""

    @property
    def version(self) -> str | None:
        """The DynamoGraphDeployment API version, or None when this is something else."""
        group, _, version = self.api_version.partition("/")
        return version if group == GROUP and self.kind == KIND else None

    def path_of(self, node: Node) -> Path:
        """Return where in the document `node` was written, found by its mark.

        A node that moved when the document was converted is found where its author wrote it.
        """
        return self.path_at(node.mark)

    def path_at(self, mark: Mark) -> Path:
        """Return the path of what was written at `mark`: the outermost value, or its key."""
        for path, candidate in walk(self.root):
            if candidate.mark == mark:
                return path
            if isinstance(candidate, Mapping):
                for entry in candidate:
                    if entry.mark == mark:
                        return (*path, entry.key)
        return ()


def read_documents(text: str, *, file: str) -> Iterator[Document]:
    """Yield each document of `text` that is a mapping; empty documents are passed over.

    Raises:
        ManifestError: The text is no YAML, or a document is not a mapping.
    """
    index = 0
    for root in parse(text, file=file):
        if isinstance(root, Mapping):
            yield Document(file, index, root)
        elif isinstance(root, Scalar) and root.value is None:
            continue
        else:
            raise ManifestError(
                file, root.mark, "no manifest: that is a mapping with apiVersion and kind"
            )
        index += 1


def read_file(path: FilePath) -> tuple[Document, ...]:
    """Return the documents of a file.

    Raises:
        ManifestError: The file cannot be read as YAML manifests.
        OSError: The file cannot be read at all.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ManifestError(str(path), Mark(line, 1), "not UTF-8 text") from error
    return tuple(read_documents(text, file=str(path)))
