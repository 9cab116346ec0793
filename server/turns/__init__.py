"""Turns: the agent's work on conversations, one task for each that has work.

`runner` decides and goes round, `knowledge` searches, `speech` lets the model go on, `calls` runs tools.
"""

from server.turns.runner import Turns
from server.turns.work import Agent

__all__ = ["Agent", "Turns"]
