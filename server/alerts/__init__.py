"""Alerts: tells staff who are not at the desk that a customer waits, an approval is wanted, or a note names them.

It tells nobody who is at the desk, and takes nothing from a customer's words that the shop has not allowed.
"""

from server.alerts.alerts import Alerts, Desk, Office, office_of

__all__ = ["Alerts", "Desk", "Office", "office_of"]
