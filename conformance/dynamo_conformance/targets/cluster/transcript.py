"""Requests to an endpoint and its answers, as far as they fit."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECTIONS = 200
CONNECTION_BYTES = 64 * 1024

REQUEST, ANSWER, NOTE = ">", "<", "!"


@dataclass(slots=True)
class Conversation:
    """One connection: pieces of both directions, the oldest let go when there are too many."""

    number: int
    peer: str
    pieces: deque[tuple[datetime, str, bytes]] = field(default_factory=deque)
    size: int = 0
    lost: int = 0

    def note(self, mark: str, data: bytes) -> None:
        """Add what one side sent."""
        self.pieces.append((datetime.now(UTC), mark, data[:CONNECTION_BYTES]))
        self.size += len(self.pieces[-1][2])
        while self.size > CONNECTION_BYTES and len(self.pieces) > 1:
            dropped = len(self.pieces.popleft()[2])
            self.size -= dropped
            self.lost += dropped

    def lines(self) -> Iterator[str]:
        """Yield it as text: each piece with its time, its direction and what was sent."""
        yield f"=== connection {self.number} to {self.peer}"
        if self.lost:
            yield f"... {self.lost} earlier bytes are not kept"
        for at, mark, data in list(self.pieces):
            yield f"--- {at.time().isoformat(timespec='milliseconds')} {mark}"
            yield data.decode(errors="backslashreplace").rstrip("\r\n").replace("\r\n", "\n")


class Transcript:
    """The newest conversations with an endpoint."""

    def __init__(self) -> None:
        self._kept: deque[Conversation] = deque(maxlen=CONNECTIONS)
        self._count = 0
        self._lock = threading.Lock()

    def begin(self, peer: str) -> Conversation:
        """Return a new conversation with `peer`."""
        with self._lock:
            self._count += 1
            conversation = Conversation(self._count, peer)
            self._kept.append(conversation)
            return conversation

    def text(self) -> str:
        """Return everything that is kept."""
        with self._lock:
            kept = list(self._kept)
        return "\n".join(line for conversation in kept for line in conversation.lines())
