"""Links: the token behind the `#` of a mailed link, which opens one conversation again, or rates it.

Reads no clock. It is no visitor token: it is good for one thing only, to be changed for one; or to say how it was.
"""

from typing import Final

from server.auth.standing import Kind, Standing, opened, sealed

LINK_TTL_S: Final = 7 * 86_400
"""A week: a mail is read on the next working day, and a mailbox may be another's one day."""
_LINK: Final = Kind("shopbell-link", b"shopbell link v1", LINK_TTL_S, "link")
_RATING: Final = Kind("shopbell-rating", b"shopbell rating v1", LINK_TTL_S, "link")

LinkToken = Standing
"""Whose conversation a link opens: nobody's after a sign-in or sign-out, when the generation is another."""


def mint_link(secret: str, link: LinkToken, now_s: float) -> str:
    """The token as text, good for 7 days from `now_s`.

    Raises:
        ValueError: the secret is empty.
    """
    return sealed(_LINK, secret, link, now_s)


def read_link(secret: str, text: str, now_s: float) -> LinkToken:
    """What a link's token says, if it is ours and still good.

    Raises:
        Refused: `bad_token`, with why.
    """
    return opened(_LINK, secret, text, now_s)[0]


def mint_rating(secret: str, link: LinkToken, now_s: float) -> str:
    """The token of a link that only rates: whoever has it can neither read nor write. Good for 7 days from `now_s`.

    Raises:
        ValueError: the secret is empty.
    """
    return sealed(_RATING, secret, link, now_s)


def read_rating(secret: str, text: str, now_s: float) -> LinkToken:
    """What a rating link's token says, if it is ours and still good.

    Raises:
        Refused: `bad_token`, with why.
    """
    return opened(_RATING, secret, text, now_s)[0]
