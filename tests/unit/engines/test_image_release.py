"""The release of a component: what tags and overrides say, and which known one judges it."""

from __future__ import annotations

import pytest

from dynamo_conformance.engines.image_release import Fit, image_release, release_of
from dynamo_conformance.engines.releases import NEWEST, Release
from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.read import read_graph


@pytest.mark.parametrize(
    ("tag", "known", "fit"),
    [
        ("1.6.1", "1.6.1", Fit.SAME),
        ("v1.6.0-cuda13-arm64", "1.6.1", Fit.SAME),
        ("1.6", "1.6.1", Fit.SAME),
        ("0.9", "0.9.1", Fit.SAME),
        ("0.9.0-cuda13", "0.9.1", Fit.SAME),
        ("0.8.1.post2", "0.8.1", Fit.SAME),
        ("1.5.0rc1", "1.5.1", Fit.SAME),
        ("1.6.1-developer", "1.6.1", Fit.SAME),
        ("dynamo-1.4.1-vllm0.26.0", "1.4.2", Fit.SAME),
        ("dynamo-1.4.1-vllm0.26.0-patches4", "1.4.2", Fit.SAME),
        ("patched_dynamo_v0.9.1", "0.9.1", Fit.SAME),
        ("mine-dynamo1.6", "1.6.1", Fit.SAME),
        ("1.6.0-some-model-dev.1", "1.6.1", Fit.NEAREST),
        ("1.6.0.dev20260801", "1.6.1", Fit.NEAREST),
        ("1.6.1-nightly", "1.6.1", Fit.NEAREST),
        ("1.7.0", "1.6.1", Fit.NEAREST),
        ("2.0.0", "1.6.1", Fit.NEAREST),
        ("0.10.0", "0.9.1", Fit.NEAREST),
        ("0.3.2", "0.4.1", Fit.NONE),
    ],
)
@pytest.mark.parametrize("registry", ["nvcr.io/nvidia/ai-dynamo", "registry.local:5000/mirror"])
def test_a_tag_says_the_release_wherever_it_names_it(
    registry: str, tag: str, known: str, fit: Fit
) -> None:
    judged = image_release(f"{registry}/vllm-runtime:{tag}")
    assert (str(judged.known), judged.fit) == (known, fit)
    assert judged.said in tag
    assert judged.said


@pytest.mark.parametrize(
    "image",
    ["nvcr.io/nvidia/ai-dynamo/vllm-runtime", "a/vllm-runtime:mine", "a/b:main-12ab34c", "",
     "a/vllm-runtime@sha256:" + "0" * 64],
)  # fmt: skip
def test_an_image_that_says_none_runs_the_default(image: str) -> None:
    assert image_release(image).known == NEWEST
    judged = image_release(image, Release(0, 9, 1))
    assert (judged.said, judged.known, judged.fit) == ("", Release(0, 9, 1), Fit.SAME)


@pytest.mark.parametrize(
    ("tag", "known"), [("0.9.0", "0.9.1"), ("2.0.0", "1.6.1"), ("0.2.0", "1.6.1")]
)
def test_the_number_of_an_own_image_may_be_its_own(tag: str, known: str) -> None:
    judged = image_release(f"acme/worker:{tag}")
    assert (str(judged.known), judged.fit) == (known, Fit.LIKELY)
    assert not judged.is_certain
    assert judged.is_known


_GRAPH = """apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata: {name: g}
spec:
  components:
  - name: Worker
    OVERRIDE
    podTemplate:
      spec: {containers: [{name: main, image: "nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.4.1"}]}
"""


@pytest.mark.parametrize(
    ("override", "known"),
    [("runtimeVersionOverride: 0.9.0", "0.9.1"), ("runtimeVersionOverride: x", "1.4.2"),
     ("type: worker", "1.4.2")],
)  # fmt: skip
def test_a_components_own_word_comes_before_its_tag(override: str, known: str) -> None:
    (document,) = read_documents(_GRAPH.replace("OVERRIDE", override), file="g.yaml")
    graph = read_graph(document)
    assert str(release_of(graph.components[0]).known) == known
