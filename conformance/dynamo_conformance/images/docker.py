"""The docker program, as far as building images needs it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

QUICK_SECONDS = 60.0
PULL_SECONDS = 900.0
BUILD_SECONDS = 1800.0

_LAST_LINES = 15


class ImageError(Exception):
    """An image cannot be made; its text says what is missing and what to do about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineImage:
    """An image that the engine has.

    Attributes:
        id: The id of its content.
        architecture: For which processors it is, as Docker spells it.
        labels: What it is labelled with.
    """

    id: str
    architecture: str
    labels: dict[str, str]


class Docker:
    """A container engine, by way of its command line program."""

    def __init__(self, program: str = "docker") -> None:
        """Use `program`, which may be one with the same command line."""
        self._program = program

    def check(self) -> None:
        """Make sure that the engine answers.

        Raises:
            ImageError: It does not; the text says what to install or to start.
        """
        failure = "the container engine does not answer; start it (dockerd, or Docker Desktop)"
        self._do(failure, "version", "--format", "{{.Server.Version}}")

    def inspect(self, name: str) -> EngineImage | None:
        """Return an image that the engine has, or None."""
        answer = self._call("image", "inspect", name)
        if answer.returncode != 0:
            return None
        (image,) = json.loads(answer.stdout)
        labels = image.get("Config", {}).get("Labels") or {}
        return EngineImage(id=image["Id"], architecture=image["Architecture"], labels=labels)

    def pull(self, name: str) -> str:
        """Try to fetch an image; return why it cannot be fetched, or nothing."""
        answer = self._call("pull", "--quiet", name, seconds=PULL_SECONDS)
        return "" if answer.returncode == 0 else _last_line(answer.stderr)

    def run(self, image: str, program: str, *arguments: str) -> str:
        """Return what a program of an image prints; nothing when it fails."""
        answer = self._call(
            "run", "--rm", "--network", "none", "--entrypoint", program, image, *arguments
        )
        return answer.stdout if answer.returncode == 0 else ""

    def tag(self, image: str, name: str) -> None:
        """Give an image another name.

        Raises:
            ImageError: The engine refuses.
        """
        self._do(f"cannot name {image} {name}", "tag", image, name)

    def untag(self, name: str) -> None:
        """Take a name away from an image that has another one.

        Raises:
            ImageError: The engine refuses.
        """
        self._do(f"cannot take the name {name} away", "image", "rm", "--no-prune", name)

    def build(self, folder: Path, *, tag: str, base: str, labels: Mapping[str, str]) -> None:
        """Build the Dockerfile of `folder`, whose argument BASE is `base`.

        Raises:
            ImageError: It cannot be built; the text ends with what the builder said last.
        """
        words = [word for item in labels.items() for word in ("--label", "=".join(item))]
        answer = self._call(
            *("build", "--network", "none", "--tag", tag, "--build-arg", f"BASE={base}"),
            *words,
            str(folder),
            seconds=BUILD_SECONDS,
        )
        if answer.returncode != 0:
            lines = f"{answer.stdout}\n{answer.stderr}".strip().splitlines()
            raise ImageError(f"building {tag} failed:\n" + "\n".join(lines[-_LAST_LINES:]))

    def _do(self, failure: str, *words: str) -> None:
        answer = self._call(*words)
        if answer.returncode != 0:
            raise ImageError(f"{failure}: {_last_line(answer.stderr)}")

    def _call(
        self, *words: str, seconds: float = QUICK_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        return call([self._program, *words], seconds=seconds)


def call(
    words: Sequence[str], *, seconds: float, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Return a finished program's answer.

    Raises:
        ImageError: It is not installed, or takes longer than `seconds`.
    """
    try:
        return subprocess.run(
            words,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except FileNotFoundError as error:
        text = f"{words[0]} is not installed; install Docker Engine or Docker Desktop"
        raise ImageError(text) from error
    except OSError as error:
        raise ImageError(f"{words[0]} cannot be started: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise ImageError(f"{' '.join(words[:3])} took more than {seconds:.0f} s") from error


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it gave no reason"
