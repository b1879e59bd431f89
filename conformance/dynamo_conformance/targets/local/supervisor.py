"""Starts the processes of one run and ends them all, however the run itself ends.

It is a process of its own, `python3 -I -S supervisor.py SOCKET FOLDER`, and the parent of every
component. The kernel hands it each orphan among their descendants (PR_SET_CHILD_SUBREAPER), so a
process that forks, detaches or closes its files is still found here, and no child left means that
nothing of the run is left. When whoever started it goes away, even by SIGKILL, the socket closes:
then it ends everything and removes the folder.

One JSON object per line: `start` comes with the write end of a pipe and is answered by `started`;
`end` is answered by `ended` once nothing runs; `exit` reports how a component ended.

Only the standard library is here: its own import must be quick, and `-I -S` sees nothing else.
"""

from __future__ import annotations

import array
import ctypes
import json
import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterable

ABANDONED_SECONDS = 1.0
"""How long components may take to end when whoever started them has ended."""

KILL_SECONDS = 10.0
"""How long SIGKILL may take; a process of another user or in the kernel may outlast it."""

SHARED = "/dev/shm/"  # noqa: S108 - where shared memory has its names
ENDING_POLL_SECONDS = 0.02
IDLE_POLL_SECONDS = 1.0
NOT_STARTED = 127
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_CHUNK = 65536


