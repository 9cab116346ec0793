"""Budget: the tokens that a site's limits allow, booked before a model is called.

It books nothing itself: what it returns goes into an append.
"""

from typing import Final

from server.ports import Model, Spend
from server.site import Site

RESERVE_TOKENS: Final = 4_000
"""Booked before a model call where the site has a token limit: about a usual prompt and answer."""


def reserve(site: Site, model: Model, conversation: str, now_ms: int) -> list[Spend]:
    """What to book before one call of this model for this conversation (the store's key); nothing for the offline engine."""
    limits = site.limits
    if model.name == "offline":
        return []
    day = now_ms // 86_400_000
    spend = []
    if limits.model_tokens_per_day is not None:
        spend.append(Spend(f"{site.key}/tokens/{day}", RESERVE_TOKENS, limits.model_tokens_per_day))
    if limits.model_tokens_per_conversation is not None:
        spend.append(Spend(f"{conversation}/tokens/{day}", RESERVE_TOKENS, limits.model_tokens_per_conversation))
    return spend
