"""What an API server refuses, and that there is none."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING

from dynamo_conformance.kube.resources import table

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain

UNAUTHORIZED = 401
FORBIDDEN = 403
NOT_FOUND = 404
CONFLICT = 409
GONE = 410
_TOO_MANY = 429
_FIRST_ERROR, _FIRST_SERVER_ERROR = 400, 500

_LONGEST = 500


class ClusterUnavailableError(Exception):
    """There is no way to a cluster; the text says what to do."""


class ApiError(Exception):
    """The API server refused a request, or did not answer.

    Attributes:
        status: The HTTP status; 0 when there was no answer.
        reason: One word for programs, such as `Forbidden` or `AlreadyExists`.
        message: Why, in the words of the server.
        namespace_terminating: Whether it refused because the namespace is being deleted.
    """

    def __init__(
        self, status: int, reason: str, message: str, *, namespace_terminating: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.namespace_terminating = namespace_terminating

    @classmethod
    def of_response(cls, status: int, content: bytes) -> ApiError:
        """Return what the server answered as an error."""
        try:
            answer: Plain = json.loads(content)
        except ValueError:
            answer = {"message": content.decode(errors="replace").strip()[:_LONGEST]}
        fields = table(answer)
        causes = table(fields.get("details")).get("causes")
        reasons = [
            table(cause).get("reason") for cause in (causes if isinstance(causes, list) else ())
        ]
        reason = str(fields.get("reason") or status)
        known = status in {*HTTPStatus}
        return cls(
            status,
            reason,
            str(fields.get("message") or (HTTPStatus(status).phrase if known else reason)),
            namespace_terminating="NamespaceTerminating" in reasons,
        )

    @property
    def is_final(self) -> bool:
        """Whether the same request will fail again until somebody changes something."""
        is_refusal = _FIRST_ERROR <= self.status < _FIRST_SERVER_ERROR
        is_passing = self.status in (UNAUTHORIZED, _TOO_MANY) or self.namespace_terminating
        return is_refusal and not is_passing


class UnreachableError(ApiError):
    """The API server does not answer."""

    def __init__(self, message: str) -> None:
        super().__init__(0, "Unreachable", message)
