"""Where one HTTP exchange ends and the next may begin, seen from the bytes that pass by."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import h11


class Framing:
    """Listens to both directions of an HTTP/1.1 connection and changes nothing.

    What it cannot follow (no HTTP, another protocol after an upgrade) it takes for a connection
    that nobody may use again.
    """

    def __init__(self) -> None:
        import h11

        self._errors = (h11.LocalProtocolError, h11.RemoteProtocolError)
        self._from_client = h11.Connection(h11.SERVER)
        self._to_server = h11.Connection(h11.CLIENT)

    @property
    def is_between(self) -> bool:
        """Whether no exchange is under way, and both sides let the connection go on."""
        import h11

        sides = (self._from_client, self._to_server)
        return all(side.our_state is h11.IDLE and side.their_state is h11.IDLE for side in sides)

    def request(self, data: bytes) -> None:
        """Take note of bytes from the client."""
        self._carry(data, self._from_client, self._to_server)

    def answer(self, data: bytes) -> None:
        """Take note of bytes from the server."""
        self._carry(data, self._to_server, self._from_client)

    def _carry(self, data: bytes, receiver: h11.Connection, sender: h11.Connection) -> None:
        try:
            receiver.receive_data(data)
            self._pass_on(receiver, sender)
            # A request that came before its turn is read when the one before it has its answer.
            self._pass_on(self._from_client, self._to_server)
        except self._errors:
            return  # From now on one of the sides is in a state of error, and never idle again.

    def _pass_on(self, receiver: h11.Connection, sender: h11.Connection) -> None:
        """Pass on to the sender what the receiver has read, so that both state machines agree."""
        import h11

        while True:
            event = receiver.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED:
                return
            if isinstance(event, h11.ConnectionClosed):
                return
            sender.send(event)  # type: ignore[arg-type]
            if receiver.our_state is h11.DONE and receiver.their_state is h11.DONE:
                receiver.start_next_cycle()
                sender.start_next_cycle()
