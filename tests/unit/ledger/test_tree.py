"""The examples tree: what is in it, and which files an example is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.ledger.content import content_of, other_release
from dynamo_conformance.ledger.tree import Kind, head_comment, read_tree
from ledger_builders import MANIFEST, SCRIPT, plant

if TYPE_CHECKING:
    from pathlib import Path


def write(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_an_example_is_a_graph_in_all_its_forms(tmp_path: Path) -> None:
    (engine,) = plant(tmp_path).engines
    assert engine.title == "Any engine"
    (example,) = engine.examples
    assert example.name == "agg"
    assert [(form.key, form.kind, form.old) for form in example.forms] == [
        (MANIFEST, Kind.MANIFEST, False),
        (SCRIPT, Kind.SCRIPT, False),
        ("any/launch/compose/agg.yaml", Kind.COMPOSE, False),
        ("any/launch/k8s/v1alpha1/agg.yaml", Kind.MANIFEST, True),
    ]
    assert example.graph is not None
    assert example.graph.name == "small"
    assert example.shows == "One worker. It answers."


def test_an_engine_is_found_by_being_there_and_folders_come_last(tmp_path: Path) -> None:
    plant(tmp_path)
    text = (tmp_path / MANIFEST).read_text("utf-8")
    for name in ("a/b", "z", "disagg"):
        write(tmp_path, f"deep/er/sixth/launch/k8s/{name}.yaml", text)
    engines = read_tree(tmp_path).engines
    assert [one.title for one in engines] == ["Any engine", "sixth"]
    assert [one.name for one in engines[1].examples] == ["disagg", "z", "a/b"]


def test_only_older_manifests_are_the_example_where_there_is_no_newer(tmp_path: Path) -> None:
    plant(tmp_path)
    (tmp_path / MANIFEST).unlink()
    (example,) = read_tree(tmp_path).engines[0].examples
    assert example.manifest is not None
    assert example.manifest.old


def test_a_head_comment_is_what_stands_before_anything_else(tmp_path: Path) -> None:
    assert head_comment(write(tmp_path, "a.yaml", "kind: x\n# late\n")) == ""


def test_a_file_is_made_of_what_it_names_and_that_names(tmp_path: Path) -> None:
    for name, text in {
        "e/launch/k8s/one.yaml": "args: [configs/a.yaml]\n",
        "e/launch/k8s/two.yaml": "# as ../local/one.sh\nspec: {components: []}\n",
        "e/launch/k8s/old/one.yaml": "see: ../one.yaml\n",
        "e/launch/local/one.sh": "python3 components/worker.py\n",
        "e/launch/local/two.sh": 'serve "$CONFIGS/b.json" ${HERE}/README.md agg.svg\n',
        "e/configs/a.yaml": "see: deep/b.json\n",
        "e/configs/deep/b.json": "{}",
        "e/components/worker.py": "import helper\n",
        "e/components/helper.py": "\n",
        "e/components/__pycache__/helper.pyc": "\n",
        "e/README.md": "\n",
        "e/graphs/agg.svg": "\n",
    }.items():
        write(tmp_path, name, text)
    base = tmp_path / "e"

    def others(path: str) -> list[str]:
        files = content_of(base / path).files
        assert files[0] == base / path
        return [file.relative_to(base).as_posix() for file in files[1:]]

    assert others("launch/k8s/one.yaml") == ["configs/a.yaml", "configs/deep/b.json"]
    assert others("launch/k8s/two.yaml") == []
    assert others("launch/k8s/old/one.yaml")[0] == "launch/k8s/one.yaml"
    assert others("launch/local/one.sh") == ["components/worker.py", "components/helper.py"]
    assert others("launch/local/two.sh") == ["configs/deep/b.json"]


def test_a_digest_is_of_names_and_bytes(tmp_path: Path) -> None:
    path = write(tmp_path, "e/launch/k8s/one.yaml", "args: [a.json]\n")
    named = write(tmp_path, "e/launch/k8s/a.json", "{}")
    before = content_of(path).sha256
    assert content_of(path).sha256 == before
    named.write_text("[]", encoding="utf-8")
    other_bytes = content_of(path).sha256
    path.rename(path.with_name("two.yaml"))
    assert len({before, other_bytes, content_of(path.with_name("two.yaml")).sha256}) == 3


def test_it_does_not_matter_where_the_tree_is(tmp_path: Path) -> None:
    one = write(tmp_path, "here/e/launch/k8s/one.yaml", "args: [a.json]\n")
    two = write(tmp_path, "there/e/launch/k8s/one.yaml", "args: [a.json]\n")
    for path in (one, two):
        write(path.parent, "a.json", "{}")
    assert content_of(one).sha256 == content_of(two).sha256


def test_images_of_another_release_are_told(tmp_path: Path) -> None:
    component = (
        "{name: W, type: worker, podTemplate: {spec: {containers: [{name: main, image: IMAGE}]}}}"
    )
    text = (
        "apiVersion: nvidia.com/v1beta1\nkind: DynamoGraphDeployment\nmetadata: {name: x}\n"
        f"spec: {{components: [{component}]}}\n"
    )
    for image, told in (
        ("nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1", ""),
        ("nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1-cuda13", ""),
        ("nvcr.io/nvidia/ai-dynamo/vllm-runtime:my-tag", ""),
        ("example.com/other:0.1.0", ""),
        ("nvcr.io/nvidia/ai-dynamo/vllm-runtime:0.7.1", "0.7.1"),
    ):
        assert other_release(write(tmp_path, "x.yaml", text.replace("IMAGE", image))) == told
    assert other_release(write(tmp_path, "agg.sh", "true: [")) == ""
