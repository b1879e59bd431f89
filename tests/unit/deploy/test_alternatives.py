"""The three alternatives of the proposal: one graph, and the same on every output."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest
import yaml

from deploy_helpers import ALTERNATIVES, REPOSITORY, TARGETS, findings, words_of, write
from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.read import read_graph
from dynamo_launch.serve.serve_command import plan

if TYPE_CHECKING:
    from pathlib import Path

    from dynamo_conformance.manifest.graph import Graph

COMPONENTS = {"http-ingress": 5, "vllm-worker": 2}


def graph_of(files: dict[str, str]) -> Graph:
    (document,) = read_documents(files["dynamo-graph.yaml"], file="dynamo-graph.yaml")
    return read_graph(document)


def bare(text: str) -> str:
    """Return a text without its comments."""
    lines = (re.sub(r"(^|  )#.*$", "", line).rstrip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)


@pytest.mark.parametrize("version", ["v1beta1", "v1alpha1"])
def test_they_give_one_graph(version: str, tmp_path: Path) -> None:
    graphs = [
        graph_of(write(tmp_path / name, *words_of(name), "--api-version", version))
        for name in ALTERNATIVES
    ]
    assert graphs[0] == graphs[1] == graphs[2]
    assert {one.name: one.replicas for one in graphs[0].components} == COMPONENTS


@pytest.mark.parametrize("target", TARGETS)
def test_they_give_the_same_files_but_for_comments(target: str, tmp_path: Path) -> None:
    written = [
        {
            file: bare(text)
            for file, text in write(tmp_path / name, *words_of(name), "--target", target).items()
        }
        for name in ALTERNATIVES
    ]
    assert written[0] == written[1] == written[2]
    assert all(written[0].values())


@pytest.mark.parametrize("version", ["v1beta1", "v1alpha1"])
def test_the_manifest_has_no_findings(version: str, tmp_path: Path) -> None:
    write(tmp_path / "out", *words_of("one_file"), "--api-version", version)
    assert findings(tmp_path / "out" / "dynamo-graph.yaml") == []


@pytest.mark.parametrize("name", ALTERNATIVES)
def test_every_output_has_the_command_that_serve_would_execute(name: str, tmp_path: Path) -> None:
    file = words_of(name)[1]
    lines = [plan([one, "-f", file], {}).line() for one in COMPONENTS]
    graph = graph_of(write(tmp_path / "k8s", *words_of(name)))
    assert [
        shlex.join(word.text for word in (*one.main.command, *one.main.args))
        for one in graph.components
        if one.main is not None
    ] == lines

    services = yaml.safe_load(
        write(tmp_path / "compose", *words_of(name), "--target", "compose")["compose.yaml"]
    )["services"]
    assert {shlex.join(one["entrypoint"] + one["command"]) for one in services.values()} == {*lines}

    for target, script in (("local", "dynamo-graph.sh"), ("slurm", "dynamo-graph.sbatch")):
        text = write(tmp_path / target, *words_of(name), "--target", target)[script]
        joined = " ".join(text.replace("\\\n", " ").split())
        assert lines[1] in joined
        assert lines[0].replace("8000", '"$DYN_HTTP_PORT"') in joined


def test_the_examples_have_no_image_but_a_published_one() -> None:
    texts = [one.read_text() for one in (REPOSITORY / "examples" / "deploy").rglob("*.yaml")]
    images = {image for text in texts for image in re.findall(r"image: (\S+)", text)}
    assert images == {"nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1"}
