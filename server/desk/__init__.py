"""Desk: staff's side of a conversation: what waits, what is being said, and everything a person may do about it.

`connection` is the socket, `board` the queues, `deeds` what staff do to the log, `frames` what they may send.
"""

from server.desk.board import Board
from server.desk.connection import DeskLine, desk
from server.desk.deeds import Deeds

__all__ = ["Board", "Deeds", "DeskLine", "desk"]
