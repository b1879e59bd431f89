"""The options of the plugin; all of them begin with `--dynamo-`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

from dynamo_conformance.probes.probe import Profile
from dynamo_conformance.targets import CPU, ENGINES, MOCK, REAL

SCRIPT: Final = "script"
URL: Final = "url"
TARGETS: Final = ("local", "compose", "kind", "cluster", URL)
PROFILE_INI: Final = "dynamo_profile"
ADDRESS_OPTIONS: Final = (
    "--dynamo-url", "--dynamo-model", "--dynamo-api-key-env", "--dynamo-header", "--dynamo-ca",
)  # fmt: skip
"""What only the target `url` looks at."""

CLUSTERS: Final = ("kind", "cluster")
"""The targets whose graphs run in a cluster."""

NOT_OF_EXISTING: Final = (
    "--dynamo-keep", "--dynamo-bring", "--dynamo-kind-delete", "--dynamo-ledger",
    "--dynamo-compare", "--dynamo-changed-since",
)  # fmt: skip
"""What is about graphs that a run deploys from files."""

NOT_OF_ADDRESSES: Final = ("--dynamo-ledger", "--dynamo-compare")
OPERATORS = ("auto", "reference", "real")
KUBECONFIG_VARIABLE = "DYN_CONFORMANCE_KUBECONFIG"
CONTEXT_VARIABLE = "DYN_CONFORMANCE_KUBE_CONTEXT"
NODE_IMAGE_VARIABLE = "DYN_CONFORMANCE_NODE_IMAGE"
SCRIPTS_INI = "dynamo_scripts"
PROCESS_TIMEOUT, POD_TIMEOUT = 120.0, 600.0
"""How long a graph may take to answer.

