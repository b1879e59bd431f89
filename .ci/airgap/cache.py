"""The cache folder: finished things only, each in a folder named by what went into it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from command import report, step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY_LENGTH = 12
KEEP_DAYS = 14
KEYED = re.compile(rf".+-[0-9a-f]{{{KEY_LENGTH}}}")


def key(*parts: str) -> str:
    """A short name for everything that decides what a build makes."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}:{part}".encode())
    return digest.hexdigest()[:KEY_LENGTH]


def content(*paths: Path) -> str:
    """What is in files and folders, as one word; names count, times and owners do not."""
    files = [
        (str(file.relative_to(path.parent)), file)
        for path in paths
        for file in ([path] if path.is_file() else sorted(path.rglob("*")))
        if file.is_file()
    ]
    return key(*(f"{name}\n{file.read_text(encoding='utf-8')}" for name, file in files))


@dataclass(frozen=True)
class Cache:
    """A folder that is only ever added to, except for what nobody used for two weeks."""

    root: Path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the cache alone; who comes second waits, and then finds everything built."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                report("another run has the cache; waiting for its end")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def log(self, name: str) -> Path:
        """A log file of this run's own making, emptied."""
        folder = self.root / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{name}.log"
        file.write_bytes(b"")
        return file

    def folder(self, name: str, content_key: str) -> Path:
        """Where a thing is or will be."""
        return self.root / f"{name}-{content_key}"

    def has(self, name: str, content_key: str) -> bool:
        """Whether a thing was built to its end."""
        return self.folder(name, content_key).is_dir()

    def build(self, name: str, content_key: str, make: Callable[[Path], None]) -> Path:
        """The finished folder; if it is not there it is made beside its place and moved into it."""
        done = self.folder(name, content_key)
        if done.is_dir():
            os.utime(done)
            return done
        self.root.mkdir(parents=True, exist_ok=True)
        half = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=self.root))
        try:
            with step(f"built {name}"):
                make(half)
            half.chmod(0o755)
            half.rename(done)
        finally:
            shutil.rmtree(half, ignore_errors=True)
        return done

    def sweep(self) -> None:
        """Forget what was not used for two weeks, and what an earlier run left half made."""
        old = time.time() - KEEP_DAYS * 86400
        for folder in self.root.iterdir():
            half = folder.name.startswith(".")
            if half or (KEYED.fullmatch(folder.name) and folder.stat().st_mtime < old):
                shutil.rmtree(folder, ignore_errors=True)
