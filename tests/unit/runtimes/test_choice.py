"""Which release runs each component."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.engines.releases import Release
from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.read import read_graph
from dynamo_conformance.runtimes import choice
from dynamo_conformance.runtimes.choice import ReleaseOptionError, check_option, choose
from dynamo_conformance.runtimes.environment import RuntimeUnavailableError
from dynamo_conformance.runtimes.refusal import refusal

if TYPE_CHECKING:
    from dynamo_conformance.manifest.graph import Graph

PUBLISHED = "nvcr.io/nvidia/ai-dynamo/vllm-runtime"


def graph(**images: str) -> Graph:
    components = "".join(
        f"""
    - name: {name}
      type: worker
      podTemplate:
        spec:
          containers:
            - {{name: main, image: "{image}", command: [python3, -m, dynamo.vllm], args: []}}"""
        for name, image in images.items()
    )
    text = f"""apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata: {{name: g}}
spec:
  components:{components}
"""
    return read_graph(next(iter(read_documents(text, file="g.yaml"))))


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "installed_release", lambda: Release(1, 6, 1))


@pytest.mark.parametrize(
    ("image", "wanted", "runs"),
    [
        (f"{PUBLISHED}:1.6.1", None, None),
        (f"{PUBLISHED}:1.6.0", None, None),
        (f"{PUBLISHED}:1.6.0", "own", "1.6.0"),
        (f"{PUBLISHED}:0.9.1", None, "0.9.1"),
        (f"{PUBLISHED}:v0.9.1-cuda13", None, "0.9.1"),
        (f"{PUBLISHED}:0.9.1", "installed", None),
        (f"{PUBLISHED}:0.9.1", "1.2.1", "1.2.1"),
        (f"{PUBLISHED}:my-tag", None, None),
        (f"{PUBLISHED}:my-tag", "1.2.1", "1.2.1"),
        ("registry.example/mine:0.9.1", None, None),
        ("registry.example/mine:0.9.1", "own", "0.9.1"),
        (f"{PUBLISHED}:0.9.1", "1.6.1", None),
    ],
)
def test_the_release_of_a_component(image: str, wanted: str | None, runs: str | None) -> None:
    elsewhere = choose(graph(Worker=image), wanted).elsewhere
    assert [str(release) for release in elsewhere.values()] == ([runs] if runs else [])


def test_two_releases_of_a_graph_are_kept_apart() -> None:
    chosen = choose(graph(A=f"{PUBLISHED}:0.9.1", B=f"{PUBLISHED}:1.2.1", C=f"{PUBLISHED}:1.6.1"))
    assert {name: str(release) for name, release in chosen.elsewhere.items()} == {
        "A": "0.9.1",
        "B": "1.2.1",
    }
    assert chosen.releases == (Release(0, 9, 1), Release(1, 2, 1))


def test_what_images_name_and_does_not_run_is_said() -> None:
    chosen = choose(graph(A=f"{PUBLISHED}:0.9.1"), "installed")
    assert chosen.ignored == (Release(0, 9, 1),)
    assert choose(graph(A=f"{PUBLISHED}:0.9.1")).ignored == ()
    assert choose(graph(A=f"{PUBLISHED}:1.6.0")).ignored == ()


def test_before_0_4_nothing_runs() -> None:
    with pytest.raises(RuntimeUnavailableError, match=r"component A is to run on Dynamo 0\.3\.1"):
        choose(graph(A=f"{PUBLISHED}:0.3.1"))
    assert not choose(graph(A=f"{PUBLISHED}:0.3.1"), "installed").elsewhere


@pytest.mark.parametrize("word", ["newest", "1.2", "", "1.2.1.post1"])
def test_no_release(word: str) -> None:
    with pytest.raises(ReleaseOptionError):
        check_option(word)


def test_a_release_refuses_words_of_a_later_one() -> None:
    text = """apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata: {name: g}
spec:
  components:
    - name: W
      type: decode
      podTemplate:
        spec:
          containers:
            - name: main
              image: x
              command: [python3, -m, dynamo.vllm]
              args: [--model, m, --disaggregation-mode, decode]
"""
    read = read_graph(next(iter(read_documents(text, file="g.yaml"))))
    assert "disaggregation-mode" in refusal(read, {"W": Release(0, 9, 1)})
    assert refusal(read, {"W": Release(1, 2, 1)}) == ""
    assert refusal(read, {}) == ""
