"""Desk: staff's side of a conversation: what waits, what is being said, and everything a person may do about it.

`connection` is the socket, `board` the queues, `deeds` what staff do to the log, `frames` what they may send, `dispatch` to
whom a conversation that waits is offered.
"""

from server.desk.board import Board
from server.desk.connection import DeskLine, desk
from server.desk.deeds import Deeds
from server.desk.dispatch import Dispatch

__all__ = ["Board", "Deeds", "DeskLine", "Dispatch", "desk"]
