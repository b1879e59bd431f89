"""A kubeconfig that is pinned: one context, copied once, so that nothing moves it under a run.

kubectl reads it, and kr8s makes credentials of it: keys and tokens, or what a plugin answers.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.kube.client import Access
from dynamo_conformance.kube.errors import ClusterUnavailableError
from dynamo_conformance.kube.resources import table

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain

CONFIG_SECONDS = 20.0

_DATA = ("client-certificate", "client-key", "certificate-authority")
"""What may stand in a kubeconfig as data, and in ours is a file of our own folder."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """One context of a kubeconfig.

    Attributes:
        path: The copy: a file that only this user can read, as are keys and certificates beside it.
        context: The context's name.
        server: The address of the API server.
    """

    path: Path
    context: str
    server: str


def find_kubectl() -> str:
    """Return the path of kubectl.

    Raises:
        ClusterUnavailableError: It is not installed.
    """
    path = shutil.which("kubectl")
    if path is None:
        raise ClusterUnavailableError(
            "kubectl is not installed: get it from https://kubernetes.io/docs/tasks/tools/"
        )
    return path


def pin(kubeconfig: Path | None, context: str | None, *, folder: Path) -> Pinned:
    """Copy one context of a kubeconfig into `folder`.

    Args:
        kubeconfig: The file; None is kubectl's own choice (KUBECONFIG, then ~/.kube/config).
        context: The context. None is the current one of `kubeconfig`, and only of a file that was
            named: the cluster that a shell happens to point at is never taken.
        folder: Where the copy is written; only this user can read it.

    Raises:
        ClusterUnavailableError: There is no such file or context, or none was named.
    """
    if kubeconfig is None and context is None:
        raise ClusterUnavailableError(
            "no cluster was named: say which one by its context (kubectl config get-contexts), "
            "or by a kubeconfig file"
        )
    if kubeconfig is not None and not kubeconfig.is_file():
        raise ClusterUnavailableError(f"no kubeconfig at {kubeconfig}")
    content = _minified(kubeconfig, context)
    name = str(content.get("current-context") or "")
    cluster = _first(content, "clusters", "cluster")
    server = str(cluster.get("server") or "")
    if not server:
        where = f" of {kubeconfig}" if kubeconfig is not None else ""
        raise ClusterUnavailableError(f"the context {name or context}{where} leads to no cluster")
    user = _first(content, "users", "user")
    _absolute_command(user, kubeconfig)
    for holder in (cluster, user):
        _as_files(holder, folder)
    path = folder / "kubeconfig"
    _write(path, json.dumps(content).encode())
    return Pinned(path, name, server)


async def login(pinned: Pinned) -> Access:
    """Return fresh credentials for the cluster.

    Raises:
        ClusterUnavailableError: They cannot be had.
    """
    # What kr8s gives to everybody asks the server for its version first. pyproject.toml bounds
    # kr8s, and a test fails when its credentials are read in another way.
    from kr8s._auth import KubeAuth

    auth = KubeAuth(
        kubeconfig=str(pinned.path),
        context=pinned.context,
        namespace="default",
        serviceaccount="",
    )
    try:
        await auth.reauthenticate()
    except (ValueError, KeyError, RuntimeError, OSError, json.JSONDecodeError) as error:
        what = f"no credentials for context {pinned.context}"
        raise ClusterUnavailableError(f"{what}: {error}") from error
    return Access(
        server=str(auth.server).rstrip("/"),
        headers={"Authorization": f"Bearer {auth.token}"} if auth.token else {},
        tls=await auth.ssl_context(),  # type: ignore[no-untyped-call]
        proxy=auth.proxy,
        server_name=auth.tls_server_name,
    )


def _minified(kubeconfig: Path | None, context: str | None) -> dict[str, Plain]:
    words = [find_kubectl(), "config", "view", "--minify", "--flatten", "--raw", "--output=json"]
    if kubeconfig is not None:
        words.append(f"--kubeconfig={kubeconfig}")
    if context is not None:
        words.append(f"--context={context}")
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=CONFIG_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as late:
        raise ClusterUnavailableError(f"kubectl does not answer: {' '.join(words)}") from late
    if done.returncode != 0:
        where = f" in {kubeconfig}" if kubeconfig is not None else ""
        words_of_kubectl = done.stderr.strip().removeprefix("error: ")
        raise ClusterUnavailableError(f"no usable context{where}: {words_of_kubectl}")
    return table(json.loads(done.stdout))


def _first(content: dict[str, Plain], plural: str, singular: str) -> dict[str, Plain]:
    """Return the only cluster or user of a minified kubeconfig."""
    entries = content.get(plural)
    return table(table(entries[0]).get(singular)) if isinstance(entries, list) and entries else {}


def _absolute_command(user: dict[str, Plain], kubeconfig: Path | None) -> None:
    """Keep a credential plugin's relative path right in a copy that lies elsewhere."""
    plugin = user.get("exec")
    command = plugin.get("command") if isinstance(plugin, dict) else None
    if isinstance(plugin, dict) and isinstance(command, str) and kubeconfig is not None:
        path = Path(command)
        if "/" in command and not path.is_absolute():
            plugin["command"] = str(kubeconfig.absolute().parent / path)


def _as_files(holder: dict[str, Plain], folder: Path) -> None:
    """Make files of keys and certificates, so that no library leaves copies of them elsewhere."""
    for name in _DATA:
        data = holder.pop(f"{name}-data", None)
        if isinstance(data, str) and data:
            path = folder / name
            _write(path, base64.b64decode(data))
            holder[name] = str(path)


def _write(path: Path, data: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(data)
