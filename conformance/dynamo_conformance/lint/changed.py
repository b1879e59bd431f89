"""Changes: which files differ from a git revision."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from dynamo_conformance.lint.options import GitError
from dynamo_conformance.manifest.files import real

_DEADLINE = 60.0


def changed_since(revision: str, *, folder: Path) -> frozenset[Path]:
    """Return the files that differ from `revision`, new and uncommitted ones too, as real paths.

    Args:
        revision: A commit, branch or tag; what was changed there since it parted does not count.
        folder: A folder in the working tree.

    Raises:
        GitError: There is no git, no repository or no such revision.
    """
    top = Path(_git("rev-parse", "--show-toplevel", folder=folder).rstrip("\n"))
    commit = f"{revision}^{{commit}}"
    _git(
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        commit,
        folder=folder,
        otherwise=f'no revision is called "{revision}" here; fetch it first, or name another',
    )
    base = _git(
        "merge-base",
        "--end-of-options",
        revision,
        "HEAD",
        folder=folder,
        otherwise=f'"{revision}" and HEAD have no commit in common; fetch more history',
    )
    base = base.strip()
    listed = _git("diff", "--name-only", "-z", base, folder=top)
    listed += _git("ls-files", "--others", "--exclude-standard", "-z", folder=top)
    return frozenset(real(top / name) for name in listed.split("\0") if name)


def _git(*words: str, folder: Path, otherwise: str = "") -> str:
    """Return what git prints; when it fails, say `otherwise`, or what git lines."""
    try:
        done = subprocess.run(
            ["git", *words],
            cwd=folder,
            capture_output=True,
            timeout=_DEADLINE,
            check=False,
        )
    except FileNotFoundError as error:
        raise GitError("git is not installed, and --changed-since asks it") from error
    except subprocess.TimeoutExpired as error:
        raise GitError(f"git {words[0]} took longer than {_DEADLINE:g} s") from error
    if done.returncode:
        lines = os.fsdecode(done.stderr).strip().splitlines()
        failed = f"git {words[0]}: {lines[-1] if lines else f'exit {done.returncode}'}"
        raise GitError(otherwise or failed)
    return os.fsdecode(done.stdout)
