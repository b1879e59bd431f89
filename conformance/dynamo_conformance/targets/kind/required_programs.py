"""The programs that a kind cluster needs: found, or missed in one line that says what to do."""

from __future__ import annotations

import shutil
import subprocess

from dynamo_conformance.targets.interface import TargetUnavailableError

ANSWER_SECONDS = 20.0
CALL_SECONDS = 300.0
_LAST_WORDS = 12

_GET = {
    "docker": "install Docker Engine (https://docs.docker.com/engine/install)",
    "kind": "install kind (https://kind.sigs.k8s.io/docs/user/quick-start/#installation)",
    "kubectl": "install kubectl (https://kubernetes.io/docs/tasks/tools)",
}


def require() -> None:
    """Return when docker, kind and kubectl are here and the container engine answers.

    Raises:
        TargetUnavailableError: One line, with the first thing to install or start.
    """
    for name, advice in _GET.items():
        if shutil.which(name) is None:
            raise TargetUnavailableError(
                f"the kind target needs {name}, which is not on PATH; {advice}"
            )
    try:
        answer = _run(("docker", "info", "--format", "{{.ServerVersion}}"), timeout=ANSWER_SECONDS)
    except subprocess.TimeoutExpired:
        answer = None
    if answer is None or answer.returncode:
        why = "no answer" if answer is None else _last_line(answer.stderr or answer.stdout)
        raise TargetUnavailableError(
            f"the kind target needs a container engine, and `docker info` reports: {why}; "
            "start it (systemctl start docker), or let this user use it"
        )


def output(*words: str, timeout: float = CALL_SECONDS, stdin: str | None = None) -> str:
    """Run a program to its end and return what it wrote on standard output.

    Args:
        words: The program and its arguments.
        timeout: Seconds after which it is ended.
        stdin: What it reads.

    Raises:
        TargetUnavailableError: It failed or took too long; with the last lines that it wrote.
    """
    try:
        done = _run(words, timeout=timeout, stdin=stdin)
    except subprocess.TimeoutExpired as expired:
        raise TargetUnavailableError(
            f"`{' '.join(words)}` took longer than {timeout:.0f} s"
        ) from expired
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()[-_LAST_WORDS:]
        raise TargetUnavailableError(
            "\n".join((f"`{' '.join(words)}` ended with exit code {done.returncode}:", *lines))
        )
    return done.stdout


def _run(
    words: tuple[str, ...], *, timeout: float, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, input=stdin, capture_output=True, text=True, timeout=timeout, check=False
    )


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "nothing"
