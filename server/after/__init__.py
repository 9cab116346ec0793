"""After: what reaches a customer who has left: the address they leave, answers by mail, the link back.

Nothing here is asked before the answer is in the log, and nothing is mailed to an address that the customer did not leave.
"""

from server.after.contacts import Contacts
from server.after.letters import LINK_PATH, Use
from server.after.post import NoAddress, Post, PostOffice, link_of
from server.after.ratings import Ratings

__all__ = ["LINK_PATH", "Contacts", "NoAddress", "Post", "PostOffice", "Ratings", "Use", "link_of"]
