"""What is built, in one place: every version, and what must be asked of the machine."""

from __future__ import annotations

from dataclasses import dataclass

KUBERNETES = "v1.34.4"
KIND = "v0.30.0"
LWS = "v0.9.0"
LOCAL_PATH = "v0.0.30"

# What kubeadm of this version wants by name; preload.py compares its list with this.
PAUSE_TAG = "3.10.1"
ETCD_TAG = "3.6.5-0"
COREDNS = "v1.12.1"

ETCD = "v3.6.5"
CNI_PLUGINS = "v1.9.1"

# The last Debian whose systemd still takes cgroup v1.
DEBIAN = "bookworm"

# The oldest Go that the youngest of the modules asks for.
GO_AT_LEAST = (1, 26)

REPOSITORY = "dynamo-conformance"
BUSYBOX_IMAGE = f"docker.io/{REPOSITORY}/busybox:1"
LOCAL_PATH_IMAGE = f"docker.io/rancher/local-path-provisioner:{LOCAL_PATH}"
LWS_IMAGE = f"registry.k8s.io/lws/lws:{LWS}"
PAUSE_IMAGE = f"registry.k8s.io/pause:{PAUSE_TAG}"

NODE_PACKAGES = (
    "bash",
    "ca-certificates",
    "conntrack",
    "containerd",
    "dbus",
    "ebtables",
    "ethtool",
    "iproute2",
    "iptables",
    "jq",
    "kmod",
    "mount",
    "nftables",
    "procps",
    "runc",
    "socat",
    "systemd",
    "systemd-sysv",
    "util-linux",
)
PROXY_PACKAGES = ("busybox-static", "iptables")
PYTHON_PACKAGES = ("ca-certificates", "python3")


@dataclass(frozen=True)
class Module:
    """A Go module and the programs that are taken from it."""

    name: str
    path: str
    version: str
    # Import path of each main package by the name its program gets; "" is the module itself.
    programs: dict[str, str]
    tags: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    # A folder below go/ whose main package is built against this module instead.
    source: str = ""
    # Take the versions of whatever Kubernetes uses too, so that it is compiled only once.
    like_kubernetes: bool = False


def _kubernetes_variables() -> tuple[tuple[str, str], ...]:
    major, minor, _ = KUBERNETES.lstrip("v").split(".")
    values = {
        "gitVersion": KUBERNETES,
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
    }
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return tuple((f"{package}.{name}", values[name]) for package in packages for name in values)


# Kubernetes' own: without parts of tests, and with less of gRPC. A package is compiled once for all
# that take it at the same version and with the same tags.
TAGS = ("grpcnotrace", "notest")

# In the order of building: what is compiled for one is there for the next.
MODULES = (
    Module(
        name="kubernetes",
        path="k8s.io/kubernetes",
        version=KUBERNETES,
        programs={
            name: f"cmd/{name}"
            for name in (
                "kube-apiserver",
                "kube-controller-manager",
                "kube-scheduler",
                "kube-proxy",
                "kubelet",
                "kubeadm",
                "kubectl",
            )
        },
        tags=TAGS,
        variables=_kubernetes_variables(),
    ),
    Module(
        name="coredns",
        path="github.com/coredns/coredns",
        version=COREDNS,
        programs={"coredns": ""},
        tags=TAGS,
        source="coredns",
    ),
    Module(
        name="etcd",
        path="go.etcd.io/etcd/server/v3",
        version=ETCD,
        programs={"etcd": ""},
        tags=TAGS,
        like_kubernetes=True,
    ),
    Module(
        name="local-path",
        path="github.com/rancher/local-path-provisioner",
        version=LOCAL_PATH,
        programs={"local-path-provisioner": ""},
        tags=TAGS,
        variables=(("main.VERSION", LOCAL_PATH),),
        like_kubernetes=True,
    ),
    Module(
        name="lws",
        path="sigs.k8s.io/lws",
        version=LWS,
        programs={"manager": "cmd"},
    ),
    Module(
        name="kind",
        path="sigs.k8s.io/kind",
        version=KIND,
        programs={"kind": ""},
    ),
    Module(
        name="cni",
        path="github.com/containernetworking/plugins",
        version=CNI_PLUGINS,
        programs={
            "host-local": "plugins/ipam/host-local",
            "loopback": "plugins/main/loopback",
            "portmap": "plugins/meta/portmap",
            "ptp": "plugins/main/ptp",
        },
    ),
)
