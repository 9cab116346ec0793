"""Guard: uvicorn's HTTP protocol with a time limit for the request's head.

uvicorn has none: 300 of 300 half-open handshakes lived for 75 s (DESIGN §10). It reads nothing of a request itself.
"""

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S: Final = 10.0
"""From connecting to a complete head. A phone on a bad line needs one or two."""


def handshake_guard(timeout_s: float = HEAD_S) -> type[HttpToolsProtocol]:
    """A protocol class that cuts a connection on which no complete request head came within `timeout_s`."""

    class Guarded(HttpToolsProtocol):
        """Waits `timeout_s` for the first head; what follows is uvicorn's keep-alive."""

        _head_timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            """Start the clock."""
            super().connection_made(transport)
            self._head_timer = self.loop.call_later(timeout_s, transport.abort)

        def on_headers_complete(self) -> None:
            """The head is complete."""
            self._stop_timer()
            super().on_headers_complete()

        def connection_lost(self, exc: Exception | None) -> None:
            """The other side gave up first."""
            self._stop_timer()
            super().connection_lost(exc)

        def _stop_timer(self) -> None:
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None

    return Guarded
