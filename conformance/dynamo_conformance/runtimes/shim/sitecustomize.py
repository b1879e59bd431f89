"""Imported whenever Python starts with Dynamo 0.8 to 1.0: no NATS where nothing goes through it.

These releases open a connection to NATS for KV events unless whoever opens the runtime says no, and
most of their own modules do not say so. There is no variable for it.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType


def _without_nats(core: ModuleType) -> None:
    """Have every runtime opened without NATS, unless requests go through it."""
    opened = core.DistributedRuntime
    signature = inspect.signature(opened)

    class DistributedRuntime:
        """What opens the runtime in place of the release's own class."""

        __signature__ = signature
        detached = staticmethod(opened.detached)

        def __new__(cls, *args: object, **named: object) -> object:  # type: ignore[misc]
            """Return what the release's own class returns."""
            given = signature.bind(*args, **named).arguments
            given["enable_nats"] = given["request_plane"] == "nats"
            return opened(**given)

    vars(core)["DistributedRuntime"] = DistributedRuntime


try:
    from dynamo import _core
except ImportError:
    pass  # Another Python than the release's own.
else:
    _without_nats(_core)
