"""A container engine that answers, the one that is there or Debian's, and images in it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from command import AirgapError, answer, report, run, step, tail

if TYPE_CHECKING:
    from collections.abc import Callable

    from cache import Cache

CAP_SYS_RESOURCE = 24
START_SECONDS = 60
STOP_SECONDS = 30
IMAGE_FILE = "image.tar"


def lacks_sys_resource() -> bool:
    """Whether this machine withholds the capability from every process, whoever asks for it."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("CapBnd:"):
            return not int(line.split()[1], 16) >> CAP_SYS_RESOURCE & 1
    return False


def answers() -> bool:
    """Whether there is an engine behind the client."""
    return answer("docker", "info", "--format", "{{.ServerVersion}}") not in (None, "")


def install(cache: Cache, *packages: str) -> None:
    """Install Debian packages whose programs are missing."""
    if os.geteuid():
        raise AirgapError(f"{', '.join(packages)}: missing, and only root can install it")
    log = cache.log("apt")
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    with step(f"installed {', '.join(packages)}"):
        run("apt-get", "update", log=log, env=env)
        run(
            *("apt-get", "install", "--yes", "--no-install-recommends", *packages),
            log=log,
            env=env,
        )


def start(cache: Cache, narrow: Path | None) -> None:
    """Start an engine that outlives this program; narrow stands before runc where it is given."""
    if not shutil.which("dockerd"):
        install(cache, "docker.io", "iptables")
        if answers():
            return  # where a service manager runs, the package has started it
    state = cache.root / "engine"
    state.mkdir(parents=True, exist_ok=True)
    config = state / "daemon.json"
    config.write_text(json.dumps(_config(state, narrow), indent=2), encoding="utf-8")
    # No engine answers, so the number in here is that of one that was killed; another process may
    # have it by now, and dockerd would not start.
    (state / "dockerd.pid").unlink(missing_ok=True)
    log = state / "dockerd.log"
    words = ("dockerd", "--config-file", str(config), "--pidfile", str(state / "dockerd.pid"))
    with step("started dockerd"), log.open("ab") as out:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        _wait(process, log)


def _config(state: Path, narrow: Path | None) -> dict[str, object]:
    """The engine's settings; a copy of narrow, since the cache may forget the one it built."""
    if narrow is None:
        return {}
    program = state / "narrow"
    shutil.copy2(narrow, f"{program}.new")
    Path(f"{program}.new").rename(program)
    return {"runtimes": {"narrow": {"path": str(program)}}, "default-runtime": "narrow"}


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while not answers():
        if process.poll() is not None:
            raise AirgapError(f"dockerd ended; the last lines of {log}:\n{tail(log)}")
        if time.monotonic() > end:
            raise AirgapError(f"dockerd does not answer; the last lines of {log}:\n{tail(log)}")
        time.sleep(0.2)


def stop(cache: Cache) -> None:
    """Stop the engine that `start` started, and no other."""
    file = cache.root / "engine" / "dockerd.pid"
    pid = _started(file)
    if pid is None:
        report("no dockerd that `up` started is running")
        return
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + STOP_SECONDS
    with step("stopped dockerd"):
        while _started(file) is not None:
            if time.monotonic() > end:
                raise AirgapError(f"dockerd ({pid}) is still there after {STOP_SECONDS} s")
            time.sleep(0.2)


def _started(file: Path) -> int | None:
    """The process of the pid file, if it is still the dockerd that wrote it."""
    try:
        pid = int(file.read_text(encoding="ascii"))
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return pid if str(file).encode() in words else None


def has_image(tag: str) -> bool:
    """Whether the engine has an image."""
    return answer("docker", "image", "inspect", "--format", "{{.Id}}", tag) is not None


def needs_image(cache: Cache, name: str, content_key: str, tag: str) -> bool:
    """Whether an image is neither in the engine nor in the cache."""
    return not (has_image(tag) or cache.has(f"image-{name}", content_key))


def have_image(
    cache: Cache, name: str, content_key: str, tag: str, make: Callable[[Path], None]
) -> None:
    """Have the image in the engine: it is there, or is loaded, or is built and kept for loading."""
    if has_image(tag):
        return

    def keep(folder: Path) -> None:
        make(folder)
        run("docker", "save", "--output", folder / IMAGE_FILE, tag, log=cache.log(f"save-{name}"))

    archive = cache.build(f"image-{name}", content_key, keep) / IMAGE_FILE
    if not has_image(tag):
        with step(f"loaded {tag}"):
            run("docker", "load", "--input", archive, log=cache.log(f"load-{name}"))