class Supervisor:
    """The processes of one run, and the requests of the process that started it."""

    def __init__(self, channel: socket.socket, folder: str) -> None:
        self._channel = channel
        self._folder = folder
        self._pid = os.getpid()
        self._creator = os.getppid()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._received = b""
        self._outputs: list[int] = []
        self._components: set[int] = set()
        self._is_abandoned = False
        self._ending: int | None = None
        self._deadline = 0.0
        self._asked: set[int] = set()
        self._shared: set[str] = set()

    def run(self) -> None:
        """Serve requests until no more can come, and nothing is left."""
        self._libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
        woken, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self._abandon())
        poll = select.poll()
        poll.register(woken, select.POLLIN)
        poll.register(self._channel, select.POLLIN)
        while True:
            is_empty = self._reap()
            if self._ending is not None:
                is_over = is_empty or time.monotonic() > self._deadline + KILL_SECONDS
                if not is_over:
                    self._signal_all()
                elif self._is_abandoned:
                    break
                else:
                    self._remove_shared()
                    left = sorted(descendants(os.getpid()).values())
                    self._answer({"ended": self._ending, "left": left})
                    self._ending = None
            pause = IDLE_POLL_SECONDS if self._ending is None else ENDING_POLL_SECONDS
            events = {fd for fd, _event in poll.poll(pause * 1000)}
            if woken in events:
                os.read(woken, _CHUNK)
            if self._channel.fileno() in events:
                if not self._receive():
                    poll.unregister(self._channel)
                    self._abandon()
            elif os.getppid() != self._creator:
                self._abandon()  # Another process may hold a copy of the socket.
        self._remove_shared()
        remove(self._folder)

    def _abandon(self) -> None:
        if not self._is_abandoned:
            self._is_abandoned = True
            self._end(0, ABANDONED_SECONDS)

    def _end(self, request: int, grace: float) -> None:
        # A caller that waits for an answer has a number; 0 stands for none, and replaces no number.
        self._ending = max(request, self._ending or 0)
        self._deadline = time.monotonic() + grace
        self._asked.clear()
        self._shared |= shared_memory(descendants(os.getpid()))

    def _receive(self) -> bool:
        """Take what has arrived; False when the other side has closed it."""
        size = array.array("i").itemsize
        try:
            data, parts, _flags, _address = self._channel.recvmsg(
                _CHUNK, socket.CMSG_LEN(size), socket.MSG_CMSG_CLOEXEC
            )
        except OSError:
            return False
        for _level, _kind, raw in parts:
            self._outputs += array.array("i", raw[: len(raw) - len(raw) % size])
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))
        return bool(data)

    def _obey(self, message: dict[str, object]) -> None:
        match message:
            case {"start": {"argv": list(argv), "env": dict(env), "cwd": str(cwd)}}:
                output = self._outputs.pop(0)
                pid = os.fork()
                if pid == 0:
                    self._become(argv, env, cwd, output)
                os.close(output)
                self._components.add(pid)
                self._answer({"started": pid})
            case {"end": int(request), "grace": float(grace)}:
                self._end(request, grace)

    def _become(self, argv: list[str], env: dict[str, str], cwd: str, output: int) -> NoReturn:
        """Turn this process, just forked, into a component."""
        what = f"run in {cwd}"
        try:
            os.setsid()
            # Should the supervisor itself be killed, so are its children.
            self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != self._pid:
                os._exit(NOT_STARTED)  # It was killed before prctl took effect.
            signal.set_wakeup_fd(-1)
            for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
                if signal.getsignal(number) is not None:
                    signal.signal(number, signal.SIG_DFL)
            for target in (1, 2):
                os.dup2(output, target)
            os.chdir(cwd)
            what = f"run {argv[0] if argv else 'nothing'}"
            os.execvpe(argv[0], argv, env)  # noqa: S606 - the words are the manifest's own
        except (OSError, ValueError, IndexError) as error:
            os.write(2, f"cannot {what}: {error}\n".encode(errors="replace"))
        finally:
            os._exit(NOT_STARTED)

    def _reap(self) -> bool:
        """Collect what has ended and report components; True when no child is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if pid in self._components:
                self._components.discard(pid)
                self._answer({"exit": [pid, os.waitstatus_to_exitcode(status)]})

    def _signal_all(self) -> None:
        is_late = time.monotonic() >= self._deadline
        for pid in descendants(os.getpid()):
            if is_late or pid not in self._asked:
                self._asked.add(pid)
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL if is_late else signal.SIGTERM)

    def _remove_shared(self) -> None:
        """Remove the shared memory that those who ended had, and nobody else has."""
        if self._shared:
            others = shared_memory(int(entry) for entry in os.listdir("/proc") if entry.isdigit())  # noqa: PTH208 - see below
            for path in self._shared - others:
                with suppress(OSError):
                    os.unlink(path)  # noqa: PTH108 - pathlib takes long to import
            self._shared.clear()

    def _answer(self, message: dict[str, object]) -> None:
        try:
            self._channel.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            self._abandon()


def descendants(root: int) -> dict[int, str]:
    """Return the processes below `root` that have not ended, with their names."""
    children: dict[int, list[int]] = {}
    names: dict[int, str] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208 - a Path per process takes several times as long
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", "rb") as file:  # noqa: PTH123 - see above
                stat = file.read()
        except OSError:
            continue
        name, _, rest = stat.partition(b"(")[2].rpartition(b")")
        state, parent = rest.split()[:2]
        children.setdefault(int(parent), []).append(int(entry))
        if state not in (b"Z", b"X"):
            names[int(entry)] = name.decode(errors="replace")
    below = list(children.get(root, ()))
    for pid in below:
        below += children.get(pid, ())
    return {pid: names[pid] for pid in below if pid in names}


def shared_memory(pids: Iterable[int]) -> set[str]:
    """Return the files of shared memory that processes have mapped; engines leave some behind."""
    paths: set[str] = set()
    for pid in pids:
        try:
            with open(f"/proc/{pid}/maps", encoding="utf-8", errors="surrogateescape") as maps:  # noqa: PTH123 - see above
                paths |= {line.split(None, 5)[-1].rstrip("\n") for line in maps if SHARED in line}
        except OSError:
            continue
    return {path for path in paths if path.startswith(SHARED)}


def remove(folder: str) -> None:
    """Remove a folder with all that is in it, however deep, also where a process took rights away.

    Paths in a deep tree are too long for the system, so each folder is first brought up. No link is
    followed.
    """
    waiting, count = [folder], 0
    while waiting:
        current = waiting.pop()
        with suppress(OSError):
            os.chmod(current, 0o700)  # noqa: PTH101 - pathlib takes long to import
            for entry in list(os.scandir(current)):
                with suppress(OSError):
                    if not entry.is_dir(follow_symlinks=False):
                        os.unlink(entry.path)  # noqa: PTH108 - see above
                        continue
                    count += 1
                    up = f"{folder}/{count}~{os.getpid()}"
                    os.chmod(entry.path, 0o700)  # noqa: PTH101 - see above
                    os.rename(entry.path, up)  # noqa: PTH104 - see above
                    waiting.append(up)
            if current != folder:
                os.rmdir(current)  # noqa: PTH106 - see above
    with suppress(OSError):
        os.rmdir(folder)  # noqa: PTH106 - see above


if __name__ == "__main__":
    os.chdir("/")
    _channel = socket.socket(fileno=int(sys.argv[1]))
    _channel.set_inheritable(False)
    Supervisor(_channel, sys.argv[2]).run()
