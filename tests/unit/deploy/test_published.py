"""Round trip: a config that is equal to a published example gives its graph.

A ConfigMap beside a graph is not compared: deploy writes none, and says that it must be there.
Nor is the annotation that names the GPU: a config has no word for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy_helpers import REPOSITORY, findings, write
from dynamo_conformance.engines.gpu import ANNOTATION
from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.read import read_graph, read_graphs

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Mapping

CONFIGS = Path(__file__).parent / "published"
EXAMPLES = REPOSITORY / "examples" / "llm" / "vllm_v1" / "launch" / "k8s"
FOLDERS = {"v1beta1": EXAMPLES, "v1alpha1": EXAMPLES / "v1alpha1"}


def published() -> list[str]:
    """Return the examples, by their paths below the folder of a version."""
    found = {
        str(one.relative_to(folder))
        for folder in FOLDERS.values()
        for one in folder.rglob("*.yaml")
        if "v1alpha1" not in one.relative_to(folder).parts
        # An overlay makes it, of the graph that another config is equal to.
        and one.stem != "production"
    }
    return sorted(found)


def configs() -> list[str]:
    return sorted(str(one.relative_to(CONFIGS)) for one in CONFIGS.rglob("*.yaml"))


def without_gpu(root: Mapping) -> Mapping:
    """Return a manifest without its one annotation."""
    metadata = root.mapping("metadata")
    annotations = metadata.mapping("annotations") if metadata is not None else None
    assert metadata is not None
    assert annotations is not None
    assert [entry.key for entry in annotations] == [ANNOTATION]
    return root.replaced("metadata", metadata.replaced("annotations", None))


def test_there_is_a_config_for_each_example() -> None:
    assert configs() == published()


@pytest.mark.parametrize("version", FOLDERS)
@pytest.mark.parametrize("name", configs())
def test_the_graph_is_the_published_one(name: str, version: str, tmp_path: Path) -> None:
    files = write(tmp_path / "out", "-f", str(CONFIGS / name), "--api-version", version)
    ((file, text),) = files.items()
    (document,) = read_documents(text, file=file)
    (expected,) = read_graphs(FOLDERS[version] / name)

    graph = read_graph(document)

    assert graph == expected
    assert graph.root == without_gpu(expected.root)
    assert findings(tmp_path / "out" / file) == []
