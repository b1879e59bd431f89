"""What `dynamo lint` reads: words that stand for files, and files that are hardly any."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.api import crd
from dynamo_conformance.lint.rule import load_rules
from lint_helpers import GRAPH, REPLICAS, Linter, graph

if TYPE_CHECKING:
    from pathlib import Path

WRONG = graph(REPLICAS, "      replica: 1\n")
BOMB = (
    "apiVersion: nvidia.com/v1beta1\nkind: DynamoGraphDeployment\na0: &a0 [1, 1, 1, 1, 1, 1, 1]\n"
    + "".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]\n" for n in range(12))
)
HEAD = "kind: DynamoGraphDeployment\n"


@pytest.fixture
def linter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Linter:
    load_rules()  # What takes long once counts for no deadline.
    crd.load()
    return Linter.opened(tmp_path, monkeypatch)


@pytest.fixture
def tree(linter: Linter) -> Linter:
    """A folder with graphs here and there, and what lies beside them."""
    for name in ("a.yaml", "sub/b.yml", "sub/deep/c.yaml", ".hidden/d.yaml", "sub/.e.yaml"):
        linter.write(name, GRAPH)
    linter.write("graph.json", "{}")
    linter.write("sub/README.md", f"# A DynamoGraphDeployment\n\n```yaml\n{GRAPH}```\n")
    return linter


@pytest.mark.parametrize(
    ("words", "files"),
    [
        (["a.yaml"], ["a.yaml"]),
        (["."], ["a.yaml", "sub/b.yml", "sub/deep/c.yaml"]),
        (["sub", "a.yaml"], ["sub/b.yml", "sub/deep/c.yaml", "a.yaml"]),
        (["sub/*"], ["sub/b.yml", "sub/deep/c.yaml"]),
        (["sub/*.yml"], ["sub/b.yml"]),
        (["**"], ["a.yaml", "sub/b.yml", "sub/deep/c.yaml"]),
        (["**/*.yaml"], ["a.yaml", "sub/deep/c.yaml"]),
        (["sub/**/c.yaml"], ["sub/deep/c.yaml"]),
        (["sub/?.y*ml", "[ab].yaml"], ["sub/b.yml", "a.yaml"]),
        (["a.yaml", "a.yaml", "./a.yaml", "sub/../a.yaml", "."],
         ["a.yaml", "sub/b.yml", "sub/deep/c.yaml"]),
        ([".hidden"], [".hidden/d.yaml"]),
        (["sub/.e.yaml"], ["sub/.e.yaml"]),
    ],
)  # fmt: skip
def test_words_stand_for_files(tree: Linter, words: list[str], files: list[str]) -> None:
    assert [one["file"] for one in tree.documents(*words)] == files


def test_an_absolute_path_is_the_same_file(tree: Linter) -> None:
    path = tree.folder / "a.yaml"
    assert [one["file"] for one in tree.documents(path, "a.yaml")] == [str(path)]
    pattern = str(tree.folder / "*.yaml")
    assert [one["file"] for one in tree.documents(pattern)] == [str(path)]


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("none.yaml", "none.yaml: no such file or folder"),
        ("none/**", "none/**: nothing fits this pattern"),
        ("**x/*.yaml", "**x/*.yaml: nothing fits this pattern"),
        ("*.toml", "*.toml: nothing fits this pattern"),
    ],
)
def test_a_word_that_stands_for_nothing(tree: Linter, word: str, reason: str) -> None:
    assert tree.refused("a.yaml", word) == reason


def test_a_link_that_leads_nowhere(tree: Linter) -> None:
    (tree.folder / "broken.yaml").symlink_to("nowhere")
    assert "broken.yaml: no such file" in tree.refused("broken.yaml")
    assert "broken.yaml" not in [one["file"] for one in tree.documents(".")]


def test_nothing_to_read(linter: Linter) -> None:
    linter.write("empty/.keep", "")
    linter.write("others/c.yaml", "kind: ConfigMap\n")
    linter.write("void/v.yaml", "---\n# nothing\n---\n")
    for folder in ("empty", "others", "void"):
        ended = linter.run(folder)
        assert ended.exit_code == 3
        assert ended.stderr.startswith("no DynamoGraphDeployment found; ")
    assert linter.run("-", stdin="").exit_code == 3
    assert "give files, folders, patterns, or -" in linter.refused()


def test_what_helm_prints(linter: Linter) -> None:
    service = "---\n# Source: chart/templates/service.yaml\napiVersion: v1\nkind: Service\n"
    script = f"---\nkind: ConfigMap\ndata:\n  a: |\n    {HEAD}    replica: 1\n"
    text = f"{service}---\n# Source: g.yaml\n{WRONG}{script}---\n---\n{GRAPH}"
    documents = linter.documents("-", stdin=text)
    found = [(one["file"], one["index"], len(one["findings"])) for one in documents]
    assert found == [("<stdin>", 1, 1), ("<stdin>", 3, 0)]
    assert documents[0]["findings"][0]["line"] == 4 + 2 + 9


def test_what_kubectl_prints(linter: Linter) -> None:
    graphs = [
        {
            "kind": "DynamoGraphDeployment",
            "apiVersion": "nvidia.com/v1alpha1",
            "metadata": {"name": name},
            "spec": {"services": {"A": {"componentType": kind}}},
        }
        for name, kind in (("one", "frontend"), ("two", "frontnd"))
    ]
    items = [{"kind": "ConfigMap", "apiVersion": "v1"}, *graphs]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent=2)
    documents = linter.documents("--only", "component-type", "-", stdin=text)
    assert [(one["name"], one["index"], len(one["findings"])) for one in documents] == [
        ("one", 0, 0), ("two", 0, 1),
    ]  # fmt: skip
    assert documents[1]["findings"][0]["path"] == "spec.services.A.componentType"


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (BOMB, 8, "expands to more than 75000 keys and values"),
        (f"{HEAD}a: {'[' * 200}{']' * 200}\n", 2, "nested deeper than 100 levels"),
        (f"{HEAD}a: {'[' * 1_000_000}", 2, "nested deeper than 100 levels"),
        (f"{HEAD}{'? ' * 200}", 2, "nested deeper than 100 levels"),
        (HEAD + "".join(f"{' ' * n}a:\n" for n in range(200)), 102, "nested deeper than 100"),
        (f"{HEAD}a: &a [*a]\n", 2, "stands inside of what it stands for"),
        (f"{HEAD}a: \0\n", 2, "a NUL byte: not UTF-8 text"),
        (GRAPH.encode("utf-16"), 1, "not UTF-8 text"),
        (GRAPH.encode("utf-16-le"), 1, "a NUL byte: not UTF-8 text; is it another encoding"),
        (f"{HEAD}# caf\xe9\n".encode("latin-1"), 2, "not UTF-8 text"),
        (f"{HEAD}a:\n\tb: 1\n", 3, "not YAML: a tab; indent with spaces"),
        (f"\ufeff{HEAD}metadata:\n\t- b: 1\n", 3, "not YAML: a tab; indent with spaces"),
        (
            f'{HEAD}a: "b\n\nc: d\n',
            5,
            "unexpected end of stream, while scanning a quoted scalar that begins in line 2",
        ),
        (f"{HEAD}a: {{{{ .Values.a }}}}\n", 2, "is it a Helm template? check what `helm template`"),
        (f"{{{{- if .Values.a }}}}\n{HEAD}{{{{- end }}}}\n", 1, "is it a Helm template?"),
        (f"{HEAD}a: \x1b[31m\n", 2, "control characters are not allowed, and this is U+001B"),
        (f"- {HEAD}", 1, "no manifest: that is a mapping with apiVersion and kind"),
        (f"{HEAD}a: *unknown\n", 2, "not YAML: found undefined alias"),
        (f"{HEAD}a: !!python/object:os.system 1\n", 0, ""),
    ],
    ids=[
        "alias bomb", "200 lists", "a million lists", "keys of keys", "200 mappings", "a ring",
        "NUL", "UTF-16", "UTF-16 without a mark", "latin-1", "tab", "tab and mark", "quote",
        "template", "template line", "escape", "list", "alias", "tag",
    ],
)  # fmt: skip
@pytest.mark.timeout(2, func_only=True)
def test_hardly_a_manifest(linter: Linter, content: str | bytes, line: int, message: str) -> None:
    linter.write("g.yaml", content)
    if not line:
        assert [rule for rule, _line in linter.found("g.yaml")] == ["api-version"]
        return
    (document,) = linter.documents("g.yaml")
    (finding,) = document["findings"]
    assert (finding["rule"], finding["line"]) == ("yaml", line)
    assert message in finding["message"]
    assert linter.run("g.yaml").exit_code == 1
    assert linter.documents("-", stdin=content)[0]["findings"] == [finding]


@pytest.mark.timeout(2, func_only=True)
def test_a_file_that_is_far_too_large(linter: Linter) -> None:
    with (linter.folder / "g.yaml").open("wb") as file:
        file.truncate(70 * 2**20)
    (document,) = linter.documents("--no-cache", "g.yaml")
    assert document["findings"][0]["message"] == "larger than 16 MiB; no manifest is"
    assert linter.run("--no-cache", ".").exit_code == 3


@pytest.mark.parametrize(
    "content",
    [
        "a: [\n",
        "- one\n- two\n",
        "{{ if .Values.a }}\nkind: Service\n",
        "kind: ConfigMap\na: 1\na: 2\n",
        b"\xff\xfe\x00",
        b"a: \xe9\n",
        "a: \0\n",
    ],
)
def test_what_others_broke_is_found_when_it_is_named(linter: Linter, content: str | bytes) -> None:
    linter.write("sub/g.yaml", GRAPH)
    linter.write("sub/x.yaml", content)
    assert linter.found("sub") == []
    assert linter.found("sub/*") == []
    for word in ("sub/x.yaml", "./sub/x.yaml", "sub//x.yaml"):
        assert [rule for rule, _line in linter.found("sub", word)] == ["yaml"]
    assert [rule for rule, _line in linter.found(linter.folder / "sub" / "x.yaml")] == ["yaml"]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_broken_graph_is_found_in_a_folder_too(linter: Linter, encoding: str) -> None:
    linter.write("sub/x.yaml", f"{GRAPH}# caf\xe9\n".encode(encoding))
    assert [rule for rule, _line in linter.found("sub")] == ["yaml"]


# --- parts of something else --------------------------------------------------------------------

PARTIAL = f"""\
apiVersion: nvidia.com/v1beta1
{HEAD}metadata: {{name: graph}}
spec:
  components: [{{name: Worker, replicas: 2}}]
