"""Imported whenever Python starts with Dynamo 0.8 to 1.0: no NATS where nothing goes through it.

These releases open a connection to NATS for KV events unless whoever opens the runtime says no, and
most of their own modules do not say so. There is no variable for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType


def _without_nats(core: ModuleType) -> None:
    """Have every runtime opened without NATS, unless requests go through it."""
    opened = core.DistributedRuntime

    class DistributedRuntime:
        """What opens the runtime in place of the release's own class."""

        detached = staticmethod(opened.detached)

        def __new__(  # type: ignore[misc]
            cls,
            event_loop: object,
            discovery: str,
            request_plane: str,
            enable_nats: bool | None = None,  # noqa: ARG004, FBT001
        ) -> object:
            """Return what the release's own class returns."""
            return opened(event_loop, discovery, request_plane, request_plane == "nats")

    vars(core)["DistributedRuntime"] = DistributedRuntime


try:
    from dynamo import _core
except ImportError:
    pass  # Another Python than the release's own.
else:
    _without_nats(_core)
