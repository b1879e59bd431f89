"""Requirements of this project, by its own metadata: images hold what is required here."""

from __future__ import annotations

from importlib.metadata import requires

from packaging.requirements import Requirement

from dynamo_conformance.images.errors import ImageError

DISTRIBUTION = "dynamo-conformance"


def requirements(*names: str, extra: str) -> tuple[str, ...]:
    """Return the requirements called `names`, of the base install or an extra, as pip takes them.

    Raises:
        ImageError: One of them is not required; the installed metadata is another version's.
    """
    found = {
        one.name: f"{one.name}{one.specifier}"
        for one in (Requirement(line) for line in requires(DISTRIBUTION) or ())
        if one.marker is None or one.marker.evaluate({"extra": extra})
    }
    missing = [name for name in names if name not in found]
    if missing:
        raise ImageError(
            f"{DISTRIBUTION}, as it is installed, does not require {', '.join(missing)}; "
            "install it again"
        )
    return tuple(found[name] for name in names)
