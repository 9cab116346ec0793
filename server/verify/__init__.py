"""Verify: codes by mail, with which a customer shows in the chat who they are.

`verifier` asks and checks, `words` finds codes and addresses in messages, `delivery` looks guests up and mails. Nothing that a code
needs is in memory: it works after a restart and on another process.
"""

from server.verify.delivery import Delivery, Desk
from server.verify.verifier import NotNow, Verifier
from server.verify.words import Words

__all__ = ["Delivery", "Desk", "NotNow", "Verifier", "Words"]
