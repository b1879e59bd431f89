"""Python environments of other releases: made by uv on first use, kept below the cache folder.

An environment is kept under the digest of what it was made of. It appears whole or not at all, and
is made anew when a file of it is gone or cut off.
"""

from __future__ import annotations

import csv
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dynamo_conformance.engines.releases import Release, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WHEELS: Final = "DYN_CONFORMANCE_RELEASES"
"""Names a folder of wheels; then no index is asked."""

SECONDS: Final = 900.0
_LAST_LINES: Final = 6
_COMPLETE: Final = "complete"
_WHEN_ABI3: Final = (0, 6)
"""Since then one wheel is for every Python; those before are for 3.10 to 3.12."""

_NEWEST_OLD_PYTHON: Final = (3, 12)
_BESIDE: Final = ("pydantic>=2.10,<3", "uvloop>=0.21,<1", "prometheus-client>=0.21,<1")
"""What frontends and the mock engine import. The rest of what a release requires is its engines',
its planner's and its mocker's; their limits on pydantic are passed over, which nothing minds."""


class RuntimeUnavailableError(Exception):
    """A release cannot be run here; the message says why.

    Attributes:
        cause: What to do about it, where that is known.
    """

    def __init__(self, what: str, *, cause: str = "") -> None:
        super().__init__(what)
        self.cause = cause


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeEnvironment:
    """An environment of one release.

    Attributes:
        release: The release that is in it.
        folder: Where it is.
    """

    release: Release
    folder: Path

    @property
    def programs(self) -> Path:
        """The folder that is first on the path of its processes."""
        return self.folder / "bin"


def cache_folder() -> Path:
    """Return where environments are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "dynamo-conformance" / "releases"


def place(release: Release) -> RuntimeEnvironment:
    """Return the environment of a release, whether it is there or not."""
    parts = (*_requirements(release), _python(release), sys.platform, platform.machine())
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return RuntimeEnvironment(release=release, folder=cache_folder() / f"{release}-{digest[:12]}")


def environment(
    release: Release, *, progress: Callable[[str], None] = lambda _line: None
) -> RuntimeEnvironment:
    """Return the environment of a release, made now where there is none.

    A patch release that is not to be had is stood for by the known one of its minor; its own
    `release` says so.

    Raises:
        RuntimeUnavailableError: It cannot be made.
    """
    try:
        return _made(release, progress)
    except RuntimeUnavailableError as error:
        other = nearest(release)
        if other == release or other.line != release.line:
            raise
        progress(f"{error}; {other} of the same minor stands for it")
        return _made(other, progress)


def _made(release: Release, progress: Callable[[str], None]) -> RuntimeEnvironment:
    wanted = place(release)
    if is_whole(wanted.folder):
        return wanted
    try:
        wanted.folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(wanted.folder.with_suffix(".lock"), progress):
            # Another run may have made it meanwhile.
            if not is_whole(wanted.folder):
                _make(wanted, progress)
    except OSError as error:
        raise RuntimeUnavailableError(
            f"{error.filename or wanted.folder} cannot be written: {error.strerror or error}",
            cause="make room, or set XDG_CACHE_HOME to another folder",
        ) from error
    return wanted


def is_whole(folder: Path) -> bool:
    """Whether an environment is there, with every file as long as it was installed."""
    if not ((folder / _COMPLETE).is_file() and (folder / "bin" / "python3").is_file()):
        return False
    for record in folder.glob("lib/python*/site-packages/*.dist-info/RECORD"):
        packages = record.parent.parent
        try:
            with record.open(encoding="utf-8", newline="") as lines:
                for name, _, size in csv.reader(lines):
                    if size and (packages / name).stat().st_size != int(size):
                        return False
        except (OSError, ValueError):
            return False
    return True


def _make(wanted: RuntimeEnvironment, progress: Callable[[str], None]) -> None:
    began, release = time.monotonic(), wanted.release
    if wanted.folder.exists():
        progress(f"Dynamo {release}: its environment is broken, and made anew")
    progress(f"Dynamo {release}: its environment is made in {wanted.folder}, once")
    uv = _uv()
    # Whoever was killed here left it half made; the lock is ours.
    making = wanted.folder.with_name(f".making-{wanted.folder.name}")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir()
    try:
        folder = making / wanted.folder.name
        _call(release, uv, "venv", "--relocatable", "--python", _python(release), str(folder))
        install: tuple[str, ...] = (
            uv,
            "pip",
            "install",
            "--python",
            str(folder / "bin" / "python3"),
        )
        install += ("--no-build", "--compile-bytecode", *_sources())
        _call(release, *install, "--no-deps", *_requirements(release)[:2])
        _call(release, *install, *_requirements(release)[2:])
        (folder / _COMPLETE).touch()
        if wanted.folder.exists():
            wanted.folder.rename(making / "broken")
        folder.rename(wanted.folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    progress(f"Dynamo {release}: made in {time.monotonic() - began:.0f} s")


def _requirements(release: Release) -> tuple[str, ...]:
    return (f"ai-dynamo=={release}", f"ai-dynamo-runtime=={release}", *_BESIDE)


def _python(release: Release) -> str:
    """Return the Python that a release runs in: ours, unless it has no wheel for that."""
    ours = sys.version_info[:2]
    chosen = ours if release.line >= _WHEN_ABI3 else min(ours, _NEWEST_OLD_PYTHON)
    return ".".join(map(str, chosen))


def _sources() -> tuple[str, ...]:
    folder = os.environ.get(WHEELS)
    return ("--offline", "--no-index", "--find-links", folder) if folder else ()


def _call(release: Release, *words: str) -> None:
    """Run uv.

    Raises:
        RuntimeUnavailableError: It fails, with its last words.
    """
    quiet = (*words, "--quiet", "--no-progress")
    try:
        done = subprocess.run(
            quiet, capture_output=True, text=True, timeout=SECONDS, check=False, env=_environment()
        )
    except subprocess.TimeoutExpired as error:
        what = f"Dynamo {release}: uv was not done after {SECONDS:.0f} s"
        raise RuntimeUnavailableError(what) from error
    if done.returncode:
        lines = " ".join(" ".join(done.stderr.split("\n")[-_LAST_LINES:]).split())
        raise RuntimeUnavailableError(
            f"Dynamo {release} cannot be installed: {lines}",
            cause=f"its wheels come from the package index, or from the folder that {WHEELS} names",
        )


def _environment() -> dict[str, str]:
    """Return uv's environment, without overrides that are for the packages around us."""
    left_out = ("UV_OVERRIDE", "UV_CONSTRAINT", "VIRTUAL_ENV", "PYTHONPATH")
    return {name: value for name, value in os.environ.items() if name not in left_out}


def _uv() -> str:
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ImportError, FileNotFoundError):
        path = shutil.which("uv")
    if path is None:
        raise RuntimeUnavailableError(
            "an environment of another release is made by uv, which is not here",
            cause="install uv, or run the graph on the installed release with --release installed",
        )
    return path


@contextmanager
def _alone(lock: Path, progress: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock that the kernel drops with its holder."""
    with lock.open("w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"another run makes {lock.stem}; it is waited for")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
