"""The rules of one pod, one by one: merge, environment, volumes, labels, names, engine."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.api.cluster_parts import Cluster
from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.node import NOWHERE
from dynamo_conformance.manifest.read import read_graph
from dynamo_conformance.rendering import names
from dynamo_conformance.rendering.pod import PodTemplate, render
from dynamo_conformance.rendering.reconcile_failure import (
    COMPONENT_ERROR,
    NOT_RECONCILED,
    NOT_RENDERED,
    ReconcileFailure,
)

if TYPE_CHECKING:
    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.manifest.node import Mapping, Plain

IMAGE = "example/engine:1.6.1"
SHARED_MEMORY = {"name": "shared-memory", "mountPath": "/dev/shm"}  # noqa: S108


def graph(components: str, *, name: str = "g", spec: str = "", metadata: str = "") -> Graph:
    """Return a graph of `components`, given as the lines below `spec.components`."""
    text = (
        "apiVersion: nvidia.com/v1beta1\nkind: DynamoGraphDeployment\n"
        f"metadata: {{name: {name}{metadata}}}\nspec:\n{textwrap.indent(spec, '  ')}\n"
        f"  components:\n{textwrap.indent(textwrap.dedent(components), '  ')}"
    )
    (document,) = read_documents(text, file="g.yaml")
    return read_graph(document)


def one(
    main: str = "",
    *,
    type_: str | None = "worker",
    pod: str = "",
    component: str = "",
    spec: str = "",
    metadata: str = "",
) -> PodTemplate:
    """Return the template of a component whose parts are given in flow style: `args: [a]`."""
    kind = f"type: {type_}, " if type_ else ""
    container = f"{{name: main, image: {IMAGE}{', ' if main else ''}{main}}}"
    template = f"spec: {{{pod}{', ' if pod else ''}containers: [{container}]}}"
    text = f"- {{name: C, {kind}{component}{', ' if component else ''}podTemplate: {{{template}}}}}"
    return render(graph(text, spec=spec, metadata=metadata), namespace="ns")[0].leader


def environment(template: PodTemplate) -> dict[str, str | None]:
    return {variable.name: variable.value for variable in template.main.env}


def plain(node: Mapping | None, key: str) -> Plain:
    assert node is not None
    value = node.get(key)
    return value.plain() if value is not None else None


def reason(*args: str, **kwargs: str) -> str:
    with pytest.raises(ReconcileFailure) as caught:
        one(*args, **kwargs)
    return caught.value.reason


# Environment


def test_env_is_sorted_and_the_component_wins_over_the_graph_over_the_operator() -> None:
    template = one(
        "env: [{name: B, value: main}, {name: DYN_SYSTEM_PORT, value: '1'}]",
        spec="env: [{name: A, value: graph}, {name: B, value: graph},"
        " {name: POD_NAME, value: graph}, {name: DYN_SYSTEM_PORT, value: '2'}]",
    )
    env = environment(template)
    assert list(env) == sorted(env)
    assert (env["A"], env["B"], env["POD_NAME"]) == ("graph", "main", "graph")
    assert env["DYN_SYSTEM_PORT"] == "1"


def test_of_a_name_written_twice_the_later_value_counts() -> None:
    template = one("env: [{name: A, value: first}, {name: A, value: second}]")
    assert environment(template)["A"] == "second"


def test_untyped_component_gets_the_common_environment_only() -> None:
    assert list(environment(one(type_=None))) == [
        "DYN_COMPONENT",
        "DYN_DISCOVERY_BACKEND",
        "DYN_NAMESPACE",
        "DYN_PARENT_DGD_K8S_NAME",
        "DYN_PARENT_DGD_K8S_NAMESPACE",
        "POD_NAME",
        "POD_NAMESPACE",
        "POD_UID",
    ]


def test_etcd_discovery_leaves_the_cluster_out() -> None:
    template = one(metadata=", annotations: {nvidia.com/dynamo-discovery-backend: etcd}")
    assert "DYN_DISCOVERY_BACKEND" not in environment(template)
    assert "nvidia.com/dynamo-discovery-enabled" not in template.labels
    assert template.spec.string("serviceAccountName") == "default"


def test_container_discovery_names_the_container() -> None:
    template = one(metadata=", annotations: {nvidia.com/dynamo-kube-discovery-mode: container}")
    env = environment(template)
    assert (env["CONTAINER_NAME"], env["DYN_KUBE_DISCOVERY_MODE"]) == ("main", "container")


# The container main


@pytest.mark.parametrize(
    ("type_", "command", "args"),
    [
        ("frontend", ["python3"], ["-m", "dynamo.frontend"]),
        ("worker", ["/bin/sh", "-c"], []),
        ("planner", ["/bin/sh", "-c"], []),
        (None, ["/bin/sh", "-c"], []),
    ],
)
def test_default_command(type_: str | None, command: list[str], args: list[str]) -> None:
    main = one(type_=type_).main
    assert [word.text for word in main.command] == command
    assert [word.text for word in main.args] == args


def test_written_args_keep_the_default_command_and_empty_ones_say_nothing() -> None:
    main = one("args: [--router-mode, kv], command: []", type_="frontend").main
    assert [word.text for word in main.command] == ["python3"]
    assert [word.text for word in main.args] == ["--router-mode", "kv"]
    main = one("args: []", type_="frontend").main
    assert [word.text for word in main.args] == ["-m", "dynamo.frontend"]


def test_written_ports_and_probes_replace_the_defaults_whole() -> None:
    node = one(
        "ports: [{name: x, containerPort: 1}], readinessProbe: {tcpSocket: {port: 1}},"
        " startupProbe: null"
    ).main.node
    assert plain(node, "ports") == [{"name": "x", "containerPort": 1}]
    assert plain(node, "readinessProbe") == {"tcpSocket": {"port": 1}}
    assert plain(node.mapping("livenessProbe"), "failureThreshold") == 1
    assert plain(node.mapping("startupProbe"), "failureThreshold") == 720


def test_what_the_author_wrote_keeps_its_marks_and_the_rest_has_none() -> None:
    main = one("command: [python3], env: [{name: A, value: b}]").main
    assert main.command[0].mark != NOWHERE
    marks = {variable.name: variable.mark for variable in main.env}
    assert marks.pop("A") != NOWHERE
    assert set(marks.values()) == {NOWHERE}
    assert main.node.mappings("ports")[0].mark == NOWHERE


def test_sidecars_are_left_alone_and_stand_behind_main() -> None:
    sidecar = {"name": "side", "image": "busybox:1.36", "env": [{"name": "Z", "value": "z"}]}
    containers = f"[{sidecar}, {{name: main, image: i}}]"
    text = f"- {{name: C, type: worker, podTemplate: {{spec: {{containers: {containers}}}}}}}"
    (workload,) = render(graph(text), namespace="ns")
    main, beside = workload.leader.spec.mappings("containers")
    assert main.string("name") == "main"
    assert beside.plain() == sidecar


def test_a_component_without_main_gets_one() -> None:
    (workload,) = render(graph("- {name: C, type: frontend}"), namespace="ns")
    assert workload.leader.main.name == "main"
    assert workload.leader.main.image is None


# A frontend beside a worker


def test_frontend_sidecar_gets_defaults_and_mains_mounts() -> None:
    text = """
    - name: C
      type: worker
      frontendSidecar: fe
      podTemplate:
        spec:
          containers:
          - name: main
            image: i
            volumeMounts: [{name: m, mountPath: /m}, {name: o, mountPath: /o}]
          - {name: fe, image: i, args: [-m, x], volumeMounts: [{name: o, mountPath: /other}]}
    """
    (workload,) = render(graph(text), namespace="ns")
    sidecar = workload.leader.spec.mappings("containers")[1]
    assert sidecar.string("name") == "fe"
    assert plain(sidecar, "command") == ["python3"]
    assert plain(sidecar, "args") == ["-m", "x"]
    assert plain(sidecar, "volumeMounts") == [
        {"name": "o", "mountPath": "/other"},
        {"name": "m", "mountPath": "/m"},
    ]


def test_frontend_sidecar_that_is_not_there() -> None:
    assert reason(component="frontendSidecar: fe") == COMPONENT_ERROR


# The pod


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", {"fsGroup": 1000}),
        ("securityContext: null", {"fsGroup": 1000}),
        ("securityContext: {}", {}),
        ("securityContext: {runAsUser: 1}", {"runAsUser": 1}),
    ],
)
def test_fs_group_only_without_a_security_context(written: str, expected: Plain) -> None:
    assert plain(one(pod=written).spec, "securityContext") == expected


def test_null_is_nothing() -> None:
    assert "nodeSelector" not in one(pod="nodeSelector: null").spec


@pytest.mark.parametrize(("written", "seconds"), [("", 60), ("5", 5), ("0", 60)])
def test_grace_period(written: str, seconds: int) -> None:
    pod = f"terminationGracePeriodSeconds: {written}" if written else ""
    assert one(pod=pod).spec.integer("terminationGracePeriodSeconds") == seconds


@pytest.mark.parametrize(
    ("type_", "pod", "account"),
    [
        ("worker", "", "g-k8s-service-discovery"),
        ("worker", "serviceAccountName: own", "own"),
        ("planner", "", "planner-serviceaccount"),
    ],
)
def test_service_account(type_: str, pod: str, account: str) -> None:
    assert one(type_=type_, pod=pod).spec.string("serviceAccountName") == account


# Volumes


@pytest.mark.parametrize(
    ("component", "size"),
    [
        ("", "8Gi"),
        ("sharedMemorySize: 2Gi", "2Gi"),
        ("sharedMemorySize: 1000", 1000),
        ("sharedMemorySize: '0'", None),
        ("sharedMemorySize: 0", None),
        ("sharedMemorySize: 0Gi", None),
    ],
)
def test_shared_memory(component: str, size: Plain) -> None:
    template = one(component=component)
    volumes = template.spec.mappings("volumes")
    mounts = plain(template.main.node, "volumeMounts")
    if size is None:
        assert (volumes, mounts) == ((), None)
    else:
        (volume,) = volumes
        assert plain(volume, "emptyDir") == {"medium": "Memory", "sizeLimit": size}
        assert mounts == [SHARED_MEMORY]


def test_shared_memory_replaces_the_authors_own() -> None:
    template = one(
        "volumeMounts: [{name: mine, mountPath: /dev/shm}, {name: m, mountPath: /m}]",
        pod="volumes: [{name: shared-memory, emptyDir: {}}]",
    )
    assert plain(template.main.node, "volumeMounts") == [
        {"name": "m", "mountPath": "/m"},
        SHARED_MEMORY,
    ]
    named = [volume.string("name") for volume in template.spec.mappings("volumes")]
    assert named == ["m", "shared-memory"]


def test_volumes_stand_as_mounted_and_missing_ones_become_claims() -> None:
    template = one(
        "volumeMounts: [{name: b, mountPath: /b}, {name: gone, mountPath: /c}]",
        pod="volumes: [{name: a, emptyDir: {}}, {name: b, emptyDir: {}}]",
    )
    volumes = template.spec.mappings("volumes")
    assert [one.string("name") for one in volumes] == ["b", "gone", "shared-memory", "a"]
    assert plain(volumes[1], "persistentVolumeClaim") == {"claimName": "gone"}


VLLM = "command: [python3, -m, dynamo.vllm]"
SGLANG = "command: [python3, -m, dynamo.sglang]"
CACHE = "compilationCache: {pvcName: cache}"


def test_compilation_cache_of_vllm() -> None:
    template = one(VLLM, component=CACHE)
    assert environment(template)["VLLM_CACHE_ROOT"] == "/root/.cache/vllm"
    assert plain(template.main.node, "volumeMounts") == [
        {"name": "cache", "mountPath": "/root/.cache/vllm"},
        SHARED_MEMORY,
    ]


def test_compilation_cache_of_another_engine_is_only_mounted() -> None:
    template = one(SGLANG, component="compilationCache: {pvcName: cache, mountPath: /c}")
    assert "VLLM_CACHE_ROOT" not in environment(template)
    assert plain(template.spec.mappings("volumes")[0], "name") == "cache"


@pytest.mark.parametrize(
    ("main", "component", "pod"),
    [
        (SGLANG, CACHE, ""),
        (VLLM, "compilationCache: {pvcName: ''}", ""),
        (VLLM, CACHE, "volumes: [{name: cache, emptyDir: {}}]"),
        (f"{VLLM}, volumeMounts: [{{name: x, mountPath: /root/.cache/vllm}}]", CACHE, ""),
        ("volumeMounts: [{name: x}]", "", ""),
        ("volumeMounts: [{mountPath: /x}]", "", ""),
    ],
)
def test_mounts_that_cannot_be_made(main: str, component: str, pod: str) -> None:
    assert reason(main, component=component, pod=pod) == COMPONENT_ERROR


# Labels


def test_metrics_label_can_be_declined() -> None:
    declined = one(metadata=", annotations: {nvidia.com/enable-metrics: 'false'}")
    assert "nvidia.com/metrics-enabled" not in declined.labels
    assert declined.annotations == {"nvidia.com/enable-metrics": "false"}
    assert one().labels["nvidia.com/metrics-enabled"] == "true"


def test_system_labels_cannot_be_overwritten_and_the_components_own_beat_the_graphs() -> None:
    text = """
    - name: C
      type: worker
      podTemplate:
        metadata: {labels: {a: own, nvidia.com/selector: x, nvidia.com/dynamo-component: x}}
    """
    spec = "labels: {a: graph, b: graph}\n"
    (workload,) = render(graph(text, spec=spec), namespace="ns")
    labels = workload.leader.labels
    assert (labels["a"], labels["b"]) == ("own", "graph")
    assert labels["nvidia.com/selector"] == workload.name
    assert labels["nvidia.com/dynamo-component"] == "C"


def test_origin_version_stays_off_the_pods() -> None:
    key = "nvidia.com/dynamo-operator-origin-version"
    metadata, spec = f", annotations: {{{key}: 1.5.0}}", f"annotations: {{{key}: 1.5.0, a: b}}"
    assert one(metadata=metadata, spec=spec).annotations == {"a": "b"}


# Names


def test_names_are_not_cut() -> None:
    long = "n" * 60
    built = graph(f"- {{name: {'C' * 60}, type: frontend}}", name=long)
    (workload,) = render(built, namespace="ns")
    assert workload.name == f"{long}-{'c' * 60}"


def test_dots_stay_in_workloads_and_leave_services_and_namespaces() -> None:
    built = graph("- {name: Frontend, type: frontend}", name="a.b")
    (component,) = built.components
    (workload,) = render(built, namespace="ns")
    assert workload.name == "a.b-frontend"
    assert names.frontend_service(built, component) == "a-b-frontend"
    assert names.dynamo_namespace(built, component, namespace="ns") == "ns-a-b"


WORKER = (
    "- {name: w, type: worker, podTemplate: {spec: {containers: [{name: main, image: i%s}]}}%s}"
)


def hash_of(main: str = "", component: str = "", spec: str = "") -> str:
    return names.worker_hash(graph(WORKER % (main, component), spec=spec))


@pytest.mark.parametrize(
    "component", [", replicas: 9", ", scalingAdapter: {}", ", minAvailable: 1"]
)
def test_scaling_starts_no_new_generation(component: str) -> None:
    assert hash_of(component=component) == hash_of()


@pytest.mark.parametrize(
    ("main", "component", "spec"),
    [
        (", args: [x]", "", ""),
        ("", ", sharedMemorySize: 1Gi", ""),
        ("", "", "env: [{name: A, value: b}]"),
        ("", "", "backendFramework: vllm"),
    ],
)
def test_what_changes_pods_starts_a_new_generation(main: str, component: str, spec: str) -> None:
    assert hash_of(main, component, spec) != hash_of()


def test_a_frontend_starts_no_new_generation_of_workers() -> None:
    with_frontend = graph((WORKER % ("", "")) + "\n- {name: f, type: frontend}\n")
    assert names.worker_hash(with_frontend) == hash_of()
    assert names.worker_hash(graph("- {name: f, type: frontend}")) == "44136fa3"


# Which engine


TWO = "- {name: a, type: worker, podTemplate: {spec: {containers: [{name: main, %s}]}}}\n"


@pytest.mark.parametrize(
    ("components", "spec", "words"),
    [
        (TWO % VLLM + (TWO % SGLANG).replace("a,", "b,", 1), "", "a runs vllm, b runs sglang"),
        (TWO % VLLM, "backendFramework: sglang", "runs vllm, but"),
        (TWO % "args: [python3 -m dynamo.vllm; python3 -m dynamo.sglang]", "", "vllm and sglang"),
    ],
)
def test_engines_that_disagree(components: str, spec: str, words: str) -> None:
    with pytest.raises(ReconcileFailure, match=words) as caught:
        render(graph(components, spec=spec), namespace="ns")
    assert caught.value.reason == NOT_RECONCILED


def test_what_is_not_rendered_says_so() -> None:
    assert reason(component="experimental: {failover: {mode: IntraPod}}") == NOT_RENDERED
    older = "eppConfig: {configMapRef: {name: c, key: k}}"
    assert reason(type_="epp", component=older) == NOT_RENDERED
    assert one(component="experimental: {checkpoint: {enabled: false}}").main.image == IMAGE


def test_an_endpoint_picker_is_what_its_image_starts() -> None:
    template = one(type_="epp")
    main, spec = template.main, template.spec
    assert (main.command, main.args) == ((), ())
    ports = [
        (port.string("name"), port.integer("containerPort")) for port in main.node.mappings("ports")
    ]
    assert ports == [("grpc", 9002), ("grpc-health", 9003), ("metrics", 9090)]
    asked = {"port": 9003, "service": "inference-extension"}
    assert plain(main.node, "readinessProbe") == {
        "grpc": asked, "initialDelaySeconds": 5, "periodSeconds": 10,
    }  # fmt: skip
    assert plain(main.node, "startupProbe") == {
        "grpc": asked, "periodSeconds": 10, "failureThreshold": 180,
    }  # fmt: skip
    env = environment(template)
    assert env["DYN_NAMESPACE_PREFIX"] == "ns-g"
    assert (env["NVIDIA_VISIBLE_DEVICES"], env["HOME"]) == ("void", "/home/dynamo")
    assert spec.integer("terminationGracePeriodSeconds") == 130
    assert spec.string("serviceAccountName") == "epp-serviceaccount"
    assert {"name": "hf-cache", "emptyDir": {}} in plain(spec, "volumes")  # type: ignore[operator]
    assert template.annotations["sidecar.istio.io/inject"] == "false"


def test_what_its_author_says_of_an_endpoint_picker_holds() -> None:
    mesh = "annotations: {sidecar.istio.io/inject: 'true'}"
    template = one(type_="epp", spec=mesh, pod="terminationGracePeriodSeconds: 5")
    assert template.annotations["sidecar.istio.io/inject"] == "true"
    assert template.spec.integer("terminationGracePeriodSeconds") == 5


def test_workers_behind_an_endpoint_picker_are_of_a_class() -> None:
    pod = "podTemplate: {spec: {containers: [{name: main, image: i:1.6.1}]}}"
    workers = f"- {{name: w, type: decode, {pod}}}"
    picker = f"\n- {{name: e, type: epp, {pod}}}"
    label = "nvidia.com/dynamo-component-class"
    behind, epp = render(graph(workers + picker), namespace="ns")
    (alone,) = render(graph(workers), namespace="ns")
    assert behind.leader.labels[label] == "worker"
    assert label not in epp.leader.labels
    assert label not in alone.leader.labels


def test_grove_is_not_rendered_unless_declined() -> None:
    text = "- {name: f, type: frontend}"
    with pytest.raises(ReconcileFailure) as caught:
        render(graph(text), namespace="ns", cluster=Cluster(grove=True))
    assert caught.value.reason == NOT_RENDERED
    declined = graph(text, metadata=", annotations: {nvidia.com/enable-grove: 'False'}")
    assert len(render(declined, namespace="ns", cluster=Cluster(grove=True))) == 1


def test_an_unknown_type_is_told_the_nearest_one() -> None:
    with pytest.raises(ReconcileFailure, match='did you mean "prefill"'):
        one(type_="prefil")
