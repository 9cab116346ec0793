"""The offline engine: the embedded default model. See DESIGN §6.

Knows no shop: everything about one comes in through the prompt.
"""

from server.models.offline.engine import Offline, Pick

__all__ = ["Offline", "Pick"]
