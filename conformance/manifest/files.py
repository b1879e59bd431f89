"""Files that are replaced as a whole."""

from __future__ import annotations

from pathlib import Path
from tempfile import NamedTemporaryFile


def replace_file(path: Path, data: bytes) -> None:
    """Write an existing file so that it is never seen half written; its mode stays.

    Raises:
        OSError: It cannot be written; then it is as it was.
    """
    target = path.resolve()
    with NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(data)
            file.flush()
            temporary.chmod(target.stat().st_mode)
            temporary.replace(target)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
