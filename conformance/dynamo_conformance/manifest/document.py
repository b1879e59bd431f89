"""Documents: one manifest each, with the file it came from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.files import read_file as file_bytes
from dynamo_conformance.manifest.node import Mapping, Mark, Path, Scalar, Sequence, walk
from dynamo_conformance.manifest.yaml import parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path as FilePath

    from dynamo_conformance.manifest.node import Node

GROUP = "nvidia.com"
KIND = "DynamoGraphDeployment"
OTHER_KINDS = (
    "DynamoCheckpoint",
    "DynamoComponentDeployment",
    "DynamoGraphDeploymentRequest",
    "DynamoGraphDeploymentScalingAdapter",
    "DynamoModel",
    "DynamoWorkerMetadata",
)
"""What else the operator serves; no graphs, and no misspelt ones."""

V1ALPHA1 = "v1alpha1"
V1BETA1 = "v1beta1"
VERSIONS = (V1ALPHA1, V1BETA1)

JSON = ".json"

MAX_BYTES = 16 * 2**20
"""More than any folder's worth of manifests."""

_SEPARATOR = re.compile(r"^---(?=[ \t\r]|$)", re.MULTILINE)
_CONTENT = re.compile(r"(?:^|(?<=[\r\x85\u2028\u2029]))(?!\.\.\.|%)[ \t]*[^\s#]", re.MULTILINE)
_CANDIDATE = re.compile(r"DynamoGraphDeployment(?![A-Za-z])|nvidia\.com/v")


@dataclass(frozen=True)
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

    @cached_property
    def version(self) -> str | None:
        """The DynamoGraphDeployment API version, or None when this is something else."""
        group, _, version = self.api_version.partition("/")
        return version if group == GROUP and self.kind == KIND else None

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


@dataclass(frozen=True, slots=True)
class DocumentText:
    """The text of one document, before it is parsed.

    Attributes:
        file: The file's name as the caller gave it.
        index: Which document of the file it is, from 0; empty documents are not counted.
        line: The line on which the text begins.
        text: The text.
    """

    file: str
    index: int
    line: int
    text: str

    @property
    def may_hold_graphs(self) -> bool:
        """Whether a DynamoGraphDeployment can be in it; when not, nobody needs to parse it."""
        return _CANDIDATE.search(self.text) is not None

    def documents(self) -> tuple[Document, ...]:
        """Return the document; one for each item when it is a `List` of objects.

        Raises:
            ManifestError: The text is no YAML, no manifest, or larger than one can be.
        """
        return tuple(
            Document(self.file, self.index, root)
            for document in _documents(self)
            for root in _items(document)
        )


def sources(text: str, *, file: str) -> tuple[DocumentText, ...]:
    """Return the text cut into its documents; a `---` at the start of a line always is a cut."""
    cuts = [0, *(match.start() for match in _SEPARATOR.finditer(text)), len(text)]
    match: list[DocumentText] = []
    line = 1
    for start, end in pairwise(cuts):
        piece = text[start:end]
        if _CONTENT.search(piece.removeprefix("---")) is not None:
            match.append(DocumentText(file, len(match), line, piece))
        line += _line_breaks(piece)
    return tuple(match)


def _line_breaks(text: str) -> int:
    """Count the line ends, those of the YAML parser: it has more than editors have."""
    others = sum(text.count(char) for char in "\r\x85\u2028\u2029")
    return text.count("\n") + others - text.count("\r\n")


def read_documents(text: str, *, file: str) -> Iterator[Document]:
    """Yield each document of `text` that is a mapping; empty documents are passed over.

    Raises:
        ManifestError: The text is no YAML, or a document is not a mapping.
    """
    for source in sources(text, file=file):
        for root in _documents(source):
            yield Document(file, source.index, root)


def _documents(source: DocumentText) -> Iterator[Mapping]:
    for root in parse(source.text, file=source.file, line=source.line):
        if isinstance(root, Mapping):
            yield root
        elif not (isinstance(root, Scalar) and root.value is None) and not _is_json_patch(root):
            reason = "no manifest: that is a mapping with apiVersion and kind"
            raise ManifestError(source.file, root.mark, reason)


def _is_json_patch(root: Node) -> bool:
    """Whether a list is one of operations (RFC 6902), which `kustomize` applies to an object."""
    if not isinstance(root, Sequence) or not root.items:
        return False
    return all(isinstance(item, Mapping) and "op" in item and "path" in item for item in root)


def _items(root: Mapping) -> tuple[Mapping, ...]:
    """Return the objects of a `List`, as `kubectl get -o yaml` prints them, or the object."""
    is_list = root.string("apiVersion") == "v1" and root.string("kind") == "List"
    return root.mappings("items") if is_list else (root,)


def read_text(path: FilePath) -> str:
    """Return the text of a file.

    Raises:
        ManifestError: It is too large, or no UTF-8 text.
        OSError: The file cannot be read at all.
    """
    return decoded(file_bytes(path, most=MAX_BYTES), file=str(path))


def decoded(data: bytes, *, file: str) -> str:
    """Return `data` as text.

    Raises:
        ManifestError: It is too large, or no UTF-8 text.
    """
    if len(data) > MAX_BYTES:
        reason = f"larger than {MAX_BYTES // 2**20} MiB; no manifest is"
        raise ManifestError(file, Mark(1, 1), reason)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ManifestError(file, _mark_at(data, error.start), "not UTF-8 text") from error
    if (at := data.find(b"\0")) >= 0:
        reason = "a NUL byte: not UTF-8 text; is it another encoding, or no text at all?"
        raise ManifestError(file, _mark_at(data, at), reason)
    # In JSON a tab stands between values alone; YAML takes none there.
    return text.replace("\t", " ") if file.endswith(JSON) else text


def read_file(path: FilePath) -> tuple[Document, ...]:
    """Return the documents of a file.

    Raises:
        ManifestError: The file cannot be read as YAML manifests.
        OSError: The file cannot be read at all.
    """
    return tuple(read_documents(read_text(path), file=str(path)))


def _mark_at(data: bytes, index: int) -> Mark:
    return Mark(data[:index].count(b"\n") + 1, index - data.rfind(b"\n", 0, index))
