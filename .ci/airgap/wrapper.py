"""Go modules built from outside: a wrapper module requires one, and its programs are built.

`go install` would refuse what replaces or excludes anything, and Go ignores both in a dependency.
So the wrapper repeats the exclusions, and requires the published version of what is replaced by
another folder of the module's own repository.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict, cast

from command import AirgapError, answer, run
from pins import KUBERNETES, Module

if TYPE_CHECKING:
    from pathlib import Path

# The wrapper has no go.sum of its own: each sum is checked against the checksum database.
ENVIRONMENT = {
    "CGO_ENABLED": "0",
    "GO111MODULE": "on",
    "GOFLAGS": "-mod=mod",
    "GOTOOLCHAIN": "local",
    "GOWORK": "off",
}
KUBERNETES_PATH = "k8s.io/kubernetes"


class _Version(TypedDict):
    Path: str
    Version: str


class _Replacement(TypedDict):
    Old: _Version
    New: _Version


class _GoMod(TypedDict):
    Go: str
    Require: list[_Version]
    Replace: list[_Replacement] | None
    Exclude: list[_Version] | None


class _Download(TypedDict):
    GoMod: str
    Dir: str


@dataclass(frozen=True)
class Source:
    """A module as Go keeps it: a folder to be read only, and what its go.mod says."""

    folder: str
    go_mod: _GoMod


def fetch(path: str, version: str, scratch: Path, log: Path) -> Source:
    """Have a module from the proxy."""
    printed = scratch / "download.json"
    with printed.open("wb") as out:
        words = ("go", "mod", "download", "-json", f"{path}@{version}")
        run(*words, folder=scratch, env=ENVIRONMENT, log=log, stdout=out)
    download = cast("_Download", json.loads(printed.read_text(encoding="utf-8")))
    printed.unlink()
    go_mod = answer("go", "mod", "edit", "-json", download["GoMod"], folder=scratch)
    if go_mod is None:
        raise AirgapError(f"{download['GoMod']}: Go cannot read it")
    return Source(download["Dir"], cast("_GoMod", json.loads(go_mod)))


def write(folder: Path, module: Module, log: Path) -> None:
    """Write the wrapper's go.mod into a folder."""
    theirs = fetch(module.path, module.version, folder, log).go_mod
    required = _published(theirs, module.version)
    if module.like_kubernetes:
        kubernetes = fetch(KUBERNETES_PATH, KUBERNETES, folder, log).go_mod
        required |= {it["Path"]: it["Version"] for it in kubernetes["Require"]}
        required |= _published(kubernetes, KUBERNETES)
    required[module.path] = module.version
    lines = [
        f"module airgap/{module.name}",
        f"go {theirs['Go']}",
        *(f"require {path} {version}" for path, version in sorted(required.items())),
        *(f"exclude {it['Path']} {it['Version']}" for it in theirs["Exclude"] or []),
    ]
    (folder / "go.mod").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _published(go_mod: _GoMod, version: str) -> dict[str, str]:
    """Versions for what the module replaces by folders of its repository."""
    if version == KUBERNETES:
        # Its libraries are published with the same number, as major version 0.
        version = "v0." + version.split(".", maxsplit=1)[1]
    required = {it["Path"] for it in go_mod["Require"]}
    replaced = {it["Old"]["Path"] for it in go_mod["Replace"] or [] if _is_folder(it["New"])}
    return dict.fromkeys(sorted(required & replaced), version)


def _is_folder(new: _Version) -> bool:
    return new["Path"].startswith(".")
