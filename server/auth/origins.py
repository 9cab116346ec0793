"""Origins: which pages may open which site's chat.

Exact match, deny by default; no pattern and no wildcard.
"""

import re
from collections.abc import Iterable, Mapping
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from server.auth.signed import FORBIDDEN, Refused

_ORIGIN: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]{2,45}\]|[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?)(?::(?P<port>[0-9]{1,5}))?",
    re.ASCII | re.IGNORECASE,
)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def origin_of(text: str) -> str | None:
    """The origin as browsers write it: lower case, no default port; None when it is no http(s) origin.

    A path, a user name, white space, `null`, a wildcard, a trailing dot and letters outside ASCII are no origin:
    browsers never send them (they send punycode).
    """
    match = _ORIGIN.fullmatch(text)
    if match is None:
        return None
    scheme, host = match["scheme"].lower(), match["host"].lower()
    try:
        if host.startswith("["):
            host = f"[{IPv6Address(host[1:-1])}]"
        elif re.fullmatch(r"[0-9.]+", host):
            host = str(IPv4Address(host))
    except AddressValueError:
        return None
    if ".." in host:
        return None
    if match["port"] is None:
        return f"{scheme}://{host}"
    port = int(match["port"])
    if not 1 <= port <= 65_535:
        return None
    return f"{scheme}://{host}" if port == _DEFAULT_PORTS[scheme] else f"{scheme}://{host}:{port}"


class Origins:
    """Which pages may open which site's chat: exact match, deny by default."""

    def __init__(
        self,
        sites: Mapping[str, Iterable[str]],
        *,
        own: Iterable[str] = (),
        own_sites: Iterable[str] = (),
        pages: Iterable[str] = (),
    ) -> None:
        """Take each site key's origins; `own` are the server's own origins, which count for `own_sites` (--demo).

        `pages` are those whose page for mailed links may go on with a conversation of any site, and begin none.

        Raises:
            ValueError: a configured origin is none.
        """
        found: dict[str, set[str]] = {}
        self._own, self._own_sites = tuple(own), frozenset(own_sites)
        for key, origins in [*sites.items(), *((key, self._own) for key in self._own_sites)]:
            for given in origins:
                found.setdefault(_normal(key, given), set()).add(key)
        self._pages = frozenset(filter(None, map(origin_of, pages)))
        self._all = frozenset(sites)
        self._sites: Mapping[str, frozenset[str]] = {origin: frozenset(keys) for origin, keys in found.items()}

    def allow(self, site_key: str, origins: Iterable[str]) -> None:
        """Other origins for a site from now on, beside the server's own. Whoever is in stays in.

        Raises:
            ValueError: one of them is no origin; nothing is changed then.
        """
        found = {origin: set(keys) - {site_key} for origin, keys in self._sites.items()}
        given = [*origins, *(self._own if site_key in self._own_sites else ())]
        for text in given:
            found.setdefault(_normal(site_key, text), set()).add(site_key)
        self._sites = {origin: frozenset(keys) for origin, keys in found.items() if keys}

    def sites(self, origin: str | None) -> frozenset[str]:
        """The keys of the sites that list this origin; empty when it is missing, `null`, or nobody's: answer 403."""
        normal = origin_of(origin) if origin else None
        return self._sites.get(normal, frozenset()) if normal else frozenset()

    def knows(self, origin: str | None, *, linked: bool = False) -> bool:
        """Whether any chat can be opened from this origin. `linked`: on the line of the page for mailed links."""
        return bool(self.sites(origin)) or (linked and self._is_page(origin))

    def _is_page(self, origin: str | None) -> bool:
        return bool(origin) and origin_of(str(origin)) in self._pages

    def check(self, origin: str | None, site_key: str, *, goes_on: bool = False) -> None:
        """Raise `Refused` (`forbidden_origin`, 4502) unless the site lists the origin, or this `goes_on` on our own page.

        `goes_on`: a visitor's token is shown, which says more of who asks than any origin, and is checked after this.
        """
        if goes_on and site_key in self._all and self._is_page(origin):
            return
        if site_key not in self.sites(origin):
            raise Refused("forbidden_origin", "this page may not open the chat of this site", close=FORBIDDEN)


def _normal(site_key: str, given: str) -> str:
    origin = origin_of(given)
    if origin is None:
        raise ValueError(f"site {site_key}: expected an origin such as https://shop.example, got {given!r}")
    return origin
