"""Changes: which files differ from a git revision."""

from __future__ import annotations

import subprocess
from pathlib import Path

_DEADLINE = 60.0


class GitError(RuntimeError):
    """Git cannot tell; the message says why."""


def changed_since(revision: str, *, folder: Path) -> frozenset[Path]:
    """Return the files that differ from `revision`, new and uncommitted ones too, as real paths.

    Args:
        revision: A commit, branch or tag; what was changed there since it parted does not count.
        folder: A folder in the working tree.

    Raises:
        GitError: There is no git, no repository or no such revision.
    """
    top = Path(_git("rev-parse", "--show-toplevel", folder=folder).strip())
    base = _git("merge-base", "--end-of-options", revision, "HEAD", folder=folder).strip()
    listed = _git("diff", "--name-only", "-z", base, folder=top)
    listed += _git("ls-files", "--others", "--exclude-standard", "-z", folder=top)
    return frozenset((top / name).resolve() for name in listed.split("\0") if name)


def _git(*words: str, folder: Path) -> str:
    try:
        done = subprocess.run(
            ["git", *words],
            cwd=folder,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=_DEADLINE,
            check=False,
        )
    except FileNotFoundError as error:
        raise GitError("git is not installed, and --changed-since asks it") from error
    except subprocess.TimeoutExpired as error:
        raise GitError(f"git {words[0]} took longer than {_DEADLINE:g} s") from error
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise GitError(f"git {words[0]}: {said[-1] if said else f'exit {done.returncode}'}")
    return done.stdout
