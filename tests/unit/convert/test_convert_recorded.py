"""The conversions that the real operator was seen to make, in both directions.

Each recording is an input that was created in one version and read back in the other. The webhook's
annotation is no part of it: it keeps, for the way back, what the other version has no place for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.convert.converter import convert
from dynamo_conformance.manifest.document import Document, read_file
from dynamo_conformance.manifest.read import read_graph
from dynamo_conformance.manifest.v1alpha1 import to_v1beta1

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Mapping, Plain

OBSERVED = Path(__file__).parents[2] / "data" / "observed"
RECORDED = sorted(OBSERVED.glob("convert/*.yaml"))
IMAGE = "example/dynamo-mocker:1.6.1"
OTHER = {"v1alpha1": "v1beta1", "v1beta1": "v1alpha1"}

BOOKKEEPING = (
    "nvidia.com/dgd-spec",
    "nvidia.com/current-worker-hash-v2",
    "nvidia.com/dynamo-operator-origin-version",
    "nvidia.com/workload-provider",
)
"""Annotations of the webhook and the controller."""

DEFAULTS: dict[str, Plain] = {
    "replicas": 1,  # the mutating webhook's
    "protocol": "TCP",  # a port's, in the schema
    "hostNetwork": False,  # Go leaves a false out
    "resources": {},  # and writes this struct although it is empty,
    "name": "",  # as it does a name in mainContainer
}


def plain(root: Plain) -> Plain:
    """Return an object without defaults and bookkeeping; components in the order of names."""
    if isinstance(root, list):
        items = [plain(item) for item in root]
        if all(isinstance(item, dict) and "podTemplate" in item for item in items):
            return sorted(items, key=lambda item: str(inside(item)["name"]))
        return items
    if not isinstance(root, dict):
        return root
    found = {key: plain(value) for key, value in root.items() if key not in BOOKKEEPING}
    if root.get("annotations") and not found["annotations"]:
        del found["annotations"]
    return {key: value for key, value in found.items() if DEFAULTS.get(key, ...) != value}


def pair(recorded: Path) -> tuple[Document, Document]:
    """Return the input of a recording, and what was read back."""
    name = recorded.name.partition(".as-")[0]
    (document,) = read_file(OBSERVED / "render" / f"{name}.input.yaml")
    (wanted,) = read_file(recorded)
    return document, wanted


def in_v1beta1(document: Document) -> Mapping:
    return to_v1beta1(document.root) if document.version == "v1alpha1" else document.root


def test_ten_conversions_were_recorded() -> None:
    assert len(RECORDED) == 10


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda path: path.stem)
def test_a_graph_becomes_what_the_operator_makes_of_it(recorded: Path) -> None:
    document, wanted = pair(recorded)
    assert wanted.version is not None
    ours, theirs = plain(convert(document, wanted.version).root.plain()), plain(wanted.root.plain())
    if recorded.name.startswith("04-"):
        # "0" comes back as disabled with a size; schemas between this one and the first refuse
        # a size beside disabled, and it says nothing.
        shared = inside(theirs, "spec", "services", "decode", "sharedMemory")
        assert shared.pop("size") == "0"
    if recorded.name.startswith("08-"):
        # The operator notes in its annotation that `fe` is the frontend's sidecar, and leaves a
        # container without a frontend's defaults. v1alpha1's own word for it keeps the graph going.
        worker = inside(theirs, "spec", "services", "worker")
        assert inside(worker, "extraPodSpec").pop("containers") == [{"name": "fe", "image": IMAGE}]
        worker["frontendSidecar"] = {"image": IMAGE}
    assert ours == theirs


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda path: path.stem)
def test_what_the_operator_made_comes_back_as_the_same_graph(recorded: Path) -> None:
    document, wanted = pair(recorded)
    assert document.version is not None
    back = convert(wanted, document.version)
    returned = Document(wanted.file, 0, back.root)
    ours, before = plain(in_v1beta1(returned).plain()), plain(in_v1beta1(document).plain())
    if recorded.name.startswith("08-"):
        # Only the annotation knew that `fe` is the frontend's sidecar.
        assert inside(before, "spec", "components", 1).pop("frontendSidecar") == "fe"
    assert ours == before


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda path: path.stem)
def test_both_recorded_versions_convert_to_the_same_graph_and_back(recorded: Path) -> None:
    for document in pair(recorded):
        assert document.version is not None
        there = Document("", 0, convert(document, OTHER[document.version]).root)
        if recorded.name.startswith("08-") and document.version == "v1beta1":
            continue  # v1alpha1 has one name for the sidecar's container
        ours, before = read_graph(there), read_graph(document)
        assert plain(in_v1beta1(there).plain()) == plain(in_v1beta1(document).plain())
        assert (ours.name, ours.env) == (before.name, before.env)


def inside(root: Plain, *steps: str | int) -> dict[str, Plain]:
    """Return a mapping inside `root`."""
    for step in steps:
        if isinstance(root, dict):
            root = root[str(step)]
        elif isinstance(root, list):
            root = root[int(step)]
    assert isinstance(root, dict)
    return root
