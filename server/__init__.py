"""The Shopbell server: one ordered log of events per conversation, and what reads and writes it."""

__version__ = "0.1.0"
