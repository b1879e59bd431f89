"""Component processes: started below a supervisor, their output kept, their end certain."""

from __future__ import annotations

import array
import codecs
import errno
import fcntl
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.masking import Secrets, secrets_given
from dynamo_conformance.targets.interface import DeployFailure
from dynamo_conformance.targets.local import supervisor
from dynamo_conformance.targets.local.supervisor import KILL_SECONDS, descendants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

TAIL_LINES = 300
"""How many of the last lines are kept: an engine says its reason long before it ends."""
GRACE_SECONDS = 8.0
"""How long a component may take to end after SIGTERM before it is killed."""

LINE_LIMIT = 64 * 1024
"""How many characters of one line are kept; the rest is counted and dropped."""

LOG_LIMIT = 64 * 1024 * 1024
"""How large a log file may grow; then it is kept as NAME.log.1, and a new one is begun."""

_START_SECONDS = 30.0
_CLOSE_SECONDS = 2.0
_POLL_SECONDS = 0.02
_CHUNK = 64 * 1024
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStart:
    """What it takes to start a process: a name, its words, its environment, its folder."""

    name: str
    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: Path


class SupervisorClient:
    """Our end of the process that starts components, ends them, and removes the run's folder.

    It outlives us by a moment when we are killed, which is why it is a process of its own.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._channel, other = socket.socketpair()
        # Where standard streams are closed, a socket may have the number of such a stream.
        passed = fcntl.fcntl(other, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE)
        try:
            self._popen = subprocess.Popen(
                [*_INTERPRETER, supervisor.__file__, str(passed), str(folder)],
                pass_fds=[passed],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        finally:
            os.close(passed)
            other.close()
        self._lock, self._sending = threading.RLock(), threading.Lock()
        self._received = b""
        self._codes: dict[int, int] = {}
        self._has_ended = False
        self._requests = 0

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        return self._popen.pid

    def start(self, start: ProcessStart, *, output: int) -> int:
        """Start a process that writes to the file descriptor `output`; return its process id.

        Raises:
            DeployFailure: The supervisor has ended.
        """
        request = {"argv": start.argv, "env": start.env, "cwd": str(start.cwd)}
        with self._lock:
            self._send({"start": request}, output)
            answer = self._answer("started", within=_START_SECONDS)
            if answer is None:
                raise DeployFailure(f"component {start.name} cannot be started: {_GONE}")
            return int(str(answer["started"]))

    def exit_code(self, pid: int) -> int | None:
        """Return how a process ended, negative for a signal, or None while it runs."""
        with self._lock:
            for _message in self._messages(within=0.0):
                pass
            # Components are killed with their supervisor.
            return self._codes.get(pid, -signal.SIGKILL if self._has_ended else None)

    def running(self) -> list[str]:
        """Return all that runs below the supervisor, as `name (pid)`."""
        return [f"{name} ({pid})" for pid, name in descendants(self.pid).items()]

    def end(self, *, grace: float = GRACE_SECONDS) -> list[str]:
        """End everything; an interrupt meanwhile kills it at once, and is raised afterwards.

        Returns:
            The names of processes that could not be ended.
        """
        interrupt: KeyboardInterrupt | None = None
        left: list[str] = []
        while True:
            try:
                left = self._end(grace)
                break
            except KeyboardInterrupt as error:
                interrupt, grace = error, 0.0
        if interrupt is not None:
            raise interrupt
        return left

    def begin_end(self, *, grace: float) -> None:
        """Have everything ended and wait for nothing; another thread may be waiting for it."""
        self._send({"end": 0, "grace": grace})

    def close(self) -> None:
        """End what still runs, and return when the folder is removed."""
        try:
            self.end()
        finally:
            self._channel.close()
            try:
                self._popen.wait(timeout=KILL_SECONDS)
            except subprocess.TimeoutExpired:
                self._popen.kill()
                self._popen.wait()
            # It is removed already, unless the supervisor was killed.
            supervisor.remove(str(self._folder))

    def _end(self, grace: float) -> list[str]:
        with self._lock:
            self._requests += 1
            request = self._requests
            self._send({"end": request, "grace": grace})
            seconds = grace + KILL_SECONDS + _CLOSE_SECONDS
            answer = self._answer("ended", request, within=seconds)
            left = answer["left"] if answer is not None else []
            return [str(name) for name in left] if isinstance(left, list) else []

    def _send(self, message: dict[str, object], *outputs: int) -> None:
        data = json.dumps(message).encode() + b"\n"
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", outputs))
        try:
            with self._sending:
                sent = self._channel.sendmsg([data], [rights] if outputs else [])
                self._channel.sendall(data[sent:])
        except OSError:
            self._has_ended = True

    def _answer(
        self, key: str, value: int | None = None, *, within: float
    ) -> dict[str, object] | None:
        for message in self._messages(within=within):
            if key in message and value in (None, message[key]):
                return message
        return None

    def _messages(self, *, within: float) -> Iterator[dict[str, object]]:
        """Yield what the supervisor reports within some seconds; 0 takes what is there."""
        deadline = time.monotonic() + within
        while not self._has_ended:
            line, is_whole, rest = self._received.partition(b"\n")
            if is_whole:
                self._received = rest
                message: dict[str, object] = json.loads(line)
                match message:
                    case {"exit": [int(pid), int(code)]}:
                        self._codes[pid] = code
                yield message
                continue
            left = max(deadline - time.monotonic(), 0.0)
            if not select.select([self._channel], [], [], left)[0]:
                return
            data = self._channel.recv(_CHUNK)
            self._has_ended = not data
            self._received += data


_FIRST_FREE = 3
_GONE = "the process that starts and ends components was ended"
_INTERPRETER = (sys.executable, "-I", "-S", "-X", "utf8")


class ComponentProcess:
    """A running process; every line it writes goes to its log file and to the listener."""

    def __init__(
        self,
        start: ProcessStart,
        *,
        log: Path,
        listener: Callable[[str, str], None],
        supervisor: SupervisorClient,
    ) -> None:
        self.name = start.name
        self.is_ending = False
        self._start, self._path, self._listener = start, log, listener
        self._supervisor = supervisor
        secrets = secrets_given(start.argv, start.env)
        self._log = Log(start.name, log, listener, secrets=secrets)
        try:
            self.pid = supervisor.start(start, output=self._log.output)
        except BaseException:
            self._log.close(deadline=0.0)
            raise
        self._log.follow()

    def exit_code(self) -> int | None:
        """Return how the process ended, negative for a signal, or None while it runs."""
        return self._supervisor.exit_code(self.pid)

    def signal(self, number: int) -> None:
        """Send a signal as a kubelet does: SIGKILL ends all that is below the process too."""
        self.is_ending = True
        below = descendants(self.pid) if number == signal.SIGKILL else ()
        for pid in (self.pid, *below):
            if self.exit_code() is None:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)

    def restarted(self, *, within: float = GRACE_SECONDS) -> ComponentProcess:
        """Return the same process anew, once this has ended; what does not end is killed.

        Raises:
            DeployFailure: It cannot be started.
        """
        deadline = time.monotonic() + within
        while self.exit_code() is None:
            if time.monotonic() > deadline:
                self.signal(signal.SIGKILL)
            time.sleep(_POLL_SECONDS)
        self.close(deadline=time.monotonic() + _CLOSE_SECONDS)
        count = int(self._path.suffixes[0][1:]) if len(self._path.suffixes) > 1 else 0
        log = self._path.with_name(f"{self.name}.{count + 1}.log")
        return ComponentProcess(
            self._start, log=log, listener=self._listener, supervisor=self._supervisor
        )

    def tail(self) -> tuple[str, ...]:
        """Return the last lines it wrote, complete once it has ended."""
        if self.exit_code() is not None:
            self._log.wait(1.0)
        return tuple(self._log.tail)

    @property
    def unwritten(self) -> OSError | None:
        """Why its log could not be written because the disk was full, or None."""
        return self._log.unwritten

    def running(self) -> list[str]:
        """Return what runs below the supervisor of this process, as `name (pid)`."""
        return self._supervisor.running()

    def close(self, *, deadline: float) -> None:
        """Close the log, complete when that is possible until `deadline` (monotonic seconds)."""
        self._log.close(deadline=deadline)


class Log:
    """What a process writes: read by a thread, bounded in memory and on disk, without its secrets.

    The thread never waits for the pipe alone, so it can be ended even if something that escaped
    still holds the other end.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        listener: Callable[[str, str], None],
        *,
        secrets: Secrets = Secrets(),  # noqa: B008 - it never changes
    ) -> None:
        self._secrets = secrets
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self.unwritten: OSError | None = None
        self._name, self._path, self._listener = name, path, listener
        self._file = path.open("wb", buffering=0)
        self._size = 0
        self._input, self.output = os.pipe()
        self._stop = os.eventfd(0, os.EFD_CLOEXEC)
        self._reader = threading.Thread(target=self._read, name=f"log {name}", daemon=True)

    def follow(self) -> None:
        """Begin to read, when the process has its own copy of `output`."""
        os.close(self.output)
        self.output = -1
        self._reader.start()

    def wait(self, seconds: float) -> None:
        """Wait some seconds at most until everything is read."""
        self._reader.join(timeout=seconds)

    def close(self, *, deadline: float) -> None:
        """Stop reading at the end of the output, or at `deadline`."""
        if self.output >= 0:
            os.close(self.output)
            self._release()
        else:
            self.wait(max(deadline - time.monotonic(), 0.0))
            os.eventfd_write(self._stop, 1)
            self.wait(max(deadline - time.monotonic(), 0.1))
        if not self._reader.is_alive():
            os.close(self._stop)

    def _release(self) -> None:
        os.close(self._input)
        self._file.close()

    def _read(self) -> None:
        try:
            self._read_lines()
        finally:
            self._release()

    def _read_lines(self) -> None:
        decoder = io.IncrementalNewlineDecoder(
            codecs.getincrementaldecoder("utf-8")("replace"), translate=True
        )
        poll = select.poll()
        poll.register(self._input, select.POLLIN)
        poll.register(self._stop, select.POLLIN)
        line, dropped, data = "", 0, b"\n"
        while data and all(fd != self._stop for fd, _event in poll.poll()):
            data = os.read(self._input, _CHUNK)
            *ended, line = (line + decoder.decode(data, final=not data)).split("\n")
            for complete in ended:
                self._keep(complete, dropped)
                dropped = 0
            dropped += max(len(line) - LINE_LIMIT, 0)
            line = line[:LINE_LIMIT]
        if line:
            self._keep(line, dropped)

    def _keep(self, line: str, dropped: int) -> None:
        """Keep a line, of which some characters were dropped already."""
        dropped += max(len(line) - LINE_LIMIT, 0)
        if dropped:
            line = f"{line[:LINE_LIMIT]} ... [{dropped} more characters of this line are left out]"
        if self._secrets.values:
            line = self._secrets.masked(line)
        self.tail.append(line)
        try:
            self._write(f"{line}\n".encode(errors="replace"))
        except OSError as error:
            if error.errno in _FULL:
                self.unwritten = error
        self._listener(self._name, line)

    def _write(self, data: bytes) -> None:
        if self._size > LOG_LIMIT:
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
            self._file.close()
            self._file = self._path.open("wb", buffering=0)
            self._size = 0
        self._file.write(data)
        self._size += len(data)


def end_all(processes: Iterable[ComponentProcess], supervisor: SupervisorClient) -> None:
    """End everything below a supervisor; none of it is left when this returns.

    Raises:
        DeployFailure: The kernel does not let something be ended.
    """
    try:
        left = supervisor.end()
    finally:
        deadline = time.monotonic() + _CLOSE_SECONDS
        for process in processes:
            process.close(deadline=deadline)
    if left:
        raise DeployFailure(f"processes that cannot be ended: {', '.join(left)}")
