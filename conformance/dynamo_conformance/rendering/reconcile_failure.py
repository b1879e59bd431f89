"""What keeps the operator from making pods of a graph."""

from __future__ import annotations

NO_ORCHESTRATOR = "no_multinode_orchestrator_available"
"""`Ready` is False for this reason when a multinode graph meets neither Grove nor LWS."""

NOT_RECONCILED = "failed_to_reconcile_the_resources"
"""`Ready` is False for this reason when the graph as a whole cannot be worked on."""

COMPONENT_ERROR = "ReconcileError"
"""The event on a component whose pods cannot be made; the graph then waits for ever."""

NOT_RENDERED = "not_rendered_here"
"""No word of the operator's: it can do this, the rendering here cannot."""


class ReconcileFailure(Exception):  # noqa: N818 - the operator's own name for it
    """The operator would make no pods of this graph.

    Attributes:
        reason: One word for programs: one of this module's constants.
        message: What is wrong, where, and what to do about it.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message
