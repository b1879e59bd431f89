"""A sandbox for tests: a folder for running commands, and finding what they leave behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

REPOSITORY = Path(__file__).parents[1]
EXAMPLES = REPOSITORY / "examples" / "llm" / "vllm_v1" / "launch"
SECONDS = 60.0

WITHOUT = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
"""What nested runs of pytest do without: importing hypothesis takes most of a second."""

AS_FROM_A_TERMINAL = ("env", "--default-signal=INT,HUP,QUIT,TERM")
"""What starts a program so that signals reach it, however the tests themselves were started."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and all that it wrote."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A folder in which commands are run; their temporary files go below it."""

    folder: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """Return this environment, with the `dynamo` command on PATH and our temporary folder."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        scratch = self.folder / "scratch"
        scratch.mkdir(exist_ok=True)
        return {**os.environ, "PATH": path, "TMPDIR": str(scratch)}

    def changed(self, example: str, *changes: tuple[str, str], engine: str = "vllm_v1") -> Path:
        """Copy an example with pieces of its text replaced; each must be there."""
        folder = REPOSITORY / "examples" / "llm" / engine / "launch"
        text = (folder / example).read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text, f"{example} has no {old!r}"
            text = text.replace(old, new)
        path = self.folder / Path(example).name
        path.write_text(text, encoding="utf-8")
        return path

    def dynamo(self, *words: str) -> Ended:
        """Run the `dynamo` command to its end."""
        return self.run("dynamo", *words)

    def pytest(self, *words: str, env: Mapping[str, str] | None = None) -> Ended:
        """Run pytest in the folder, as somebody else's repository would."""
        return self.run(*self.pytest_words, *words, env=env)

    @property
    def pytest_words(self) -> tuple[str, ...]:
        """Return the command line of pytest in the folder."""
        return (sys.executable, "-m", "pytest", *WITHOUT, "--rootdir", str(self.folder))

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start the `dynamo` command in a process group of its own; the test's end ends it."""
        process = subprocess.Popen(
            [*AS_FROM_A_TERMINAL, str(Path(sys.executable).with_name("dynamo")), *words],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def left_behind(self) -> list[str]:
        """Return processes and files that are still there, after giving processes a moment."""
        deadline = time.monotonic() + 3.0
        while (processes := self._processes()) and time.monotonic() < deadline:
            time.sleep(0.05)
        files = [str(one) for one in (self.folder / "scratch").glob("*")]
        return processes + files

    def _processes(self) -> list[str]:
        mark = f"{self.folder}{os.sep}scratch".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                marked = mark in (entry / "environ").read_bytes()
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if marked and command:
                found.append(f"{entry.name}: {command}")
        return found

    def run(self, *words: str, env: Mapping[str, str] | None = None) -> Ended:
        """Run a program in the folder to its end."""
        done = subprocess.run(
            words,
            cwd=self.folder,
            env={**self.environment, **(env or {})},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return Ended(done.returncode, done.stdout + done.stderr)
