"""Lays mocked models out as a model hub's cache, so that their ids resolve without a network.

The layout is the Hugging Face hub's: `hub/models--ORG--NAME/refs/main` names a snapshot, and
`hub/models--ORG--NAME/snapshots/<40 hex>/` holds its files. Several runs may share one cache: a
snapshot appears whole or not at all, under the digest of its content.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.mock_engine.mock_model import DEFAULT_CONTEXT_LENGTH, ModelFiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Letters, digits and . _ - ; each part starts and ends with a letter, a digit or _.
_PART = re.compile(r"(?!.*(--|\.\.))\w(?:[\w.-]{0,94}\w)?", re.ASCII)


class BadModelIdError(ValueError):
    """A model id that no hub would resolve."""


def fill(
    home: Path, ids: Iterable[str], *, context_length: int = DEFAULT_CONTEXT_LENGTH
) -> dict[str, Path]:
    """Make every model resolvable under `HF_HOME=home`.

    Args:
        home: the folder that `HF_HOME` names; made with its parents when missing.
        ids: the models, as ORG/NAME.
        context_length: longest sequence in tokens, the same for all.

    Returns:
        The snapshot folder of each id.

    Raises:
        BadModelIdError: when an id is not ORG/NAME; nothing has been written then.
    """
    wanted = {model: _folder_name(model) for model in ids}
    return {
        model: _add(home / "hub" / folder, ModelFiles(name=model, context_length=context_length))
        for model, folder in wanted.items()
    }


def is_id(model: str) -> bool:
    """Whether a hub can have a model of this name: ORG/NAME."""
    parts = model.split("/")
    return len(parts) == 2 and all(_PART.fullmatch(part) for part in parts)  # noqa: PLR2004 -- ORG/NAME


def home(env: Mapping[str, str]) -> Path:
    """Return the folder that holds the hub's cache, as the hub's own library finds it."""
    return Path(env.get("HF_HOME") or Path(env.get("HOME") or "/") / ".cache" / "huggingface")


def models(home: Path) -> list[str]:
    """Return the ids that resolve under `HF_HOME=home`, in alphabetical order."""
    return sorted(
        folder.name.removeprefix("models--").replace("--", "/", 1)
        for folder in (home / "hub").glob("models--*--*")
        if (folder / "refs" / "main").is_file()
    )


def find(home: Path, model: str) -> Path | None:
    """Return the folder that an id resolves to under `HF_HOME=home`, None when it does not."""
    repository = home / "hub" / f"models--{model.replace('/', '--')}"
    try:
        snapshot = (repository / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None  # Not there, or no name that a file can have.
    return repository / "snapshots" / snapshot


def _folder_name(model: str) -> str:
    if not is_id(model):
        raise BadModelIdError(
            f'model id "{model}" is not ORG/NAME: two parts of letters, digits, ".", "_" and "-", '
            'joined by one "/", such as Qwen/Qwen3-0.6B'
        )
    return "models--" + model.replace("/", "--")


def _add(repository: Path, files: ModelFiles) -> Path:
    texts = files.texts()
    digest = _digest(texts)
    snapshots = repository / "snapshots"
    snapshots.mkdir(parents=True, exist_ok=True)
    if not (snapshots / digest).is_dir():
        _appear(snapshots / digest, texts)
    _replace(repository / "refs" / "main", digest)
    return snapshots / digest


def _digest(texts: dict[str, str]) -> str:
    # SHA-1 because a snapshot's name has 40 hex digits, as a git commit's.
    content = hashlib.sha1(usedforsecurity=False)
    for name in sorted(texts):
        content.update(f"{name}\0{len(texts[name])}\0{texts[name]}".encode())
    return content.hexdigest()


def _appear(target: Path, texts: dict[str, str]) -> None:
    making = Path(tempfile.mkdtemp(prefix=".making-", dir=target.parent))
    try:
        making.chmod(0o755)
        for name, text in texts.items():
            (making / name).write_text(text, encoding="utf-8")
        making.rename(target)
    except OSError:
        shutil.rmtree(making, ignore_errors=True)
        # Another run was faster: its files have the same digest, so they are the same.
        if not target.is_dir():
            raise


def _replace(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".main-", dir=target.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).chmod(0o644)
    Path(name).replace(target)
