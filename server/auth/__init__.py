"""Auth: who may connect, and who they are: visitor tokens, merchants' identities, origins.

Keeps no state and reads no clock: secrets and times come in as arguments. No message names a secret or a credential.
"""

from server.auth.identity import (
    IDENTITY_TTL_S,
    LEEWAY_S,
    WEAK_SECRET_BYTES,
    Identity,
    sign_hmac,
    sign_identity,
    verify_identity,
    weak_secret,
)
from server.auth.links import LINK_TTL_S, LinkToken, mint_link, mint_rating, read_link, read_rating
from server.auth.origins import Origins, origin_of
from server.auth.signed import FORBIDDEN, Refused
from server.auth.tokens import GRACE_S, RENEW_AFTER_S, TOKEN_TTL_S, VisitorToken, mint, needs_renewal, read

__all__ = [
    "FORBIDDEN",
    "GRACE_S",
    "IDENTITY_TTL_S",
    "LEEWAY_S",
    "LINK_TTL_S",
    "RENEW_AFTER_S",
    "TOKEN_TTL_S",
    "WEAK_SECRET_BYTES",
    "Identity",
    "LinkToken",
    "Origins",
    "Refused",
    "VisitorToken",
    "mint",
    "mint_link",
    "mint_rating",
    "needs_renewal",
    "origin_of",
    "read",
    "read_link",
    "read_rating",
    "sign_hmac",
    "sign_identity",
    "verify_identity",
    "weak_secret",
]
