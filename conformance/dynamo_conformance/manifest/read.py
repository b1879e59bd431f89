"""The way in: from a document, or a file, to its graphs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dynamo_conformance.manifest import v1alpha1, v1beta1
from dynamo_conformance.manifest.config_maps import config_maps
from dynamo_conformance.manifest.document import KIND, V1ALPHA1, VERSIONS, read_file
from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.node import Mark
from dynamo_conformance.manifest.suggest import did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

    from dynamo_conformance.manifest.document import Document
    from dynamo_conformance.manifest.graph import Graph


def read_graph(document: Document) -> Graph:
    """Return the graph that `document` describes.

    Raises:
        ManifestError: It is no DynamoGraphDeployment of a version known here.
    """
    if document.version not in VERSIONS:
        mark = document.root.key_mark("kind" if document.version is None else "apiVersion")
        raise ManifestError(document.file, mark, _not_a_graph(document))
    if document.version == V1ALPHA1:
        return v1beta1.read(v1alpha1.to_v1beta1(document.root), document=document)
    return v1beta1.read(document.root, document=document)


def read_graphs(path: Path) -> tuple[Graph, ...]:
    """Return the graphs in a file; documents of other kinds are passed over.

    Raises:
        ManifestError: The file is no YAML, or holds no graph.
        OSError: The file cannot be read.
    """
    documents = read_file(path)
    beside = config_maps(documents)
    graphs = tuple(
        replace(read_graph(document), config_maps=beside)
        for document in documents
        if document.version is not None
    )
    if not graphs:
        named = {document.kind or "documents without a kind" for document in documents}
        kinds = ", ".join(sorted(named)) or "nothing"
        raise ManifestError(str(path), Mark(1, 1), f"holds no {KIND}, only {kinds}")
    return graphs


def _not_a_graph(document: Document) -> str:
    if document.version is None:
        known = ", ".join(f"nvidia.com/{version}" for version in VERSIONS)
        what = f"{document.api_version or 'no apiVersion'}, kind {document.kind or 'missing'}"
        return f"not a {KIND} ({what}); expected {known}"
    hint = did_you_mean(document.version, VERSIONS)
    return f"unknown API version nvidia.com/{document.version}{hint or '; expected v1beta1'}"
