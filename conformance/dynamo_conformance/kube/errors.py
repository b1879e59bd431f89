"""What the API says instead of an answer."""

from __future__ import annotations

NOT_FOUND = 404
CONFLICT = 409
FORBIDDEN = 403
GONE = 410
UNAUTHORIZED = 401


class ApiError(Exception):
    """The API server refused a request, or did not answer.

    Attributes:
        status: The HTTP status; 0 when there was no answer.
        reason: One word for programs, such as `Forbidden` or `AlreadyExists`.
        message: What the server says.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message


class UnreachableError(ApiError):
    """The API server does not answer."""

    def __init__(self, message: str) -> None:
        super().__init__(0, "Unreachable", message)
