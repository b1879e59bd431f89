"""Applying a published file, byte for byte, and taking back exactly what it made."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.document import decoded
from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.prerequisites import documents_in, graphs_in
from dynamo_conformance.targets.cluster.apply_errors import apply_failure
from dynamo_conformance.targets.interface import DeployFailure

if TYPE_CHECKING:
    from pathlib import Path

    from dynamo_conformance.kube.connection import Connection
    from dynamo_conformance.manifest.document import Document

APPLY_SECONDS = 120.0
DELETE_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A file as it was when it was read."""

    file: Path
    data: bytes
    documents: tuple[Document, ...]

    @classmethod
    def read(cls, file: Path) -> Manifest:
        """Read a file.

        Raises:
            DeployFailure: It cannot be read as manifests.
        """
        try:
            data = file.read_bytes()
            documents = documents_in(decoded(data, file=str(file)), file=str(file))
        except (OSError, ManifestError) as error:
            raise DeployFailure(f"{file} cannot be read: {error}") from error
        return cls(file=file, data=data, documents=documents)

    @property
    def sha256(self) -> str:
        """The checksum of the bytes, as `sha256sum` prints it."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def graphs(self) -> tuple[Document, ...]:
        """The graphs in it."""
        return graphs_in(self.documents)

    @property
    def verb(self) -> str:
        """What kubectl must do: an object whose name the server makes can only be created."""
        named = all(
            (document.root.mapping("metadata") or document.root).string("name")
            for document in self.documents
        )
        return "apply" if named else "create"

    def check_unchanged(self) -> None:
        """Make sure that the file is what was read, and so what was applied.

        Raises:
            DeployFailure: It is another file now.
        """
        try:
            same = self.file.read_bytes() == self.data
        except OSError:
            same = False
        if not same:
            raise DeployFailure(
                f"{self.file} was changed while it was applied",
                cause="an editor or another process writes to it: run again",
            )


def apply(connection: Connection, manifest: Manifest, *, namespace: str) -> tuple[str, ...]:
    """Give kubectl the file itself; return its warnings.

    Raises:
        DeployFailure: The cluster does not take it, or the file changed meanwhile.
    """
    done = connection.kubectl(
        manifest.verb, f"--filename={manifest.file}", f"--namespace={namespace}",
        timeout=APPLY_SECONDS,
    )  # fmt: skip
    if done.returncode != 0:
        raise apply_failure(str(manifest.file), done.stderr)
    manifest.check_unchanged()
    return tuple(
        line.removeprefix("Warning: ")
        for line in done.stderr.splitlines()
        if line.startswith("Warning: ")
    )


def check_absent(connection: Connection, manifest: Manifest, *, namespace: str) -> None:
    """Make sure that nothing of the file is there already: what others made is never taken over.

    Raises:
        DeployFailure: Something is there, or the cluster does not let us look.
    """
    done = connection.kubectl(
        "get", f"--filename={manifest.file}", f"--namespace={namespace}",
        "--ignore-not-found", "--output=name",
    )  # fmt: skip
    if done.returncode != 0:
        raise apply_failure(str(manifest.file), done.stderr)
    existing = done.stdout.split()
    if existing:
        again = connection.kubectl_words("delete", "-n", namespace, "-f", str(manifest.file))
        raise DeployFailure(
            f"namespace {namespace} has {', '.join(existing)} already, not made by this run",
            cause=f"use another namespace, or, if nobody needs it: {again}",
        )


def take_back(connection: Connection, manifest: Manifest, *, namespace: str) -> str:
    """Delete what the file made and wait for its end; return what went wrong, or nothing."""
    done = connection.kubectl(
        "delete", f"--filename={manifest.file}", f"--namespace={namespace}",
        "--ignore-not-found", "--cascade=foreground", f"--timeout={DELETE_SECONDS:.0f}s",
        timeout=DELETE_SECONDS + 10,
    )  # fmt: skip
    return "" if done.returncode == 0 else done.stderr.strip()
