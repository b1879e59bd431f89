"""Conversion with a memory, as the webhook does it: there and back nothing is lost.

Which note the real operator writes is recorded; that nothing is lost is tried on pieces of all
manifests at hand, edited in the other version or not.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dynamo_conformance.manifest.conversion_annotations import PREFIX, without_notes
from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.node import Mapping, Scalar, Sequence, find, from_plain, walk
from dynamo_conformance.operator.conversion.round_trip import to_version

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Node, Plain
    from dynamo_conformance.manifest.node import Path as NodePath

ROOT = Path(__file__).parents[3]
OBSERVED = ROOT / "tests" / "data" / "observed"
INPUTS = sorted(OBSERVED.glob("render/*.input.yaml"))
MANIFESTS = [
    *INPUTS,
    *sorted((ROOT / "examples").rglob("launch/k8s/**/*.yaml")),
    # Not those that no schema takes.
    *sorted((Path(__file__).parent / "cases").glob("*/[!e]*/input.yaml")),
]
OTHER = {"v1alpha1": "v1beta1", "v1beta1": "v1alpha1"}
UNSET: dict[str, Plain] = {
    "name": "", "resources": {}, "metadata": {}, "create": False, "size": "0",
}  # fmt: skip
"""What Go writes of fields that nobody set."""

SPEC_NOTE, STATUS_NOTE = f"{PREFIX}spec", f"{PREFIX}status"


def graphs(path: Path) -> list[Mapping]:
    text = path.read_text(encoding="utf-8")
    found = [one for one in read_documents(text, file=path.name) if one.version in OTHER]
    return [mapping(one.root.replaced("status", None).plain()) for one in found]


def mapping(value: Plain) -> Mapping:
    made = from_plain(value)
    assert isinstance(made, Mapping)
    return made


def at(root: Mapping, *steps: str | int) -> Plain:
    """Return the bare value at a place of an object."""
    found = find(root, steps)
    assert found is not None, steps
    return found.plain()


GRAPHS = [root for path in MANIFESTS for root in graphs(path)]


def version_of(root: Mapping) -> str:
    return (root.string("apiVersion") or "").rpartition("/")[2]


def there(root: Mapping) -> Mapping:
    return to_version(root, OTHER[version_of(root)])


def note_of(root: Mapping, name: str = SPEC_NOTE) -> Plain:
    metadata = root.mapping("metadata") or Mapping()
    text = (metadata.mapping("annotations") or Mapping()).string(name)
    found: Plain = json.loads(text) if text is not None else None
    return found


def bare(root: Mapping) -> Plain:
    return without_notes(root).plain()


def go(value: Plain) -> Plain:
    """Return a note without what Go writes of fields that nobody set."""
    if isinstance(value, list):
        return [go(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {key: go(one) for key, one in value.items() if UNSET.get(key, ...) != one}


def recorded_note(path: Path) -> Plain:
    """Return the note that the operator wrote about an input when it was read back."""
    name = path.name.partition(".")[0]
    if name.startswith("15-"):
        (stored,) = [
            one.root
            for one in read_documents((path.parent / f"{name}.objects.yaml").read_text(), file="")
            if one.kind == "DynamoGraphDeployment"
        ]
        return go(note_of(stored))
    (read,) = OBSERVED.glob(f"convert/{name}.as-*.yaml")
    return go(note_of(next(iter(read_documents(read.read_text(), file=""))).root))


@pytest.mark.parametrize(
    "path", [one for one in INPUTS if one.name[:2] not in {"11", "12", "13", "14"}],
    ids=lambda path: path.name[:2],
)  # fmt: skip
def test_the_note_is_the_operator_s(path: Path) -> None:
    ours, theirs = go(note_of(there(*graphs(path)))), recorded_note(path)
    if path.name.startswith("08-"):
        # Beside the sidecar's name theirs lists the container again, with nothing in it.
        assert json.dumps(theirs).count('{"containers": [{"name": "fe"}]}') == 1
        skeleton = '"podTemplate": {"spec": {"containers": [{"name": "fe"}]}}, '
        theirs = json.loads(json.dumps(theirs).replace(skeleton, ""))
    assert ours == theirs


@pytest.mark.parametrize("root", GRAPHS)
def test_what_was_written_comes_back(root: Mapping) -> None:
    assert bare(there(there(root))) == bare(root)


def graph(version: str, spec: Plain, **others: Plain) -> Mapping:
    made: dict[str, Plain] = {
        "apiVersion": f"nvidia.com/{version}",
        "kind": "DynamoGraphDeployment",
        "metadata": {"name": "g"},
        "spec": spec,
    }
    return mapping({**made, **others})


def edited(root: Mapping, path: str, value: Node | None) -> Mapping:
    """Return `root` with a value at a path such as `spec.components.0.type`; None takes it away."""
    steps = tuple(int(one) if one.isdigit() else one for one in path.split("."))
    changed = changed_at(root, steps, value)
    assert isinstance(changed, Mapping)
    return changed


def changed_at(node: Node, steps: NodePath, value: Node | None) -> Node:
    """Return a copy of `node` with `value` at `steps`, or with nothing there."""
    step, inner = steps[0], steps[1:]
    if isinstance(node, Sequence):
        assert isinstance(step, int)
        items = list(node.items)
        if inner:
            items[step] = changed_at(items[step], inner, value)
        elif value is None:
            del items[step]
        else:
            items[step] = value
        return Sequence(tuple(items))
    assert isinstance(node, Mapping)
    key = str(step)
    new = changed_at(node.get(key) or Mapping(), inner, value) if inner else value
    return node.replaced(key, new)


def test_metadata_stays_as_it_is() -> None:
    metadata: Plain = {
        "name": "g", "uid": "1", "managedFields": [{"f": "v"}], "annotations": {"a": "b"},
    }  # fmt: skip
    for version, other in OTHER.items():
        expected = graph(other, {}, metadata=metadata)
        assert there(graph(version, {}, metadata=metadata)).plain() == expected.plain()


WORKER: dict[str, Plain] = {
    "componentType": "worker",
    "envs": [{"name": "A", "value": "service"}],
    "labels": {"team": "a"},
    "resources": {"limits": {"gpu": "1"}},
    "ingress": {"enabled": False},
    "extraPodSpec": {
        "mainContainer": {
            "image": "a/b:1.6.1",
            "env": [{"name": "B", "value": "main"}],
            "resources": {"claims": [{"name": "c"}]},
        }
    },
}


def test_an_edit_in_the_other_version_wins_and_the_rest_is_remembered() -> None:
    stored = there(graph("v1alpha1", {"services": {"W": WORKER}, "pvcs": [{"name": "p"}]}))
    value = "spec.components.0.podTemplate.spec.containers.0.env.0.value"
    changed = there(edited(stored, value, Scalar("edited")))
    service = ("spec", "services", "W")
    assert at(changed, *service, "envs") == [
        {"name": "A", "value": "edited"}, {"name": "B", "value": "main"},
    ]  # fmt: skip
    assert find(changed, (*service, "extraPodSpec", "mainContainer", "env")) is None
    for field in ("labels", "resources", "ingress"):
        assert at(changed, *service, field) == WORKER[field]
    assert at(changed, "spec", "pvcs") == [{"name": "p"}]


def test_a_component_that_is_gone_is_not_remembered() -> None:
    stored = there(graph("v1alpha1", {"services": {"A": WORKER, "W": WORKER}}))
    left = edited(stored, "spec.components.0", None)
    assert at(there(left), "spec") == {"services": {"W": WORKER}}


def test_a_service_that_says_nothing_comes_back_too() -> None:
    written = graph("v1alpha1", {"services": {"A": None, "W": WORKER}})
    assert bare(there(there(written))) == bare(written)


SIDECAR: Plain = {
    "name": "W",
    "frontendSidecar": "fe",
    "podTemplate": {"spec": {"containers": [{"name": "main"}, {"name": "fe"}]}},
}


def test_the_frontend_s_sidecar_is_remembered_as_long_as_its_container_is_there() -> None:
    read = there(graph("v1beta1", {"components": [SIDECAR]}))
    sidecar = ("spec", "components", 0, "frontendSidecar")
    assert at(there(read), *sidecar) == "fe"
    removed = edited(read, "spec.services.W.extraPodSpec.containers", None)
    assert find(there(removed), sidecar) is None


def test_a_sidecar_that_was_taken_back_in_v1beta1_stays_so() -> None:
    worker: Plain = {**WORKER, "frontendSidecar": {"image": "a/b:1.6.1"}}
    stored = there(graph("v1alpha1", {"services": {"W": worker}}))
    back = there(edited(stored, "spec.components.0.frontendSidecar", None))
    assert find(back, ("spec", "services", "W", "frontendSidecar")) is None
    containers = at(back, "spec", "services", "W", "extraPodSpec", "containers")
    assert containers == [{"name": "sidecar-frontend", "image": "a/b:1.6.1"}]


def test_the_order_of_components_is_remembered_and_new_ones_come_last() -> None:
    components: Plain = [{"name": name, "type": "worker"} for name in ("c", "a", "b")]
    read = there(graph("v1beta1", {"components": components}))
    read = edited(read, "spec.services.A0", mapping({"componentType": "worker"}))
    names = [at(there(read), "spec", "components", index, "name") for index in range(4)]
    assert names == ["c", "a", "b", "A0"]


def test_two_components_of_one_name_have_no_place_in_v1alpha1() -> None:
    components: Plain = [{"name": "a"}, {"name": "a"}]
    with pytest.raises(ManifestError, match='a second component "a"'):
        there(graph("v1beta1", {"components": components}))


UNREADABLE = (
    "", "{", "null", "[]", '"x"', "{}",
    '{"version":2,"spec":{"pvcs":[]}}', '{"version":1,"spec":5}',
    "[" * 100_000, '{"version":1,"spec":' + '{"a":' * 500 + "1" + "}" * 501,
)  # fmt: skip
ODD = (
    '{"version":1,"spec":{"services":{"W":5},"components":[5,{}]}}',
    '{"version":1,"spec":{"services":5,"components":{"name":5}}}',
    '{"version":1,"spec":{"services":{"W":{"extraPodSpec":[],"envs":{}}}}}',
    '{"version":1,"spec":{"components":[{"name":"W","podTemplate":5,"experimental":[]}]}}',
)
SPECS: dict[str, Plain] = {
    "v1alpha1": {"services": {"W": WORKER}},
    "v1beta1": {"components": [{"name": "W", "type": "worker"}]},
}


def with_note(version: str, text: str) -> Mapping:
    return edited(
        graph(version, SPECS[version]), "metadata.annotations", mapping({SPEC_NOTE: text})
    )


@pytest.mark.parametrize("text", UNREADABLE, ids=range(len(UNREADABLE)))
@pytest.mark.parametrize("version", OTHER)
def test_a_note_that_nobody_can_read_is_passed_over(text: str, version: str) -> None:
    expected = bare(there(graph(version, SPECS[version])))
    assert bare(there(with_note(version, text))) == expected


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("version", OTHER)
def test_an_odd_note_breaks_nothing(text: str, version: str) -> None:
    converted = there(with_note(version, text))
    kind = "services" if version == "v1beta1" else "components"
    step = "W" if version == "v1beta1" else 0
    expected = at(there(graph(version, SPECS[version])), "spec", kind, step)
    found = at(converted, "spec", kind, step)
    assert isinstance(found, dict)
    assert isinstance(expected, dict)
    assert found.items() >= expected.items()


STATUS: Plain = {
    "state": "successful",
    "observedGeneration": 1,
    "conditions": [{"type": "Ready", "status": "True"}],
    "components": {
        "W": {"componentKind": "Deployment", "componentNames": ["g-w-1", "g-w-2"], "replicas": 1}
    },
    "rollingUpdate": {"phase": "InProgress", "updatedComponents": ["W"]},
}


def test_a_status_says_the_same_under_other_names() -> None:
    read = there(graph("v1beta1", {}, status=STATUS))
    assert at(read, "status") == {
        "state": "successful",
        "observedGeneration": 1,
        "conditions": [{"type": "Ready", "status": "True"}],
        "services": {
            "W": {
                "componentKind": "Deployment",
                "componentName": "g-w-2",
                "componentNames": ["g-w-1", "g-w-2"],
                "replicas": 1,
            }
        },
        "rollingUpdate": {"phase": "InProgress", "updatedServices": ["W"]},
    }
    assert note_of(read, STATUS_NOTE) is None
    assert at(there(read), "status") == STATUS


def test_a_status_that_only_v1alpha1_can_say_is_remembered() -> None:
    service: Plain = {"componentName": "old", "componentNames": ["g-w-1"], "replicas": 1}
    written = graph("v1alpha1", {}, status={"state": "pending", "services": {"W": service}})
    stored = there(written)
    assert note_of(stored, STATUS_NOTE) is not None
    assert at(there(stored), "status") == at(written, "status")
    moved = edited(stored, "status.components.W.componentNames", Sequence((Scalar("g-w-2"),)))
    assert at(there(moved), "status", "services", "W", "componentName") == "g-w-2"


def places(root: Mapping) -> list[NodePath]:
    """Return what can be taken away or changed in a graph without making it no graph at all."""
    names = ("name",)
    return [
        path
        for path, _node in walk(root)
        if path[:1] == ("spec",) and len(path) > 2 and path[-1] not in names
    ]


@st.composite
def pieces(draw: st.DrawFn) -> Mapping:
    """Draw a graph with a few things taken away."""
    return draw_edits(draw, draw(st.sampled_from(GRAPHS)), most=6, values=False)


@st.composite
def edits_of_converted(draw: st.DrawFn) -> Mapping:
    """Draw a graph that was converted, and changed then."""
    return draw_edits(draw, there(draw(pieces())), most=4, values=True)


def draw_edits(draw: st.DrawFn, root: Mapping, *, most: int, values: bool) -> Mapping:
    for _ in range(draw(st.integers(0, most))):
        candidates = places(root)
        if not candidates:
            break
        place = draw(st.sampled_from(candidates))
        node = next(one for path, one in walk(root) if path == place)
        new: Node | None = None
        if values and isinstance(node, Scalar) and draw(st.booleans()):
            new = other_value(node)
        changed = changed_at(root, place, new)
        assert isinstance(changed, Mapping)
        root = changed
    return root


def other_value(node: Scalar) -> Scalar:
    value = node.value
    if isinstance(value, bool):
        return Scalar(value=not value)
    if isinstance(value, int | float):
        return Scalar(value + 1)
    return Scalar(f"1{value}")


def is_dangling(root: Mapping) -> bool:
    """Whether a frontend's sidecar names no container, which no operator admits."""
    for component in (root.mapping("spec") or Mapping()).mappings("components"):
        containers = find(component, ("podTemplate", "spec", "containers"))
        listed = containers if isinstance(containers, Sequence) else Sequence()
        names = [one.string("name") for one in listed if isinstance(one, Mapping)]
        if component.string("frontendSidecar") not in (None, *names):
            return True
    return False


ANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


@ANY
@given(pieces())
def test_any_piece_of_a_graph_comes_back(root: Mapping) -> None:
    assume(not is_dangling(root))
    assert bare(there(there(root))) == bare(root)


@ANY
@given(edits_of_converted())
def test_any_edit_in_the_other_version_wins(changed: Mapping) -> None:
    assume(not is_dangling(changed))
    assert bare(there(there(changed))) == bare(changed)