"""
OPERATIONS = """\
- op: replace
  path: /spec/components/1/podTemplate/metadata/annotations/nvidia.com~1v
  value: DynamoGraphDeployment
"""


@pytest.mark.parametrize(
    ("kustomization", "patch"),
    [
        ("patches: [{path: patch.yaml}]", "patch.yaml"),
        ("patches: [{path: patch.yaml, target: {kind: DynamoGraphDeployment}}]", "patch.yaml"),
        ("patches:\n- patch: |\n    - op: remove\n      path: /a\n- path: patch.yml", "patch.yml"),
        ("patchesStrategicMerge: [patch.yaml]", "patch.yaml"),
        ("patchesStrategicMerge:\n- |\n  kind: X\n- ./patch.yaml", "patch.yaml"),
        ("patchesJson6902: [{path: patch.json}]", "patch.json"),
        ("patches: [{path: patches/deep/patch.yaml}]", "patches/deep/patch.yaml"),
        ("transformers: [patch.yaml]", "patch.yaml"),
        ("configurations: [patch.yaml]", "patch.yaml"),
        ("replacements: [{path: patch.yaml}]", "patch.yaml"),
        (
            "resources: [graph.yaml]\npatches: [{path: ../common/patch.yaml}]",
            "../common/patch.yaml",
        ),
    ],
)
@pytest.mark.parametrize("name", ["kustomization.yaml", "kustomization.yml", "Kustomization"])
def test_a_part_of_a_kustomization_is_no_graph(
    linter: Linter, kustomization: str, patch: str, name: str
) -> None:
    linter.write("all/base/graph.yaml", GRAPH)
    linter.write(f"all/base/{name}", f"{kustomization}\n")
    path = linter.write(f"all/base/{patch}", json.dumps([]) if "json" in patch else PARTIAL)
    assert [one["file"] for one in linter.documents("all")] == ["all/base/graph.yaml"]
    if "json" not in patch:
        path.parent.joinpath(name).unlink(missing_ok=True)
        (linter.folder / "all/base" / name).unlink(missing_ok=True)
        assert len(linter.documents("all")) == 2


def test_a_patch_that_is_named_is_said_to_be_one(linter: Linter) -> None:
    linter.write("kustomization.yaml", "patches: [{path: p/patch.yaml}]\n")
    linter.write("p/patch.yaml", PARTIAL)
    ended = linter.run("p/patch.yaml")
    assert ended.exit_code == 3
    assert "p/patch.yaml: a part of a kustomization; check what `kustomize build`" in ended.stderr


def test_patches_in_folders_are_counted(linter: Linter) -> None:
    linter.write("kustomization.yaml", "patches: [{path: a.yaml}, {path: b.yaml}]\n")
    for name in ("a.yaml", "b.yaml"):
        linter.write(name, PARTIAL)
    linter.write("graph.yaml", GRAPH)
    assert "passed over 2 files: a part of a kustomization" in linter.run(".").stderr


def test_a_resource_of_a_kustomization_is_a_graph(linter: Linter) -> None:
    linter.write("kustomization.yaml", "resources: [graph.yaml]\npatches: [{path: graph.yaml}]\n")
    linter.write("graph.yaml", GRAPH)
    assert len(linter.documents(".")) == 1


def test_the_patch_of_a_transformer(linter: Linter) -> None:
    linter.write("kustomization.yaml", "transformers: [t.yaml]\n")
    linter.write("t.yaml", "kind: PatchTransformer\npath: patch.yaml\n")
    linter.write("patch.yaml", PARTIAL)
    assert linter.run(".").exit_code == 3


def test_a_component_of_a_kustomization(linter: Linter) -> None:
    linter.write("kustomization.yaml", "components: [part]\nresources: [graph.yaml]\n")
    linter.write("graph.yaml", GRAPH)
    linter.write("part/kustomization.yaml", "kind: Component\npatches: [{path: patch.yaml}]\n")
    linter.write("part/patch.yaml", PARTIAL)
    assert [one["file"] for one in linter.documents(".")] == ["graph.yaml"]


@pytest.mark.parametrize("text", ["patches: [", "- a\n", "patches: 3\n", "\0", "", "a: b\n"])
def test_a_kustomization_that_says_nothing(linter: Linter, text: str) -> None:
    linter.write("kustomization.yaml", text)
    linter.write("graph.yaml", GRAPH)
    assert len(linter.documents("graph.yaml")) == 1


def test_kustomizations_that_name_each_other(linter: Linter) -> None:
    linter.write("a/kustomization.yaml", "components: [../b]\n")
    linter.write("b/kustomization.yaml", "components: [../a]\n")
    linter.write("a/graph.yaml", GRAPH)
    assert len(linter.documents(".")) == 1


@pytest.mark.parametrize("name", ["patch.yaml", "patch.json"])
def test_operations_are_no_graph(linter: Linter, name: str) -> None:
    text = OPERATIONS if name.endswith("yaml") else json.dumps([{"op": "remove", "path": "/a"}])
    linter.write(f"sub/{name}", text)
    linter.write("sub/graph.yaml", GRAPH)
    assert [one["file"] for one in linter.documents("sub")] == ["sub/graph.yaml"]
    assert linter.run(f"sub/{name}").exit_code == 3


def test_a_helm_template_is_no_graph(linter: Linter) -> None:
    linter.write("chart/Chart.yaml", "name: c\n")
    linter.write("chart/templates/graph.yaml", GRAPH.replace("name: graph", "name: {{ .name }}"))
    linter.write("chart/templates/deep/plain.yaml", GRAPH)
    assert [one["file"] for one in linter.documents(".")] == ["chart/templates/deep/plain.yaml"]
    named = linter.run("chart/templates/graph.yaml")
    assert "a Helm template; check what `helm template` prints" in named.stderr


def test_braces_outside_a_chart_are_judged(linter: Linter) -> None:
    linter.write("templates/graph.yaml", GRAPH.replace("name: graph", "name: {{ .name }}"))
    assert [one for one, _line in linter.found(".")] == ["yaml"]


# --- JSON ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("indent", [None, 2, "\t"])
def test_json_in_a_folder_is_judged(linter: Linter, indent: int | str | None) -> None:
    import yaml

    linter.write("sub/graph.json", json.dumps(yaml.safe_load(WRONG), indent=indent))
    assert [one for one, _line in linter.found("sub")] == ["api-schema"]
    assert [one for one, _line in linter.found("sub/graph.json")] == ["api-schema"]


@pytest.mark.parametrize(
    "text",
    [
        '{"a": "DynamoGraphDeployment"',
        '// nvidia.com/v1beta1\n{"a": 1}',
        '["DynamoGraphDeployment"]',
    ],
)
def test_other_json_in_a_folder_is_passed_over(linter: Linter, text: str) -> None:
    linter.write("sub/other.json", text)
    linter.write("sub/graph.yaml", GRAPH)
    assert [one["file"] for one in linter.documents("sub")] == ["sub/graph.yaml"]
