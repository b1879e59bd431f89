"""TensorRT-LLM over several nodes: the leader's mpirun starts ranks over ssh on all of them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.graph import Container
from dynamo_conformance.rendering import environment, flags
from dynamo_conformance.rendering.defaults import SHELL, without_probes
from dynamo_conformance.rendering.names import SSH_SECRET
from dynamo_conformance.rendering.node_merge import appended, made, words
from dynamo_conformance.rendering.pod_context import Position

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Mapping, Plain
    from dynamo_conformance.rendering.pod_context import PodContext

SSH_PORT = 2222
SSH_FOLDER = "/ssh-pk"

_DATA = Path(__file__).with_name("data")
_READABLE = 0o644
_FORWARDED = (
    "CUDA_VISIBLE_DEVICES", "HF_DATASETS_CACHE", "HF_ENDPOINT", "HF_HOME", "HF_TOKEN", "HOME",
    "HUGGING_FACE_HUB_TOKEN", "LD_LIBRARY_PATH", "MODEL_PATH", "NCCL_DEBUG", "NCCL_IB_DISABLE",
    "NCCL_P2P_DISABLE", "PATH", "PYTHONPATH", "TENSORRT_LLM_CACHE_DIR", "TOKENIZERS_PARALLELISM",
    "TRANSFORMERS_CACHE", "TRTLLM_USE_UCX_KVCACHE", "USER",
)  # fmt: skip
"""Variables that an image or a node may set and every rank must see."""


def rewritten(container: Mapping, context: PodContext, position: Position) -> Mapping:
    """Return `main` with the ssh keys and the script of this position."""
    if position is Position.ALONE:
        return container
    keys = made(mountPath=SSH_FOLDER, name=SSH_SECRET, readOnly=True)
    container = appended(container, "volumeMounts", keys)
    # Ranks find each other by the full host name; MPI would cut it at the first dot.
    names = environment.variable("OMPI_MCA_orte_keep_fqdn_hostnames", "1")
    container = appended(container, "env", names)
    if position is Position.LEADER:
        script = _leader(container, context)
    else:
        script = _script("trtllm-ssh.sh", "trtllm-follower.sh", SSH_PORT=str(SSH_PORT))
        container = without_probes(container, position).replaced("readinessProbe", _ssh_probe())
    return container.replaced("command", words(SHELL)).replaced("args", words((script,)))


def completed(spec: Mapping, position: Position) -> Mapping:
    """Return a pod spec with the volume that holds the ssh keys."""
    if position is Position.ALONE:
        return spec
    source: dict[str, Plain] = {"secretName": SSH_SECRET, "defaultMode": _READABLE}
    return appended(spec, "volumes", made(name=SSH_SECRET, secret=source))


def _leader(container: Mapping, context: PodContext) -> str:
    main = Container(container)
    nodes = context.component.node_count
    known = {variable.name for variable in main.env}
    return _script(
        "trtllm-ssh.sh",
        "trtllm-leader.sh",
        SSH_PORT=str(SSH_PORT),
        FOLLOWERS=" ".join(str(node) for node in range(1, nodes)),
        RANKS=str(nodes * main.gpus),
        FORWARDED=" ".join(sorted(known.union(_FORWARDED))),
        LAUNCH=f"trtllm-llmapi-launch {_engine(main)}",
    )


def _engine(main: Container) -> str:
    """Return the engine's command line as a shell reads it."""
    if flags.runs_python(main):
        return shlex.join(word.text for word in (*main.command, *main.args))
    return " ".join(word.text for word in (main.args or main.command))


def _ssh_probe() -> Mapping:
    socket: dict[str, Plain] = {"port": SSH_PORT}
    return made(
        tcpSocket=socket,
        initialDelaySeconds=20,
        periodSeconds=20,
        timeoutSeconds=5,
        failureThreshold=10,
    )


def _script(*parts: str, **settings: str) -> str:
    """Return the scripts `parts` as one, behind the variables that they read."""
    head = "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items())
    return head + "".join((_DATA / part).read_text(encoding="utf-8") for part in parts)
