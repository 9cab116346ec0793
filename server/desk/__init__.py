"""Desk: staff's side of a conversation: what waits, what is being said, and everything a person may do about it.

`connection` is the socket, `board` the queues, `deeds` what staff do to the log, `beside` what they look up and mark,
`frames` what they may send, `dispatch` to whom a conversation that waits is offered,
`absent` what becomes of those whose holder has left.
"""

from server.desk.absent import Absent
from server.desk.asides import Asides
from server.desk.beside import Beside
from server.desk.board import Board
from server.desk.connection import DeskLine, desk
from server.desk.deeds import Deeds
from server.desk.dispatch import Dispatch
from server.desk.marks import Marks

__all__ = ["Absent", "Asides", "Beside", "Board", "Deeds", "DeskLine", "Dispatch", "Marks", "desk"]
