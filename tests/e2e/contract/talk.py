"""What the contract's tests share: identities as a merchant signs them, and the end of a refused connection."""

import hashlib
import hmac
import time

import jwt

from tests.serving import ORIGIN, SECRET, Client


def identity(customer="cust-1", *, site="pk_test", secret=SECRET, ttl_s=600, **claims):
    """An identity JWT."""
    claims = {"sub": customer, "aud": site, "exp": int(time.time()) + ttl_s, **claims}
    return jwt.encode(claims, secret, "HS256")


def signed(customer, email, *, secret=SECRET, ago_s=0, as_text=True):
    """The hex HMAC of a shop theme."""
    at = int(time.time()) - ago_s
    mac = hmac.new(secret.encode(), f"{customer}\n{email}\n{at}".encode(), hashlib.sha256).hexdigest()
    return {"customer": customer, "email": email, "at": str(at) if as_text else at, "hmac": mac}


async def error_of(client):
    """The next error frame."""
    return await client.until(lambda f: f["t"] == "error")


async def closing(server, hello, *, site_origin=ORIGIN):
    """The error's code and the close code of a connection that begins like this."""
    async with Client(server, origin=site_origin) as client:
        await client.send(hello)
        error = await error_of(client)
        return (error or {}).get("code"), await client.closed()
