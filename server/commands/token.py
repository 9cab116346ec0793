"""`shopbell token`: an identity JWT, as a merchant's backend would sign it.

It keeps nothing, and prints nothing but the token.
"""

import time
from collections.abc import Mapping

from server import app, auth
from server.settings import Settings, signing_secret
from server.shop import load_shops


class NoSecret(Exception):
    """The site has no identity secret to sign with."""


def token(
    settings: Settings,
    *,
    customer: str,
    email: str | None,
    name: str | None,
    ttl_s: int,
    environment: Mapping[str, str],
) -> str:
    """The JWT. Without the site's own secret, a demo customer is signed with the demo's (`serve --demo` takes it).

    Raises:
        NoSecret: the variable that site.yaml names is not set, and this is no demo customer.
    """
    shop = load_shops(settings.shops[:1], data=settings.data)[0]
    site = shop.site
    secrets = site.identity.secrets_in(environment)
    kid, secret = next(iter(secrets.items()), (None, ""))
    if not secret and any(known.id == customer for known in site.demo.customers):
        secret = app.demo_secret(signing_secret(settings).get_secret_value(), site.key)
    if not secret:
        names = " or ".join(site.identity.variables)
        what = f"set {names}" if names else "name a variable under identity.secret_env in site.yaml, and set it"
        raise NoSecret(f"{site.key} has no identity secret: {what}")
    now_s = time.time()
    identity = auth.Identity(customer, email, name, int(now_s) + ttl_s)
    try:
        return auth.sign_identity(secret, identity, site_key=site.key, now_s=now_s, kid=kid)
    except ValueError as error:
        raise NoSecret(str(error)) from error
