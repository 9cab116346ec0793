"""Guard: cuts connections whose request head does not come, which uvicorn by itself keeps for ever.

It never looks into a request, and has no say once the head is complete.
"""

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S: Final = 10.0
"""CONTRACT §4 gives a client 10 s to say hello. Without this, 300 of 300 half-open handshakes lived 75 s and longer."""
HEAD_BYTES: Final = 65_536
"""httptools collects headers without limit; browsers send 1 to 8 KiB."""


class Guarded(HttpToolsProtocol):
    """uvicorn's protocol with a deadline for each request head."""

    head_s = HEAD_S
    _timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _upgraded = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock."""
        super().connection_made(transport)
        self._start()

    def data_received(self, data: bytes) -> None:
        """Count what a head takes, and watch for one that began."""
        if self._awaits_head():
            # A body may come in the same breath as its head; what is too large of it is the endpoint's to say.
            end = data.find(b"\r\n\r\n")
            self._head_bytes += len(data) if end < 0 else end
            if self._head_bytes > HEAD_BYTES:
                self._cut()
                return
        super().data_received(data)
        # uvicorn stops its keep-alive clock at any byte, so from here on a half head would never be missed.
        if self._timer is None and self._awaits_head():
            self._start()

    def on_headers_complete(self) -> None:
        """The head is here: stop the clock."""
        self._stop()
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        """From here on the WebSocket protocol keeps its own time."""
        self._upgraded = True
        self._stop()
        super().handle_websocket_upgrade()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop()
        super().connection_lost(exc)

    def _awaits_head(self) -> bool:
        if self._upgraded or self.transport.is_closing():
            return False
        return self.cycle is None or (self.cycle.response_complete and not self.pipeline)

    def _start(self) -> None:
        self._timer = self.loop.call_later(self.head_s, self._cut)

    def _stop(self) -> None:
        self._head_bytes = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _cut(self) -> None:
        self._timer = None
        self.transport.abort()


def handshake_guard(timeout_s: float = HEAD_S) -> type[HttpToolsProtocol]:
    """The HTTP protocol for uvicorn's `Config(http=…)`.

    A connection has `timeout_s` from being made to its first complete request head, and each further request as long
    from its first byte. What is slower, or larger than `HEAD_BYTES`, is cut without an answer.
    """
    return type("Guarded", (Guarded,), {"head_s": timeout_s})
