"""Transport: uvicorn's WebSocket protocol, with what a chat needs more: an abort, and a restart that says so.

It knows no frames of the contract beyond one close code.
"""

import asyncio
import struct
from typing import Any, Final, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from server.wire import CLOSE_RESTART

WRITE_BUFFER_BYTES = 65_536
"""What a connection may hold unsent before `send` waits: a reader that stopped costs this much and no more."""


_TEXT: Final = 0x81
"""FIN and the text opcode; a server's frames are not masked (RFC 6455 §5.2)."""
_SHORT: Final = struct.Struct("!BB")
_MIDDLE: Final = struct.Struct("!BBH")
_LONG: Final = struct.Struct("!BBQ")


class ChatProtocol(WebSocketsSansIOProtocol):
    """Puts itself as `shopbell.line` into the scope's extensions, and closes with 4002 when the server stops."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bound what may wait for a reader."""
        super().connection_made(transport)
        cast(asyncio.Transport, transport).set_write_buffer_limits(high=WRITE_BUFFER_BYTES)

    def handle_connect(self, event: Request) -> None:
        """Give the application a way to cut a line whose reader has stopped."""
        super().handle_connect(event)
        scope: Any = getattr(self, "scope", None)
        if scope is not None:  # the task that reads the scope was made, but has not run yet
            scope["extensions"]["shopbell.line"] = self

    def abort(self) -> None:
        """Cut the line, whatever waits in it."""
        self.transport.abort()

    def is_clear(self) -> bool:
        """Whether a frame can be written now without waiting for the reader."""
        open_now = self.handshake_complete and not self.close_sent and not self.disconnected
        return open_now and self.writable.is_set() and not self.transport.is_closing()

    def write_text(self, data: bytes) -> None:
        """Write a text frame at once. Only while `is_clear`: then it is what `send` would do.

        Without its five coroutines and the frame's checks, which a frame of our own cannot fail.
        """
        size = len(data)
        if size < 126:
            head = _SHORT.pack(_TEXT, size)
        elif size < 65_536:
            head = _MIDDLE.pack(_TEXT, 126, size)
        else:
            head = _LONG.pack(_TEXT, 127, size)
        self.transport.write(head + data)

    def shutdown(self) -> None:
        """Say that the server restarts, so that clients come back with a back-off."""
        if self.handshake_complete and not self.close_sent and not self.transport.is_closing():
            self.stop_keepalive()
            self.queue.put_nowait({"type": "websocket.disconnect", "code": CLOSE_RESTART})
            self.conn.send_close(CLOSE_RESTART, "restart")
            self.close_sent = True
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()
            return
        super().shutdown()
