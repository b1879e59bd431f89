"""Weights that were made once are kept, and laid out for each run as a hub's cache."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final, TypeVar

from dynamo_conformance.cpu_engine.families import Kind, family_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynamo_conformance.cpu_engine.families import Family

SEED: Final = 6
RANK: Final = 8
SECONDS: Final = 120.0
"""How long it may take to make weights; a few seconds do, nearly all of them for imports."""

ADAPTERS: Final = 2
"""How many adapters a model gets: what one says, the other does not."""

_LAYOUT = "1"
_Path = TypeVar("_Path", bound=PurePath)


class WeightsError(Exception):
    """No weights can be made here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """What is to be made.

    Attributes:
        family: The family of the model, or of the model that a draft head or an adapter is for.
        kind: A model, a draft head or an adapter.
        seed: What the draws begin with; another one makes another adapter.
        rank: The rank of an adapter.
    """

    family: Family
    kind: Kind = Kind.MODEL
    seed: int = SEED
    rank: int = RANK

    @property
    def json(self) -> str:
        """The specification as the program that makes weights takes it."""
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def digest(self) -> str:
        """The SHA-1, in hex, of all that the outcome depends on: 40 digits, as a hub's snapshot."""
        content = hashlib.sha1(usedforsecurity=False)
        for part in (_LAYOUT, self.json, program().read_text(encoding="utf-8")):
            content.update(f"{len(part)}:{part}".encode())
        return content.hexdigest()


def adapters(model: str) -> tuple[Specification, ...]:
    """Return the adapters for a model.

    Raises:
        UnknownFamilyError: No tiny model stands for it.
    """
    family = family_of(model)
    return tuple(
        Specification(family=family, kind=Kind.ADAPTER, seed=seed) for seed in range(ADAPTERS)
    )


def program() -> Path:
    """Return the program that makes weights, for an interpreter that has torch and transformers."""
    return Path(__file__).with_name("make_weights.py")


def overlay_path() -> Path:
    """Return the folder that is first on the PYTHONPATH of whatever loads the engine."""
    return Path(__file__).with_name("overlay")


def cache_folder() -> Path:
    """Return where weights, and what the engine compiles, are kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return below(Path(base))


def below(base: _Path) -> _Path:
    """Return the folder of weights and compiled code in a folder of caches."""
    return base / "dynamo-conformance" / "cpu-engine"


def made(wanted: Specification) -> Path:
    """Return the folder that holds what is wanted; it is made where it is not kept yet.

    Raises:
        WeightsError: The engine's torch or transformers cannot make it.
        OSError: The cache cannot be written.
    """
    kept = cache_folder() / "weights" / wanted.digest
    if kept.is_dir():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=".making-", dir=kept.parent))
    try:
        _make(wanted, making)
        making.chmod(0o755)
        for path in making.iterdir():
            path.chmod(0o644)
        making.rename(kept)
    except OSError:
        # Another run was faster: its content is the same.
        if not kept.is_dir():
            raise
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return kept


def _make(wanted: Specification, folder: Path) -> None:
    # Transformers leaves modules in its cache, and asks a hub, unless that is said.
    env = os.environ | {
        "HF_HOME": str(folder / "hub"),
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": str(overlay_path()),
    }
    words = [sys.executable, str(program()), wanted.json, str(folder)]
    try:
        ended = subprocess.run(
            words, env=env, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise WeightsError(f"weights were not made within {SECONDS:.0f} s") from None
    if ended.returncode:
        last = ended.stderr.strip().splitlines()[-1:] or [f"exit code {ended.returncode}"]
        raise WeightsError(f"weights of the family {wanted.family.name} are not made: {last[0]}")
    shutil.rmtree(folder / "hub", ignore_errors=True)


def fill_hub(home: Path, models: Iterable[str], drafts: Iterable[str] = ()) -> None:
    """Make models resolvable under `HF_HOME=home`, by symbolic links to what is kept.

    Args:
        home: The folder that `HF_HOME` names; made with its parents when missing.
        models: Hub ids, as ORG/NAME.
        drafts: Those of draft heads.

    Raises:
        UnknownFamilyError: No tiny model stands for one of them.
        WeightsError: It cannot be made.
    """
    for kind, ids in ((Kind.MODEL, models), (Kind.DRAFT, drafts)):
        for model in ids:
            wanted = Specification(family=family_of(model), kind=kind)
            repository = home / "hub" / f"models--{model.replace('/', '--')}"
            snapshots = repository / "snapshots"
            snapshots.mkdir(parents=True, exist_ok=True)
            link_files(made(wanted), snapshots / wanted.digest)
            (repository / "refs").mkdir(exist_ok=True)
            (repository / "refs" / "main").write_text(wanted.digest, encoding="utf-8")


def link_model(name: str, folder: Path) -> None:
    """Have a folder hold a model, for manifests whose `--model` is a path.

    Raises:
        UnknownFamilyError: No tiny model stands for one of that name.
        WeightsError: It cannot be made.
    """
    link_files(made(Specification(family=family_of(name))), folder)


def link_files(kept: Path, folder: Path) -> None:
    """Have a folder hold what is kept; engines only read it."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in kept.iterdir():
        place = folder / path.name
        if not place.exists():
            place.symlink_to(path)


def main(home: Path, asked: dict[str, list[str]]) -> None:
    """Fill the hub of an image that is being built, and make adapters beside it."""
    fill_hub(home, asked["models"], asked["drafts"])
    for model in asked["adapted"]:
        for adapter in adapters(model):
            made(adapter)


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