A cluster pulls images and mounts volumes meanwhile; an engine on a CPU compiles its model.
"""

DEFAULT_REQUEST_TIMEOUT = 60.0
DEFAULT_ARTIFACTS = "build/conformance"


def add_options(parser: pytest.Parser) -> None:
    """Declare the options; `pytest --help` shows them in groups of their own."""
    group = parser.getgroup("dynamo", "Dynamo conformance")
    group.addoption(
        "--dynamo-target",
        choices=TARGETS,
        help="where graphs are run (default: local)",
    )
    group.addoption(
        "--dynamo-engine",
        choices=ENGINES,
        help="mock needs no engine and no GPU, cpu runs the installed engine on a CPU with random "
        "weights, real uses it as it is (default: mock); with the target url, mock says that a "
        "mock engine answers (default: none is known)",
    )
    group.addoption(
        "--dynamo-release",
        metavar="RELEASE",
        help="which Dynamo release runs graphs on this machine: own, installed or X.Y.Z (default: "
        "the one that images name, where that is of another minor than the installed one)",
    )
    group.addoption(
        "--dynamo-timeout",
        type=float,
        metavar="SECONDS",
        help=f"how long a graph may take to come up (default: {PROCESS_TIMEOUT:.0f}, in a cluster "
        f"or with an engine on a CPU {POD_TIMEOUT:.0f}); with the target url nothing is waited for",
    )
    _add_probe_options(group)
    group.addoption(
        "--dynamo-artifacts",
        type=Path,
        default=Path(DEFAULT_ARTIFACTS),
        metavar="DIR",
        help=f"where the logs of failed examples are kept (default: {DEFAULT_ARTIFACTS})",
    )
    group.addoption(
        "--dynamo-changed-since",
        metavar="REF",
        help="only examples that differ from a git revision: their manifest, scripts, components, "
        "and the files these name",
    )
    group.addoption(
        "--dynamo-ledger",
        type=Path,
        metavar="FILE",
        help="write what this run proves into FILE, the ledger in the folder of the examples",
    )
    group.addoption(
        "--dynamo-compare",
        type=Path,
        metavar="FILE",
        help="fail when this run shows less of an example than the ledger FILE says",
    )
    group.addoption(
        "--dynamo-report",
        type=Path,
        metavar="FILE",
        help="write what this run saw as one HTML page, or as JSON where FILE ends in .json",
    )
    _add_address_options(parser.getgroup("dynamo-url", "Dynamo conformance of any address"))
    _add_cluster_options(parser.getgroup("dynamo-cluster", "Dynamo conformance in a cluster"))
    parser.addini(PROFILE_INI, "core or extended: the probes of each graph", default="core")
    parser.addini(SCRIPTS_INI, "run launch/local/*.sh too", type="bool", default=False)


def _add_probe_options(group: pytest.OptionGroup) -> None:
    """Declare what is asked of each graph."""
    group.addoption(
        "--dynamo-profile",
        choices=tuple(Profile),
        help="core is what every client relies on, extended is all there is (default: core, or "
        f"{PROFILE_INI} of the configuration)",
    )
    group.addoption(
        "--dynamo-probe",
        action="append",
        default=[],
        metavar="ID",
        help="ask this probe or area alone; can be given several times",
    )
    group.addoption(
        "--dynamo-request-timeout",
        type=float,
        default=DEFAULT_REQUEST_TIMEOUT,
        metavar="SECONDS",
        help=f"in which an answer must be complete (default: {DEFAULT_REQUEST_TIMEOUT:.0f})",
    )


def _add_address_options(group: pytest.OptionGroup) -> None:
    """Declare what only the target `url` looks at."""
    group.addoption(
        "--dynamo-url",
        metavar="URL",
        help="the endpoint of the target url; without a path that alone is asked, with manifests "
        "also whether it keeps what they promise",
    )
    group.addoption(
        "--dynamo-model",
        metavar="ID",
        help="the model to ask for (default: the manifest's, or the only one that is listed)",
    )
    group.addoption(
        "--dynamo-api-key-env",
        metavar="NAME",
        help="the environment variable with the API key, which is never printed or kept",
    )
    group.addoption(
        "--dynamo-header",
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="send this header with each request; its value is never printed or kept; can be given "
        "several times",
    )
    group.addoption(
        "--dynamo-ca",
        type=Path,
        metavar="FILE",
        help="certificates that vouch for the server (default: those of the system)",
    )


def profile_of(config: pytest.Config, level: str = "") -> Profile:
    """Return the profile of a run at a level.

    Of a script no more than the core is asked, unless an option says so.

    Raises:
        pytest.UsageError: The configuration names one that does not exist.
    """
    option, ini = config.getoption("--dynamo-profile"), config.getini(PROFILE_INI)
    name = option or (Profile.CORE if level == SCRIPT else ini)
    if name not in tuple(Profile):
        raise pytest.UsageError(f"{PROFILE_INI} is {name}; it is core or extended")
    return Profile(name)


def engine_of(config: pytest.Config) -> str:
    """Return the engine of graphs that are started: mock, unless another was asked for."""
    return str(config.getoption("--dynamo-engine") or MOCK)


def check_options(config: pytest.Config) -> None:
    """Refuse options that contradict each other.

    Raises:
        pytest.UsageError: Some do.
    """
    profile = profile_of(config)
    if ids := tuple(config.getoption("--dynamo-probe")):
        _check_probes(profile, ids)
    given = [option for option in ADDRESS_OPTIONS if config.getoption(option)]
    if (config.getoption("--dynamo-target"), engine_of(config)) == ("compose", CPU):
        raise pytest.UsageError(f"--dynamo-engine={CPU} needs --dynamo-target=local or kind")
    if config.getoption("--dynamo-target") != URL:
        if given:
            raise pytest.UsageError(f"{given[0]} needs --dynamo-target={URL}")
    elif not config.getoption("--dynamo-url"):
        raise pytest.UsageError(f"--dynamo-target={URL} needs --dynamo-url URL")
    else:
        _check_address(config)
    _check_cluster(config)
    _check_release(config)
    if config.getoption("--dynamo-request-timeout") <= 0:
        raise pytest.UsageError("--dynamo-request-timeout takes a number of seconds over 0")


def release_of(config: pytest.Config) -> str | None:
    """Return which release is to run graphs, as `runtimes.choice.choose` takes it."""
    given: str | None = config.getoption("--dynamo-release")
    return given


def _check_release(config: pytest.Config) -> None:
    given = release_of(config)
    if given is None:
        return
    from dynamo_conformance.runtimes.choice import ReleaseOptionError, check_option

    try:
        check_option(given)
    except ReleaseOptionError as error:
        raise pytest.UsageError(f"--dynamo-release: {error}") from error
    if config.getoption("--dynamo-target") not in (None, "local"):
        raise pytest.UsageError("--dynamo-release needs --dynamo-target=local")


def _check_probes(profile: Profile, ids: tuple[str, ...]) -> None:
    from dynamo_conformance.probes.areas import ProbeSourceError, load_probes
    from dynamo_conformance.probes.run import UnknownProbeError, chosen

    try:
        chosen(load_probes(), profile=profile, ids=ids)
    except (ProbeSourceError, UnknownProbeError) as error:
        raise pytest.UsageError(f"--dynamo-probe: {error}") from error


def _check_address(config: pytest.Config) -> None:
    from dynamo_conformance.probes.options import OptionError, read_header, read_key, read_url

    unfit = [option for option in NOT_OF_ADDRESSES if config.getoption(option)]
    if unfit:
        raise pytest.UsageError(f"{unfit[0]} is about what was deployed, not about an address")
    engine = config.getoption("--dynamo-engine")
    if engine in (CPU, REAL):
        raise pytest.UsageError(
            f"--dynamo-engine={engine} starts engines; --dynamo-target={URL} none"
        )
    ca: Path | None = config.getoption("--dynamo-ca")
    if ca is not None and not ca.is_file():
        raise pytest.UsageError(f"--dynamo-ca: there is no file {ca}")
    try:
        read_url(config.getoption("--dynamo-url"))
        read_key(config.getoption("--dynamo-api-key-env"))
        for text in config.getoption("--dynamo-header"):
            read_header(text)
    except OptionError as error:
        raise pytest.UsageError(str(error)) from error


def timeout(config: pytest.Config) -> float:
    """Return how many seconds a graph may take to answer, where it is served."""
    given: float | None = config.getoption("--dynamo-timeout")
    if given is not None:
        return given
    is_slow = config.getoption("--dynamo-target") in CLUSTERS or engine_of(config) == CPU
    return POD_TIMEOUT if is_slow else PROCESS_TIMEOUT


def _check_cluster(config: pytest.Config) -> None:
    """Refuse options about a graph that is there, or stays, where neither can be."""
    in_cluster = config.getoption("--dynamo-target") in CLUSTERS
    if config.getoption("--dynamo-keep"):
        if not in_cluster:
            raise pytest.UsageError(
                "--dynamo-keep needs --dynamo-target=kind or cluster: what runs on this machine "
                "ends with the run; `dynamo up FILE` serves it until Ctrl-C"
            )
        if config.getoption("--dynamo-kind-delete"):
            raise pytest.UsageError("--dynamo-kind-delete deletes what --dynamo-keep is to leave")
    if not config.getoption("--dynamo-existing"):
        return
    if not in_cluster:
        raise pytest.UsageError(
            "--dynamo-existing needs --dynamo-target=cluster or kind; an address is asked with "
            f"--dynamo-target={URL}"
        )
    unfit = [option for option in NOT_OF_EXISTING if config.getoption(option)]
    if unfit:
        raise pytest.UsageError(
            f"--dynamo-existing deploys and changes nothing: leave out {unfit[0]}"
        )
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        raise pytest.UsageError(
            f"--dynamo-existing takes the manifest from the cluster: leave out {config.args[0]}"
        )


def _add_cluster_options(group: pytest.OptionGroup) -> None:
    """Declare what only the targets `kind` and `cluster` look at."""
    group.addoption(
        "--dynamo-kubeconfig",
        type=Path,
        default=os.environ.get(KUBECONFIG_VARIABLE),
        metavar="FILE",
        help=f"the kubeconfig to use (default: ${KUBECONFIG_VARIABLE}, or kubectl's own)",
    )
    group.addoption(
        "--dynamo-kube-context",
        default=os.environ.get(CONTEXT_VARIABLE),
        metavar="NAME",
        help="the context of the kubeconfig; the target `cluster` takes none that is not named "
        f"(default: ${CONTEXT_VARIABLE})",
    )
    group.addoption(
        "--dynamo-operator",
        choices=OPERATORS,
        default="auto",
        help="auto uses the Dynamo operator of the cluster, and in kind the reference operator "
        "where there is none; the others insist (default: auto)",
    )
    group.addoption(
        "--dynamo-namespace",
        metavar="NAME",
        help="an existing namespace to use, one example at a time (default: one made per example)",
    )
    group.addoption(
        "--dynamo-existing",
        metavar="NAME",
        help="ask the DynamoGraphDeployment of this name that is in the cluster already, and its "
        "promises; no file is needed, nothing is changed or removed (its namespace: "
        "--dynamo-namespace; without it all are looked into)",
    )
    group.addoption(
        "--dynamo-keep",
        action="store_true",
        help="leave the graphs in the cluster, whatever became of them, and print how to reach and "
        "remove each",
    )
    group.addoption(
        "--dynamo-bring",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="manifests (a Secret, a PersistentVolumeClaim) to apply in the namespace of each "
        "example before it; can be given several times",
    )
    group.addoption(
        "--dynamo-pods",
        type=int,
        metavar="N",
        help="how many pods run at once, which decides how many examples do "
        "(default: what the nodes hold; 1 example at a time with --dynamo-namespace)",
    )
    group.addoption(
        "--dynamo-kind-cluster",
        default="dynamo-conformance",
        metavar="NAME",
        help="the kind cluster to use, made if there is none (default: dynamo-conformance)",
    )
    group.addoption(
        "--dynamo-kind-image",
        default=os.environ.get(NODE_IMAGE_VARIABLE),
        metavar="IMAGE",
        help=f"the node image of a new kind cluster (default: ${NODE_IMAGE_VARIABLE}, or kind's)",
    )
    group.addoption(
        "--dynamo-kubernetes-version",
        metavar="X.Y.Z",
        help="the Kubernetes version of a new kind cluster, by kind's public node images",
    )
    group.addoption(
        "--dynamo-kind-delete",
        action="store_true",
        help="delete the kind cluster after the run, unless somebody else made it",
    )
