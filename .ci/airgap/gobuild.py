"""Go programs, from the module proxy alone."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import wrapper
from cache import Cache, content, key
from command import AirgapError, answer, run
from pins import GO_AT_LEAST, KUBERNETES, Module

if TYPE_CHECKING:
    from collections.abc import Sequence

SOURCES = Path(__file__).parent / "go"
OWN = ("pause", "narrow")
FLAGS = ("-trimpath", "-buildvcs=false")
STRIPPED = "-s -w"


@dataclass(frozen=True)
class Go:
    """The machine's Go, which is part of what a build depends on."""

    version: str

    def key(self, module: Module) -> str:
        """What decides a module's programs."""
        own = content(SOURCES / module.source) if module.source else ""
        kubernetes = KUBERNETES if module.like_kubernetes else ""
        return key(self.version, repr(module), own, kubernetes, _recipe())

    def own_key(self) -> str:
        """What decides our own programs."""
        return key(self.version, content(*(SOURCES / name for name in OWN)), _recipe())


def _recipe() -> str:
    return content(Path(wrapper.__file__)) + repr((FLAGS, STRIPPED))


def find() -> Go:
    """The machine's Go, if it is new enough."""
    wanted = ".".join(map(str, GO_AT_LEAST))
    version = answer("go", "env", "GOVERSION", folder=Path("/"))
    if version is None:
        raise AirgapError(f"there is no Go; install {wanted} or later and put it in PATH")
    found = re.match(r"go(\d+)\.(\d+)", version)
    if not found or tuple(map(int, found.groups())) < GO_AT_LEAST:
        raise AirgapError(f"Go is {version}; {wanted} or later is needed")
    return Go(version)


def build(cache: Cache, go: Go, module: Module) -> Path:
    """The folder with a module's programs."""

    def make(folder: Path) -> None:
        log = cache.log(f"go-{module.name}")
        work = folder / "wrapper"
        work.mkdir()
        wrapper.write(work, module, log)
        if module.source:
            shutil.copy2(SOURCES / module.source / "main.go", work)
        for words in _builds(module, folder):
            run("go", "build", *words, folder=work, env=wrapper.ENVIRONMENT, log=log)
        shutil.rmtree(work)

    return cache.build(f"go-{module.name}", go.key(module), make)


def _builds(module: Module, folder: Path) -> list[Sequence[str | Path]]:
    """The builds of a module; several programs are one, whose links run side by side."""
    link = " ".join([STRIPPED, *(f"-X {name}={value}" for name, value in module.variables)])
    options = (*FLAGS, f"-tags={','.join(module.tags)}", f"-ldflags={link}")
    packages = [f"{module.path}/{package}".rstrip("/") for package in module.programs.values()]
    if len(packages) > 1:
        return [(*options, "-o", folder, *packages)]
    main = "." if module.source else packages[0]
    return [(*options, "-o", folder / name, main) for name in module.programs]


def build_own(cache: Cache, go: Go) -> Path:
    """The folder with our own programs."""

    def make(folder: Path) -> None:
        log = cache.log("go-own")
        for name in OWN:
            words = (
                *FLAGS,
                f"-ldflags={STRIPPED}",
                "-o",
                folder / name,
                SOURCES / name / "main.go",
            )
            run("go", "build", *words, env=wrapper.ENVIRONMENT, log=log)

    return cache.build("go-own", go.own_key(), make)
