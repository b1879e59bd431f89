"""What a process needs around it to run the mock engine, and which mock engine it is."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

_ROOM = Path(__file__).parent


def overlay_path() -> Path:
    """Return the folder that, first on PYTHONPATH, takes over the engines' modules.

    Only for simulated processes: the engines of the tool itself would be gone as well.
    """
    return _ROOM / "overlay"


def environment(*, hub_home: Path) -> dict[str, str]:
    """Return the variables that a process needs to simulate an engine, or to be its frontend.

    Args:
        hub_home: The folder `hub_cache.fill` has filled.

    Returns:
        The variables. PYTHONPATH holds the overlay alone: whoever starts the process appends its
        own entries, with this package among them if it is not installed.
    """
    return {
        "HF_HOME": str(hub_home),
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": str(overlay_path()),
    }


@cache
def version() -> str:
    """Return the SHA-256, in hex, of everything the mock engine is made of."""
    content = hashlib.sha256()
    for path in sorted(_ROOM.rglob("*.py")):
        name = path.relative_to(_ROOM).as_posix()
        source = path.read_bytes()
        content.update(f"{name}\0{len(source)}\0".encode())
        content.update(source)
    return content.hexdigest()
