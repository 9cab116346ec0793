"""Socket: customers' WebSockets. `connection` reads and writes frames, `customer` is what they do to the log."""

from server.socket.connection import chat
from server.socket.customer import Line

__all__ = ["Line", "chat"]
